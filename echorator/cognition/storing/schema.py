"""The SQLite schema, as the migrations that make it: each brings `user_version` from its index to the next.

A migration that was released is never changed; a later one corrects it. Applied by `sqlite_store` in one transaction.
"""

from __future__ import annotations

MIGRATIONS: tuple[str, ...] = (
    """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE embedders (id INTEGER PRIMARY KEY, name TEXT NOT NULL, dimension INTEGER NOT NULL, UNIQUE (name, dimension));
CREATE TABLE namespaces (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant TEXT NOT NULL, agent TEXT NOT NULL, user TEXT NOT NULL,
  UNIQUE (tenant, agent, user)
);
CREATE TABLE erasures (tenant TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE memories (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  namespace INTEGER NOT NULL REFERENCES namespaces (id),
  text TEXT NOT NULL,
  kind INTEGER NOT NULL,
  said_s REAL NOT NULL,
  created_s REAL NOT NULL,
  speaker TEXT NOT NULL,
  session TEXT NOT NULL,
  valid_from_s REAL NOT NULL,
  valid_to_s REAL NOT NULL,
  importance REAL NOT NULL,
  valence REAL NOT NULL,
  arousal REAL NOT NULL,
  pinned INTEGER NOT NULL,
  lifecycle INTEGER NOT NULL,
  changed_s REAL NOT NULL,
  source TEXT NOT NULL,
  subject TEXT NOT NULL,
  attribute TEXT NOT NULL,
  value TEXT NOT NULL,
  exclusive INTEGER NOT NULL,
  derived_from TEXT NOT NULL,
  superseded_by INTEGER NOT NULL,
  uses INTEGER NOT NULL,
  last_used_s REAL NOT NULL,
  key TEXT,
  entities TEXT NOT NULL,
  embedder INTEGER NOT NULL,
  embedding BLOB NOT NULL,
  terms BLOB NOT NULL,
  UNIQUE (namespace, key)
);
CREATE INDEX memories_of_namespace ON memories (namespace, lifecycle, id);
CREATE INDEX memories_by_fact ON memories (namespace, subject, attribute) WHERE attribute <> '';
CREATE VIRTUAL TABLE memory_texts USING fts5 (
  text, speaker, content = 'memories', content_rowid = 'id', tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE TRIGGER memories_inserted AFTER INSERT ON memories BEGIN
  INSERT INTO memory_texts (rowid, text, speaker) VALUES (new.id, new.text, new.speaker);
END;
CREATE TRIGGER memories_deleted AFTER DELETE ON memories BEGIN
  INSERT INTO memory_texts (memory_texts, rowid, text, speaker) VALUES ('delete', old.id, old.text, old.speaker);
END;
CREATE TRIGGER memories_updated AFTER UPDATE OF text, speaker ON memories BEGIN
  INSERT INTO memory_texts (memory_texts, rowid, text, speaker) VALUES ('delete', old.id, old.text, old.speaker);
  INSERT INTO memory_texts (rowid, text, speaker) VALUES (new.id, new.text, new.speaker);
END;
CREATE TABLE associations (
  namespace INTEGER NOT NULL, a INTEGER NOT NULL, b INTEGER NOT NULL, kind TEXT NOT NULL, weight REAL NOT NULL,
  PRIMARY KEY (namespace, a, b, kind)
) WITHOUT ROWID;
CREATE INDEX associations_backward ON associations (namespace, b);
CREATE TABLE experiences (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  namespace INTEGER NOT NULL, session TEXT NOT NULL, at_s REAL NOT NULL,
  user_text TEXT NOT NULL, answer TEXT NOT NULL, model TEXT NOT NULL,
  recalled TEXT NOT NULL, learned TEXT NOT NULL,
  outcome INTEGER NOT NULL, feedback REAL
);
CREATE INDEX experiences_of_namespace ON experiences (namespace, session, id);
CREATE TABLE goals (
  namespace INTEGER NOT NULL, place INTEGER NOT NULL, text TEXT NOT NULL, priority REAL NOT NULL, embedding BLOB NOT NULL,
  PRIMARY KEY (namespace, place)
) WITHOUT ROWID;
CREATE TABLE documents (namespace INTEGER NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (namespace, name)) WITHOUT ROWID;
CREATE TABLE changes (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  namespace INTEGER NOT NULL, at_s REAL NOT NULL, memory INTEGER NOT NULL, action TEXT NOT NULL, detail TEXT NOT NULL
);
CREATE INDEX changes_of_memory ON changes (namespace, memory, seq);
""",
    # A memory states any number of facts; `topics` finds those about one thing.
    """
ALTER TABLE memories ADD COLUMN act TEXT NOT NULL DEFAULT 'tells';
ALTER TABLE memories ADD COLUMN facts TEXT NOT NULL DEFAULT '[]';
ALTER TABLE memories ADD COLUMN standing INTEGER NOT NULL DEFAULT 0;
ALTER TABLE memories ADD COLUMN expires_s REAL NOT NULL DEFAULT 0;
ALTER TABLE memories ADD COLUMN categories TEXT NOT NULL DEFAULT '[]';
ALTER TABLE memories ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}';
ALTER TABLE memories ADD COLUMN terms_version INTEGER NOT NULL DEFAULT 1;
UPDATE memories SET facts = json_array(json_object(
  'subject', subject, 'attribute', attribute, 'value', value, 'type', iif(exclusive, 'single', 'many'), 'to_s', valid_to_s
)) WHERE attribute <> '';
CREATE TABLE topics (
  namespace INTEGER NOT NULL, subject TEXT NOT NULL, attribute TEXT NOT NULL, memory INTEGER NOT NULL,
  PRIMARY KEY (namespace, subject, attribute, memory)
) WITHOUT ROWID;
INSERT INTO topics SELECT namespace, subject, attribute, id FROM memories WHERE attribute <> '';
DROP INDEX memories_by_fact;
ALTER TABLE memories DROP COLUMN subject;
ALTER TABLE memories DROP COLUMN attribute;
ALTER TABLE memories DROP COLUMN value;
ALTER TABLE memories DROP COLUMN exclusive;
CREATE INDEX topics_of_memory ON topics (memory);
""",
    # The signs of each token's vector, for late interaction.
    "ALTER TABLE memories ADD COLUMN tokens BLOB NOT NULL DEFAULT x'';",
    # Texts are searched by the terms of the rows, in the same way in every store and script.
    """
DROP TRIGGER memories_inserted;
DROP TRIGGER memories_deleted;
DROP TRIGGER memories_updated;
DROP TABLE memory_texts;
""",
)

VERSION = len(MIGRATIONS)
