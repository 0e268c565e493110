"""Model files for tests: random weights, damaged and changed ones, adapters, and the servers that they are pulled from."""
