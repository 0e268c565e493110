"""The documentation: Markdown pages, and `generate.py`, which writes those under `reference/` from the code."""
