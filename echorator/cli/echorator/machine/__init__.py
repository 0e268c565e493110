"""The commands that run and look at one machine."""
