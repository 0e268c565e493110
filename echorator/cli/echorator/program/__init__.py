"""The commands about the program itself."""
