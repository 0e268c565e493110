"""Verifies the rows of one namespace in PostgreSQL against each other. Feeds `postgres.store`."""

from __future__ import annotations

from collections import defaultdict

from echorator.cognition.memory import Finding
from echorator.cognition.storing.documents import loaded, topics
from echorator.cognition.storing.postgres.connections import Connection, Connections
from echorator.cognition.storing.postgres.rows import topic_number

_ODD = """SELECT m.id FROM memories m LEFT JOIN embedders e ON e.id = m.embedder WHERE m.namespace = %s
    AND (octet_length(m.terms) %% 8 <> 0 OR octet_length(m.embedding) IS DISTINCT FROM 4 * e.dimension) ORDER BY m.id"""
_DANGLING = """SELECT count(*) FROM associations l WHERE l.namespace = %s
    AND (SELECT count(*) FROM memories m WHERE m.namespace = l.namespace AND m.id IN (l.a, l.b)) < 2"""
_FACTS = "SELECT id, facts FROM memories WHERE namespace = %s AND facts <> '[]'"
_TOPICS = "SELECT memory, topic FROM topics WHERE namespace = %s"


def faults(connections: Connections, namespace: int, repair: bool) -> tuple[list[Finding], int]:
    """Return the faults of a namespace, and how many memories it has; the list of topics is mended where `repair` is set."""
    count = int(connections.reading(namespace, "SELECT count(*) FROM memories WHERE namespace = %s", (namespace,))[0][0])
    odd = connections.reading(namespace, _ODD, (namespace,))
    findings = [Finding(f"memory {number}: its vector or its terms have a wrong length") for (number,) in odd]
    dangling = connections.reading(namespace, _DANGLING, (namespace,))[0][0]
    if dangling:
        findings.append(Finding(f"{dangling} associations of memories that are not there"))
    wrong = connections.writing(namespace, lambda connection: _wrong_topics(connection, namespace, repair))
    if wrong:
        findings.append(Finding(f"the facts of {wrong} memories are not listed as they are", repaired=repair))
    return findings, count


def _wrong_topics(connection: Connection, namespace: int, repair: bool) -> int:
    """Return how many memories have other topics in the list than in their facts, and mend the list where `repair` is set."""
    connection.execute("SELECT 1 FROM namespaces WHERE id = %s FOR UPDATE", (namespace,))
    facts = connection.execute(_FACTS, (namespace,))
    rows = connection.execute(_TOPICS, (namespace,))
    stated: dict[int, set[int]] = {}
    for memory, said in facts.fetchall():
        try:
            stated[memory] = {topic_number(*topic) for topic in topics(loaded("facts", said))}
        except (KeyError, TypeError, ValueError):  # `memory_of` says so to whoever reads the memory
            continue
    listed: defaultdict[int, set[int]] = defaultdict(set)
    for memory, topic in rows.fetchall():
        listed[memory].add(topic)
    wrong = [memory for memory in stated.keys() | listed.keys() if stated.get(memory, set()) != listed.get(memory, set())]
    if repair and wrong:
        connection.execute("DELETE FROM topics WHERE namespace = %s AND memory = ANY(%s)", (namespace, wrong))
        anew = [(namespace, topic, memory) for memory in wrong for topic in stated.get(memory, ())]
        connection.cursor().executemany("INSERT INTO topics VALUES (%s, %s, %s)", anew)
    return len(wrong)
