"""The commands that serve a memory, look into it and offer it to others."""
