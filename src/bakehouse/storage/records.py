"""Records: small documents and append-only journals, durable when a commit returns.

Two things are kept. A *record* is a JSON document (and, for small objects, bytes) under a kind and
a key; a *journal* is a list that only grows. Everything that must hold together is written by one
commit. ``SqliteRecords`` is what runs; ``MemoryRecords`` is its twin for tests, and one contract
suite holds them to the same behaviour.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from bakehouse.faults import InvalidInput, Rejected

Document = dict[str, Any]
"""Anything that JSON can hold, as an object. Whole numbers fit in 64 bits; NaN becomes null."""


@dataclass(frozen=True, slots=True)
class Record:
    """A stored document with its key and, if it has any, its bytes."""

    key: str
    value: Document
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Put:
    """Write a record, whatever was there."""

    kind: str
    key: str
    value: Document
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Insert:
    """Write a record that must not exist yet; otherwise the whole commit fails with KeyTaken."""

    kind: str
    key: str
    value: Document
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a record, if it is there."""

    kind: str
    key: str


@dataclass(frozen=True, slots=True)
class Append:
    """Add entries at the end of a journal, in order. They are numbered from 1."""

    journal: str
    entries: Sequence[Document]


@dataclass(frozen=True, slots=True)
class DropJournal:
    """Remove a journal with all its entries; what is appended next is number 1 again."""

    journal: str


Write = Put | Insert | Delete | Append | DropJournal


class KeyTaken(Rejected):
    """An ``Insert`` met a record that was there already. The capability says what that means."""

    def __init__(self, kind: str, key: str) -> None:
        self.kind, self.key = kind, key
        super().__init__(f"There already is a {kind} record {key!r}.")


class Records(Protocol):
    """Where small things are kept. Reads see every commit that returned; they take microseconds.

    Kinds, keys and journal names are any text that UTF-8 can hold (so no lone surrogates); all of
    these methods raise ``InvalidInput`` for others. They may be called from any thread.
    """

    def get(self, kind: str, key: str) -> Record | None:
        """The record, or None."""
        ...

    def scan(
        self,
        kind: str,
        *,
        prefix: str = "",
        after: str = "",
        limit: int = 1000,
        content: bool = False,
    ) -> list[Record]:
        """Up to ``limit`` records whose key starts with ``prefix`` and is greater than ``after``.

        In the order of the keys' UTF-8 bytes. Without ``content`` the records' bytes stay behind.
        """
        ...

    def journal(
        self, name: str, *, after: int = 0, limit: int = 1000
    ) -> list[tuple[int, Document]]:
        """Up to ``limit`` entries of a journal with a number above ``after``, in order."""
        ...

    def journal_tail(
        self, name: str, *, before: int | None = None, limit: int = 1000
    ) -> list[tuple[int, Document]]:
        """Up to ``limit`` entries with a number below ``before`` (default: the end), last first."""
        ...

    def journals(self, prefix: str = "", *, after: str = "", limit: int = 1000) -> list[str]:
        """Names of the journals that start with ``prefix``, greater than ``after``, in order."""
        ...

    def submit(self, *writes: Write) -> Future[None]:
        """Hand over writes that happen together or not at all, in the order of the calls.

        The documents are read before this returns. The future is done when the writes are on the
        disk; it cannot be cancelled. It fails with KeyTaken or StorageFailed.

        Raises:
            InvalidInput: a name is not UTF-8, or a document holds what JSON cannot.
        """
        ...

    def close(self) -> None:
        """Finish what was submitted and let go of the files."""
        ...


def commit(records: Records, *writes: Write) -> None:
    """Submit and wait, from a thread that may block."""
    records.submit(*writes).result()


async def commit_async(records: Records, *writes: Write) -> None:
    """Submit and wait, from the event loop."""
    await asyncio.wrap_future(records.submit(*writes))


def every(
    records: Records, kind: str, *, prefix: str = "", after: str = "", page: int = 1000
) -> Iterator[Record]:
    """All records of a kind, without their bytes, in the order of their keys.

    They are read a page at a time: what is written or removed meanwhile may be among them or not.

    Args:
        records: where they are.
        kind: their kind.
        prefix: what their keys start with.
        after: the key behind which to begin.
        page: how many are read at once.
    """
    while rows := records.scan(kind, prefix=prefix, after=after, limit=page):
        yield from rows
        after = rows[-1].key


def every_entry(records: Records, journal: str) -> Iterator[Document]:
    """All entries of a journal, in order; read a page at a time, as :func:`every` does."""
    after = 0
    while page := records.journal(journal, after=after):
        yield from (entry for _, entry in page)
        after = page[-1][0]


def every_journal(records: Records, prefix: str) -> Iterator[str]:
    """The names of all journals that start with a prefix; read a page at a time, as above."""
    after = ""
    while page := records.journals(prefix, after=after):
        yield from page
        after = page[-1]


def encode(document: Document) -> bytes:
    """The document as JSON, as the implementations store it.

    Raises:
        InvalidInput: it holds text with lone surrogates, whole numbers beyond 64 bits, or something
            that is not JSON at all.
    """
    try:
        return orjson.dumps(document)
    except TypeError as error:
        raise InvalidInput("document", document, f"what JSON can hold ({error})") from error


def check_names(*names: str) -> None:
    """Make sure that UTF-8 can hold these kinds, keys or journal names.

    Raises:
        InvalidInput: one of them has a lone surrogate in it.
    """
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise InvalidInput("name", name, "text that UTF-8 can hold") from error


def names_in(writes: Iterable[Write]) -> Iterable[str]:
    """Every kind, key and journal name that these writes mention."""
    for write in writes:
        if isinstance(write, Append | DropJournal):
            yield write.journal
        else:
            yield write.kind
            yield write.key


def documents_in(write: Write) -> Sequence[Document]:
    """The documents that a write carries: one for a record, any number for a journal."""
    match write:
        case Put() | Insert():
            return (write.value,)
        case Append():
            return write.entries
        case _:
            return ()
