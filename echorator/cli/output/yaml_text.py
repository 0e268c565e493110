"""YAML in the form in which commands print it."""

from __future__ import annotations

import yaml


class WithoutAnchors(yaml.SafeDumper):
    """A YAML writer without anchors: it writes an object out at every occurrence."""

    def ignore_aliases(self, data: object) -> bool:
        """Return True for all data, so that no anchors are written."""
        del data
        return True
