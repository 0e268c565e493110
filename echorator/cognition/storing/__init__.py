"""Keeps memories in SQLite or Redis, behind `store.Store`, and snapshots of the recall index on disk."""
