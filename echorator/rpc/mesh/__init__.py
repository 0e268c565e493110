"""Generated code of the private packages: what the parts of a mesh say to each other."""
