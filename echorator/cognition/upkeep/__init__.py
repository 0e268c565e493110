"""Background and maintenance work on a namespace: consolidation, patterns, the map, re-embedding, checks.

It computes on threads in small steps and writes as every caller does (in the namespace's lock, through the store), so that
recall goes on meanwhile. Fed by `api`; the decisions are those of `consolidation`, `forgetting`, `prototypes` and `spatial`.
"""
