"""One module for each page of `docs/reference/`. Each has `page()`, which returns the page as Markdown; `docs/generate.py` writes them."""
