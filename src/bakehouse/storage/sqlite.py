"""Records in one SQLite file: WAL, synchronous=FULL, and one writer thread that commits in groups.

Whatever is waiting when the writer looks up goes into one transaction and one fsync, so the cost of
a durable write is shared by all who wait for it. Rows that follow each other are one statement: the
interpreter lock is let go of for each, and under load it is long in coming back. Where one of them
is refused the group is begun again, each caller's writes in a savepoint of their own, so that one
takes nobody with it.
"""

# ruff: noqa: D102  # the protocol says what each method does

from __future__ import annotations

import itertools
import queue
import sqlite3
import threading
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Any

import orjson

from bakehouse.faults import Fault, StorageFailed
from bakehouse.storage import queries
from bakehouse.storage.recent import UNKNOWN, Name, RecentReads, Stored
from bakehouse.storage.records import (
    Append,
    Delete,
    Document,
    Insert,
    KeyTaken,
    Put,
    Record,
    Write,
    check_names,
    encode,
    names_in,
)

_MOST_PER_COMMIT = 512
_ROWS_TOGETHER = (32, 8, 4, 2)
_LAST_CODE_POINT = "\U0010ffff"
_AFTER_ALL_TEXT = b""
_PRAGMAS = """
PRAGMA journal_mode=WAL;
PRAGMA synchronous=FULL;
PRAGMA fullfsync=1; -- macOS: fsync alone does not reach the platter
PRAGMA journal_size_limit=67108864; -- a burst of large writes does not leave a large file
PRAGMA secure_delete=OFF; -- zeros over what was deleted would double what an overwrite writes
"""


@dataclass(frozen=True, slots=True)
class _Statement:
    """One statement of a write, and what it means when it meets a key that is taken."""

    sql: str
    values: tuple[Any, ...]
    if_taken: KeyTaken | None = None


@dataclass(frozen=True, slots=True)
class _Submission:
    """What one caller wants written, and whom to tell."""

    statements: list[_Statement]
    done: Future[None]

    def records(self) -> dict[Name, Stored | None]:
        """Each record that is written, and what it is then; None if it is removed."""
        written: dict[Name, Stored | None] = {}
        for statement in self.statements:
            if statement.sql in (queries.PUT, queries.INSERT):
                kind, key, value, content = statement.values
                written[kind, key] = value, content
            elif statement.sql == queries.DELETE:
                written[statement.values] = None
        return written


class SqliteRecords:
    """The :class:`~bakehouse.storage.records.Records` of a data folder.

    Args:
        path: the database file; created, with its tables, if it is not there.

    Raises:
        StorageFailed: the file cannot be opened as a database.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: queue.SimpleQueue[_Submission | None] = queue.SimpleQueue()
        self._recent = RecentReads()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        self._closing = threading.Lock()
        try:
            writer = self._connect()
            writer.executescript(queries.SCHEMA)
        except sqlite3.Error as error:
            text = f"{path} cannot be opened as a database: {error}."
            raise StorageFailed(f"{text} Check the disk, or choose another data folder.") from error
        self._thread = threading.Thread(
            target=self._write_forever, args=(writer,), name="records", daemon=True
        )
        self._thread.start()

    # Reading: on connections of their own, so that nobody waits for the writer.

    def get(self, kind: str, key: str) -> Record | None:
        name = (kind, key)
        found = self._recent.get(name)
        if found is UNKNOWN:
            moment = self._recent.moment
            rows = self._read(queries.GET, name, kind, key)
            found = rows[0] if rows else None
            self._recent.remember(name, found, moment)
        return Record(key, orjson.loads(found[0]), found[1]) if isinstance(found, tuple) else None

    def scan(
        self,
        kind: str,
        *,
        prefix: str = "",
        after: str = "",
        limit: int = 1000,
        content: bool = False,
    ) -> list[Record]:
        bounds = {"kind": kind, "limit": limit} | _bounds(prefix, after)
        sql = queries.SCAN_WITH_CONTENT if content else queries.SCAN
        rows = self._read(sql, bounds, kind, prefix, after)
        return [Record(key, orjson.loads(value), blob) for key, value, blob in rows]

    def journal(
        self, name: str, *, after: int = 0, limit: int = 1000
    ) -> list[tuple[int, Document]]:
        rows = self._read(queries.JOURNAL, (name, after, limit), name)
        return [(number, orjson.loads(entry)) for number, entry in rows]

    def journal_tail(
        self, name: str, *, before: int | None = None, limit: int = 1000
    ) -> list[tuple[int, Document]]:
        bound = (1 << 62) if before is None else before
        rows = self._read(queries.JOURNAL_TAIL, (name, bound, limit), name)
        return [(number, orjson.loads(entry)) for number, entry in rows]

    def journals(self, prefix: str = "", *, after: str = "", limit: int = 1000) -> list[str]:
        names: list[str] = []
        while len(names) < limit:
            rows = self._read(queries.NEXT_JOURNAL, _bounds(prefix, after), prefix, after)
            if not rows:
                break
            after = rows[0][0]
            names.append(after)
        return names

    # Writing

    def submit(self, *writes: Write) -> Future[None]:
        check_names(*names_in(writes))
        statements = [statement for write in writes for statement in _statements(write)]
        done: Future[None] = Future()
        done.set_running_or_notify_cancel()  # what is under way cannot be cancelled
        with self._closing:
            if not self._closed:
                self._waiting.put(_Submission(statements, done))
                return done
        done.set_exception(StorageFailed(f"{self._path} is closed."))
        return done

    def close(self) -> None:
        with self._closing:
            if not self._closed:
                self._closed = True
                self._waiting.put(None)
        self._thread.join()
        while self._idle:
            self._idle.pop().close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, timeout=30
        )
        try:
            connection.executescript(_PRAGMAS)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _read(self, sql: str, values: Any, *names: str) -> list[Any]:
        check_names(*names)
        db = self._reader()
        try:
            return db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise StorageFailed(f"{self._path} could not be read: {error}.") from error
        finally:
            if self._closed:
                db.close()
            else:
                self._idle.append(db)

    def _reader(self) -> sqlite3.Connection:
        """A connection that nobody else uses meanwhile; there are as many as reads at one time."""
        with suppress(IndexError):
            return self._idle.pop()
        try:
            return self._connect()
        except sqlite3.Error as error:
            raise StorageFailed(f"{self._path} could not be read: {error}.") from error

    def _write_forever(self, db: sqlite3.Connection) -> None:
        last = False
        while not last:
            group = [self._waiting.get()]
            while len(group) < _MOST_PER_COMMIT and not self._waiting.empty():
                group.append(self._waiting.get())
            last = None in group
            self._commit_group(db, [item for item in group if item is not None])
        db.close()

    def _commit_group(self, db: sqlite3.Connection, group: list[_Submission]) -> None:
        refusals: list[Exception | None]
        written = [submission.records() for submission in group]
        self._recent.begin({name for records in written for name in records})
        try:
            db.execute("BEGIN IMMEDIATE")
            refusals = _apply_together(db, group) or _apply_singly(db, group)
            db.execute("COMMIT")
        except Exception as error:  # noqa: BLE001  # the writer lives on; all who wait get the error
            if db.in_transaction:
                db.execute("ROLLBACK")
            refusals = [StorageFailed(f"{self._path} could not be written: {error}.")] * len(group)
        done = [records for records, refusal in zip(written, refusals, strict=True) if not refusal]
        self._recent.end({name: stored for records in done for name, stored in records.items()})
        for submission, refusal in zip(group, refusals, strict=True):
            if refusal is None:
                submission.done.set_result(None)
            else:
                submission.done.set_exception(refusal)


def _apply_together(db: sqlite3.Connection, group: list[_Submission]) -> list[Exception | None]:
    """Run all statements of a group, in few calls; empty, and nothing done, if one is refused."""
    statements = [statement for submission in group for statement in submission.statements]
    db.execute("SAVEPOINT together")
    try:
        for sql, rows in itertools.groupby(statements, key=attrgetter("sql")):
            _apply_rows(db, sql, [row.values for row in rows])
    except (sqlite3.IntegrityError, sqlite3.DataError):
        db.execute("ROLLBACK TO together")
        return []
    finally:
        db.execute("RELEASE together")
    return [None] * len(group)


def _apply_rows(db: sqlite3.Connection, sql: str, rows: list[tuple[Any, ...]]) -> None:
    """Run a statement for each row; as one for many rows where SQL can say that."""
    done = 0
    if sql in (queries.PUT, queries.INSERT):
        for together in _ROWS_TOGETHER:
            while len(rows) - done >= together:
                values = itertools.chain.from_iterable(rows[done : done + together])
                db.execute(_for_rows(sql, together), tuple(values))
                done += together
    for row in rows[done:]:
        db.execute(sql, row)


@cache
def _for_rows(sql: str, count: int) -> str:
    """The same statement for so many rows."""
    one = "(?, ?, ?, ?)"
    return sql.replace(one, ", ".join([one] * count))


def _apply_singly(db: sqlite3.Connection, group: list[_Submission]) -> list[Exception | None]:
    return [_apply_alone(db, submission.statements) for submission in group]


def _apply_alone(db: sqlite3.Connection, statements: list[_Statement]) -> Fault | None:
    """Run one caller's statements; undo them, and only them, if one is refused."""
    db.execute("SAVEPOINT caller")
    for statement in statements:
        refusal = _apply(db, statement)
        if refusal is not None:
            db.execute("ROLLBACK TO caller")
            db.execute("RELEASE caller")
            return refusal
    db.execute("RELEASE caller")
    return None


def _apply(db: sqlite3.Connection, statement: _Statement) -> Fault | None:
    try:
        db.execute(statement.sql, statement.values)
    except sqlite3.IntegrityError:
        if statement.if_taken is None:
            raise
        return statement.if_taken
    except sqlite3.DataError as error:
        return StorageFailed(f"A record is too large for the database: {error}.")
    return None


def _statements(write: Write) -> list[_Statement]:
    match write:
        case Put():
            return [_Statement(queries.PUT, _row(write))]
        case Insert():
            return [_Statement(queries.INSERT, _row(write), KeyTaken(write.kind, write.key))]
        case Delete():
            return [_Statement(queries.DELETE, (write.kind, write.key))]
        case Append():
            entries = [encode(entry) for entry in write.entries]
            return [_Statement(queries.APPEND, (write.journal, entry)) for entry in entries]
        case _:
            return [_Statement(queries.DROP_JOURNAL, (write.journal,))]


def _row(write: Put | Insert) -> tuple[Any, ...]:
    return (write.kind, write.key, encode(write.value), write.content)


def _bounds(prefix: str, after: str) -> dict[str, Any]:
    """Where a scan starts and ends. Python compares text as SQLite does: by code points."""
    return {"first": max(prefix, after), "after": after, "beyond": _beyond(prefix)}


def _beyond(prefix: str) -> str | bytes:
    """The first text after every text that starts with the prefix."""
    head = prefix.rstrip(_LAST_CODE_POINT)
    if not head:
        return _AFTER_ALL_TEXT
    following = ord(head[-1]) + 1
    return head[:-1] + chr(0xE000 if following == 0xD800 else following)
