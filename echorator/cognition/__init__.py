"""The memory, Deep Tree Echo: it remembers, recalls, builds contexts, learns from experience, consolidates and forgets."""
