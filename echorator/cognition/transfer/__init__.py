"""Exports and imports of namespaces: `own` is the format of this program, `foreign` reads those of other memory services."""
