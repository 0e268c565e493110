"""Reads all of a namespace from its store, for an export."""

from __future__ import annotations

from echorator.cognition.learning.adopting import Archive
from echorator.cognition.memory import Change, Namespace
from echorator.cognition.storing.store import Store

_PAGE = 5000  # changes of one read


def archive_of(store: Store, namespace: Namespace, embeddings: bool) -> Archive:
    """Return the memories of a namespace, with vectors where `embeddings` is set, and all that is known of them."""
    memories = list(store.everything(namespace, embeddings))
    there = {memory.id for memory in memories}
    changes: list[Change] = []
    seq = 0
    while page := store.changes_after(namespace, seq, _PAGE):
        changes += [change for change in page if change.memory_id in there]
        seq = page[-1].seq
    experiences = store.experiences(namespace, "", 1 << 40)
    return Archive(memories, store.goals(namespace), experiences[::-1], changes, list(store.associations(namespace)))
