"""Model files: named by a source, pulled from registries and servers, verified, kept by their content, shared."""
