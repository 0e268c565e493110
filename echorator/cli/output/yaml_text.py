"""YAML in the form in which commands print it."""

from __future__ import annotations

import yaml

from echorator.cluster.core_yaml import CORE


class WithoutAnchors(yaml.SafeDumper):
    """A YAML writer without anchors: it writes an object out at every occurrence.

    A text is quoted where a reader of either YAML, 1.1 or 1.2, would take it for another value.
    """

    def ignore_aliases(self, data: object) -> bool:
        """Return True for all data, so that no anchors are written."""
        del data
        return True


for _tag, _fits, _first in CORE:
    WithoutAnchors.add_implicit_resolver(_tag, _fits, _first)
