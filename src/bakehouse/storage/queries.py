"""All SQL, by name, with what it is for."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
  kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, content BLOB,
  PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS journal (
  name TEXT NOT NULL, number INTEGER NOT NULL, entry BLOB NOT NULL,
  PRIMARY KEY (name, number)
) WITHOUT ROWID;
"""

# One record with its bytes.
GET = "SELECT value, content FROM record WHERE kind = ? AND key = ?"

# A page of records of one kind, in key order. One seek to the first key; `beyond` is the first text
# after every key with the prefix, or an empty blob, which SQLite sorts after all text.
SCAN = """
SELECT key, value, NULL FROM record
WHERE kind = :kind AND key >= :first AND key < :beyond AND key <> :after ORDER BY key LIMIT :limit
"""
SCAN_WITH_CONTENT = SCAN.replace("NULL", "content")

# In its place, not as REPLACE does it: taking a row out and putting it in again moves its
# neighbours between pages, and a commit of overwritten rows costs four times as much.
PUT = """
INSERT INTO record (kind, key, value, content) VALUES (?, ?, ?, ?)
ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, content = excluded.content
"""

# Fails with IntegrityError where the key is taken.
INSERT = "INSERT INTO record (kind, key, value, content) VALUES (?, ?, ?, ?)"

DELETE = "DELETE FROM record WHERE kind = ? AND key = ?"

# One more entry, numbered after the last; the last is found by one index seek.
APPEND = """
INSERT INTO journal (name, number, entry)
SELECT ?1, coalesce(max(number), 0) + 1, ?2 FROM journal WHERE name = ?1
"""

DROP_JOURNAL = "DELETE FROM journal WHERE name = ?"

# A page of a journal from one of its ends.
JOURNAL = "SELECT number, entry FROM journal WHERE name = ? AND number > ? ORDER BY number LIMIT ?"
JOURNAL_TAIL = (
    "SELECT number, entry FROM journal WHERE name = ? AND number < ? ORDER BY number DESC LIMIT ?"
)

# The next journal name: one index seek for each name, however long the journals are.
NEXT_JOURNAL = """
SELECT name FROM journal
WHERE name >= :first AND name < :beyond AND name > :after ORDER BY name LIMIT 1
"""
