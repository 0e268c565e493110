"""The commands of a mesh of several machines."""
