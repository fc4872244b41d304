"""Records in memory: the twin of :class:`~bakehouse.storage.sqlite.SqliteRecords` for tests."""

# ruff: noqa: D102  # the protocol says what each method does

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future

import orjson

from bakehouse.faults import Rejected, StorageFailed
from bakehouse.storage.records import (
    Append,
    Delete,
    Document,
    DropJournal,
    Insert,
    KeyTaken,
    Put,
    Record,
    Write,
    check_names,
    documents_in,
    encode,
    names_in,
)


class MemoryRecords:
    """A :class:`~bakehouse.storage.records.Records` that forgets everything with the process.

    Documents are kept as JSON, so that what comes back is what a database would give back. Every
    commit is done when ``submit`` returns.
    """

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], tuple[bytes, bytes | None]] = {}
        self._journals: dict[str, list[bytes]] = {}
        self._lock = threading.Lock()
        self._closed = False

    def get(self, kind: str, key: str) -> Record | None:
        check_names(kind, key)
        row = self._rows.get((kind, key))
        return None if row is None else Record(key, orjson.loads(row[0]), row[1])

    def scan(
        self,
        kind: str,
        *,
        prefix: str = "",
        after: str = "",
        limit: int = 1000,
        content: bool = False,
    ) -> list[Record]:
        check_names(kind, prefix, after)
        with self._lock:
            found = sorted(
                (key, row)
                for (of_kind, key), row in self._rows.items()
                if of_kind == kind and key.startswith(prefix) and key > after
            )
        return [
            Record(key, orjson.loads(value), blob if content else None)
            for key, (value, blob) in found[:limit]
        ]

    def journal(
        self, name: str, *, after: int = 0, limit: int = 1000
    ) -> list[tuple[int, Document]]:
        return [entry for entry in self._entries(name) if entry[0] > after][:limit]

    def journal_tail(
        self, name: str, *, before: int | None = None, limit: int = 1000
    ) -> list[tuple[int, Document]]:
        entries = reversed(self._entries(name))
        return [entry for entry in entries if before is None or entry[0] < before][:limit]

    def journals(self, prefix: str = "", *, after: str = "", limit: int = 1000) -> list[str]:
        check_names(prefix, after)
        with self._lock:
            names = [name for name in self._journals if name.startswith(prefix) and name > after]
        return sorted(names)[:limit]

    def submit(self, *writes: Write) -> Future[None]:
        check_names(*names_in(writes))
        encoded = [[encode(document) for document in documents_in(write)] for write in writes]
        done: Future[None] = Future()
        done.set_running_or_notify_cancel()
        with self._lock:
            refusal = self._refusal(writes)
            if refusal is None:
                for write, documents in zip(writes, encoded, strict=True):
                    self._apply(write, documents)
        if refusal is None:
            done.set_result(None)
        else:
            done.set_exception(refusal)
        return done

    def close(self) -> None:
        with self._lock:
            self._closed = True

    def _entries(self, name: str) -> list[tuple[int, Document]]:
        check_names(name)
        with self._lock:
            entries = list(self._journals.get(name, ()))
        return [(number, orjson.loads(entry)) for number, entry in enumerate(entries, start=1)]

    def _refusal(self, writes: Sequence[Write]) -> Rejected | StorageFailed | None:
        """Why these writes cannot be done; only an Insert can fail, so nothing needs undoing."""
        if self._closed:
            return StorageFailed("The records are closed.")
        present: dict[tuple[str, str], bool] = {}
        for write in writes:
            if isinstance(write, Append | DropJournal):
                continue
            name = (write.kind, write.key)
            if isinstance(write, Insert) and present.get(name, name in self._rows):
                return KeyTaken(write.kind, write.key)
            present[name] = not isinstance(write, Delete)
        return None

    def _apply(self, write: Write, documents: list[bytes]) -> None:
        match write:
            case Put() | Insert():
                self._rows[write.kind, write.key] = (documents[0], write.content)
            case Delete():
                self._rows.pop((write.kind, write.key), None)
            case Append() if documents:
                self._journals.setdefault(write.journal, []).extend(documents)
            case DropJournal():
                self._journals.pop(write.journal, None)
