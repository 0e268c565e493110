"""Model files: named by a source, pulled from registries and servers, verified, vetted, stored by their digest, and shared."""
