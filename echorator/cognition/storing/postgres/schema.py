"""The PostgreSQL schema, as the migrations that make it, and how a connection is brought into it.

Everything is in the schema `echorator` of the database. All tables with a user's data are partitioned by the hash of the namespace, so that
what an erasure must rewrite is a part of them, and row-level security shows a transaction the rows of one namespace only, which it names
with `enter`: a query that forgot its condition finds nothing of others. A migration that was released is never changed; a later one
corrects it. Feeds `postgres.store`.
"""

from __future__ import annotations

from typing import Any

from echorator.cognition.storing.store import StoreBusyError
from echorator.errors import ResourceError

PARTITIONS = 16  # of each table. Fixed by the first migration
OLDEST_SERVER = 15  # the major version that the tests run with
_LOCK = 0x6563686F7261746F  # of the advisory lock that replicas which start at the same time take before they migrate

PARTED = ("memories", "topics", "associations", "experiences", "goals", "documents", "changes")
"""The tables with a column `namespace`, each in `PARTITIONS` partitions named TABLE_NUMBER."""

_FIRST = """
CREATE TABLE echorator.embedders (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, dimension integer NOT NULL, UNIQUE (name, dimension)
);
-- The row of a namespace is locked by every change of it, so the numbers of its changes grow in the order of the commits.
CREATE TABLE echorator.namespaces (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant text COLLATE "C" NOT NULL, agent text COLLATE "C" NOT NULL, member text COLLATE "C" NOT NULL,
  seq bigint NOT NULL DEFAULT 0,
  UNIQUE (tenant, agent, member)
) WITH (fillfactor = 50);
CREATE TABLE echorator.erasures (tenant text PRIMARY KEY, count bigint NOT NULL);
CREATE SEQUENCE echorator.memory_ids;
CREATE SEQUENCE echorator.experience_ids;
CREATE TABLE echorator.memories (
  namespace bigint NOT NULL,
  id bigint NOT NULL,
  text text NOT NULL,
  kind smallint NOT NULL,
  said_s double precision NOT NULL,
  created_s double precision NOT NULL,
  speaker text NOT NULL,
  session text NOT NULL,
  valid_from_s double precision NOT NULL,
  valid_to_s double precision NOT NULL,
  importance double precision NOT NULL,
  valence double precision NOT NULL,
  arousal double precision NOT NULL,
  pinned boolean NOT NULL,
  lifecycle smallint NOT NULL,
  changed_s double precision NOT NULL,
  source text NOT NULL,
  act text NOT NULL,
  facts text NOT NULL,
  standing boolean NOT NULL,
  expires_s double precision NOT NULL,
  categories text NOT NULL,
  metadata text NOT NULL,
  derived_from text NOT NULL,
  superseded_by bigint NOT NULL,
  uses bigint NOT NULL,
  last_used_s double precision NOT NULL,
  key text COLLATE "C",
  entities text NOT NULL,
  embedder integer NOT NULL,
  embedding bytea NOT NULL,
  terms bytea NOT NULL,
  tokens bytea NOT NULL,
  terms_version integer NOT NULL,
  PRIMARY KEY (namespace, id)
) PARTITION BY HASH (namespace);
-- Without the condition the planner takes this index for reads by id until the table is analysed.
CREATE UNIQUE INDEX memories_by_key ON echorator.memories (namespace, key) WHERE key IS NOT NULL;
ALTER TABLE echorator.memories ALTER COLUMN embedding SET STORAGE EXTERNAL, ALTER COLUMN terms SET STORAGE EXTERNAL,
  ALTER COLUMN tokens SET STORAGE EXTERNAL;
-- A topic is the hash of a subject and an attribute, which may be longer than an index takes.
CREATE TABLE echorator.topics (
  namespace bigint NOT NULL, topic bigint NOT NULL, memory bigint NOT NULL, PRIMARY KEY (namespace, topic, memory)
) PARTITION BY HASH (namespace);
CREATE INDEX topics_of_memory ON echorator.topics (namespace, memory);
CREATE TABLE echorator.associations (
  namespace bigint NOT NULL, a bigint NOT NULL, b bigint NOT NULL, kind text COLLATE "C" NOT NULL, weight double precision NOT NULL,
  PRIMARY KEY (namespace, a, b, kind)
) PARTITION BY HASH (namespace);
CREATE INDEX associations_backward ON echorator.associations (namespace, b);
CREATE TABLE echorator.experiences (
  namespace bigint NOT NULL, id bigint NOT NULL, session text COLLATE "C" NOT NULL, body text NOT NULL, PRIMARY KEY (namespace, id)
) PARTITION BY HASH (namespace);
CREATE INDEX experiences_of_session ON echorator.experiences (namespace, session, id);
CREATE TABLE echorator.goals (
  namespace bigint NOT NULL, place integer NOT NULL, text text NOT NULL, priority double precision NOT NULL, embedding bytea NOT NULL,
  PRIMARY KEY (namespace, place)
) PARTITION BY HASH (namespace);
CREATE TABLE echorator.documents (
  namespace bigint NOT NULL, name text COLLATE "C" NOT NULL, body bytea NOT NULL, PRIMARY KEY (namespace, name)
) PARTITION BY HASH (namespace);
CREATE TABLE echorator.changes (
  namespace bigint NOT NULL, seq bigint NOT NULL, at_s double precision NOT NULL, memory bigint NOT NULL, action text NOT NULL,
  detail text NOT NULL, PRIMARY KEY (namespace, seq)
) PARTITION BY HASH (namespace);
CREATE INDEX changes_of_memory ON echorator.changes (namespace, memory, seq);
-- The changes of all namespaces of a tenant, without what they were. A namespace that was erased has one with seq 0 and its time.
CREATE TABLE echorator.tenant_log (
  tenant text COLLATE "C" NOT NULL, xact xid8 NOT NULL DEFAULT pg_current_xact_id(), namespace bigint NOT NULL, seq bigint NOT NULL,
  at_s double precision NOT NULL, PRIMARY KEY (tenant, xact, namespace, seq)
);
-- What other replicas read again, and up to which transaction it was deleted. See `postgres.following`.
CREATE TABLE echorator.feed (
  xact xid8 NOT NULL DEFAULT pg_current_xact_id(), id bigint GENERATED ALWAYS AS IDENTITY, at timestamptz NOT NULL DEFAULT now(),
  origin text NOT NULL, namespace bigint NOT NULL, ids bigint[] NOT NULL, documents text[] NOT NULL, PRIMARY KEY (xact, id)
);
CREATE TABLE echorator.feed_deleted (xact xid8 NOT NULL);
INSERT INTO echorator.feed_deleted VALUES ('0');
"""


def _parted() -> str:
    made = ""
    for table in PARTED:
        for number in range(PARTITIONS):
            made += (
                f"CREATE TABLE echorator.{table}_{number} PARTITION OF echorator.{table} "
                f"FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {number});\n"
            )
        made += (
            f"ALTER TABLE echorator.{table} ENABLE ROW LEVEL SECURITY;\n"
            f"ALTER TABLE echorator.{table} FORCE ROW LEVEL SECURITY;\n"
            f"CREATE POLICY one_namespace ON echorator.{table} USING (namespace = current_setting('echorator.namespace')::bigint);\n"
        )
    return made


MIGRATIONS: tuple[str, ...] = (_FIRST + _parted(),)
VERSION = len(MIGRATIONS)


def enter(connection: Any, namespace: int) -> None:
    """Let the present transaction see the rows of this namespace, and no others."""
    connection.execute("SELECT set_config('echorator.namespace', %s, true)", (str(namespace),))


def migrate(connection: Any, where: str) -> None:
    """Bring the database to the newest schema; of replicas that start at the same time one does it, and the others wait.

    Raises StoreBusyError where a newer version wrote it, ResourceError where the server is too old; and psycopg.Error.
    """
    server = connection.info.server_version // 10_000
    if server < OLDEST_SERVER:
        raise ResourceError(f"{where} is PostgreSQL {server}; the memory needs {OLDEST_SERVER} or later")
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        if connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'echorator'").fetchone() is None:
            connection.execute("CREATE SCHEMA echorator")
        connection.execute("CREATE TABLE IF NOT EXISTS echorator.schema_version (version integer NOT NULL)")
        (version,) = connection.execute("SELECT coalesce(max(version), 0) FROM echorator.schema_version").fetchone()
        if version > VERSION:
            raise StoreBusyError(
                f"{where} was written by a newer version of Echorator (schema {version}, this one knows {VERSION}); update it"
            )
        for number, migration in enumerate(MIGRATIONS[version:], version + 1):
            connection.execute(migration)
            connection.execute("INSERT INTO echorator.schema_version VALUES (%s)", (number,))
