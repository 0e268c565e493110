"""Reads English sentences: words -> clauses (`clauses`) -> frames of verbs (`being`, `having`, `doing`) -> facts; and questions."""
