"""Deep Tree Echo: remember, recall, build context, learn from experience, consolidate, forget."""
