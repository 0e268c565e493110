"""The arguments of the commands; imports nothing heavy, so that --help and usage errors answer at once."""
