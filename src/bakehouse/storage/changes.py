"""Changes of objects: what each of them writes, in one commit, and who is told of it.

A bucket without versions takes the short way: one row is written or removed, in the order in which
the changes come. Where there are versions, a change depends on what the one before it left, so the
changes of a key wait for each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

from bakehouse import clock
from bakehouse.faults import Conflict
from bakehouse.storage import versions
from bakehouse.storage.buckets import VERSIONING, Buckets
from bakehouse.storage.contents import Contents
from bakehouse.storage.lookup import found_row
from bakehouse.storage.object_info import (
    OBJECT,
    SETTING,
    Change,
    Expect,
    ObjectInfo,
    Watch,
    info_from,
    info_of,
)
from bakehouse.storage.records import Delete, Document, Put, Record, Records
from bakehouse.storage.turns import Begin, Turns, after
from bakehouse.storage.versions import NULL_ID

T = TypeVar("T")
_Writes = Sequence[Put | Delete]


@dataclass(frozen=True, slots=True)
class Removed:
    """What a removal left."""

    key: str
    version_id: str | None
    """The version that was removed, or the delete marker that was made; None without versions."""
    is_marker: bool
    """Whether that is a delete marker."""


class Changes:
    """Writes and removals of objects. Every method may be called from any thread.

    Args:
        records: where the rows are.
        contents: what writes them.
        buckets: where they belong.
        watch: who is told.
        now: where the time of a change comes from.
    """

    def __init__(
        self,
        records: Records,
        contents: Contents,
        buckets: Buckets,
        watch: Watch | None,
        now: clock.Clock,
    ) -> None:
        self._records, self._contents, self._buckets = records, contents, buckets
        self._watch, self._now = watch, now
        self._turns = Turns()
        self._order = 0

    def put(
        self,
        bucket: str,
        key: str,
        document: Document,
        content: bytes | None,
        *,
        expect: Expect | None,
        also: _Writes,
        event: str,
    ) -> Future[ObjectInfo]:
        """Write an object over what is there, or as a new version."""
        name = f"{bucket}/{key}"
        with self._buckets.lock:
            self._buckets.check_open(bucket)
            if not self._buckets.may_have_versions(bucket):
                if expect is not None:
                    expect(_info(bucket, self._settled(name)))
                row = Record(name, self._dated(document), content)
                return self._write(bucket, key, row, also, event)

        def begin() -> Future[ObjectInfo]:
            current = self._records.get(OBJECT, name)
            if expect is not None:
                expect(_info(bucket, current))
            version, way = self._new_version(bucket, key, current)
            row = Record(name, self._dated(document) | version, content)
            with self._buckets.lock:
                self._buckets.check_open(bucket)
                return self._write(bucket, key, row, [*way, *also], event)

        return self._in_turn(bucket, name, begin)

    def remove(
        self, bucket: str, key: str, version_id: str | None, expect: Expect | None
    ) -> Future[Removed]:
        """Remove the current object, by a delete marker where there are versions; or a version.

        ``expect`` is called with what is to be removed, and with None for a delete marker; where
        there is nothing, nothing happens.
        """
        name = f"{bucket}/{key}"
        with self._buckets.lock:
            self._buckets.check_open(bucket)
            if not self._buckets.may_have_versions(bucket):
                return self._remove_plainly(bucket, key, version_id, expect)
        if version_id is None:
            return self._in_turn(bucket, name, lambda: self._mark_deleted(bucket, key, expect))
        versions.order_in(version_id)
        remove = self._remove_version
        return self._in_turn(bucket, name, lambda: remove(bucket, key, version_id, expect))

    def amend(
        self,
        bucket: str,
        key: str,
        version_id: str | None,
        change: Document,
        expect: Expect | None,
    ) -> Future[ObjectInfo]:
        """Change what is said of an object, or of a version, beside its bytes."""
        name = f"{bucket}/{key}"

        def begin() -> Future[ObjectInfo]:
            with self._buckets.lock:
                self._buckets.check_open(bucket)
                pending = self._contents.settling(OBJECT, name)
                if pending is None:
                    return self._amend(bucket, key, version_id, change, expect)
            return after(pending, begin)

        return self._in_turn(bucket, name, begin)

    # Without versions; the lock is held

    def _remove_plainly(
        self, bucket: str, key: str, version_id: str | None, expect: Expect | None
    ) -> Future[Removed]:
        name = f"{bucket}/{key}"
        removed = Removed(key, version_id, False)
        if version_id is not None and versions.order_in(version_id) is not None:
            return _done(removed)
        if expect is not None:
            found = self._settled(name)
            if found is None:
                return _done(removed)
            expect(info_from(bucket, found))
        told: Sequence[Put] = ()
        if self._watch is not None and self._records.get(OBJECT, name) is not None:
            told = self._watch.rows(self._event("ObjectRemoved:Delete", bucket, key))
        return self._submit(Delete(OBJECT, name), told=told, result=removed)

    def _settled(self, name: str) -> Record | None:
        """The row of an object that nobody is writing right now; raises ``Conflict``."""
        if self._contents.settling(OBJECT, name) is not None:
            raise Conflict("object", name, "being written", "nobody else to write it meanwhile")
        return self._records.get(OBJECT, name)

    # With versions; nobody else changes the key meanwhile

    def _in_turn(self, bucket: str, name: str, begin: Begin[T]) -> Future[T]:
        """Begin when all changes of this key are on the disk that came before.

        What came before the bucket had versions is, once it is known that it has them.
        """
        told = self._contents.settling(SETTING, f"{bucket}/{VERSIONING}")
        return self._turns.take(name, lambda: after(told, begin))

    def _new_version(
        self, bucket: str, key: str, current: Record | None
    ) -> tuple[Document, versions.Writes]:
        """How the row of a new version is marked, and what makes way for it."""
        keeps = self._buckets.keeps_versions(bucket)
        if keeps is None:
            return {}, []
        way = versions.making_way(self._records, bucket, key, current, for_null=not keeps)
        order = versions.order_after(self._records, bucket, key, current, self._next_order())
        return ({"version": versions.new_id(order)} if keeps else {}) | {"order": order}, way

    def _mark_deleted(self, bucket: str, key: str, expect: Expect | None) -> Future[Removed]:
        name = f"{bucket}/{key}"
        current = self._records.get(OBJECT, name)
        if self._buckets.keeps_versions(bucket) is None:
            with self._buckets.lock:
                self._buckets.check_open(bucket)
                return self._remove_plainly(bucket, key, None, expect)
        if expect is not None:
            if current is None and versions.newest_aside(self._records, bucket, key) is None:
                return _done(Removed(key, None, False))
            expect(_info(bucket, current))
        version, way = self._new_version(bucket, key, current)
        version_id = version.get("version", NULL_ID)
        marker = versions.marker(bucket, key, version, self._now())
        event = self._event("ObjectRemoved:DeleteMarkerCreated", bucket, key, version_id)
        return self._tell([*way, *marker], event, Removed(key, version_id, True))

    def _remove_version(
        self, bucket: str, key: str, version_id: str, expect: Expect | None
    ) -> Future[Removed]:
        found = versions.find(self._records, bucket, key, version_id)
        if found is None:
            self._buckets.find(bucket)
            return _done(Removed(key, version_id, False))
        if expect is not None:
            expect(None if found.is_marker else info_of(bucket, key, found.row.value))
        writes = versions.removing(self._records, bucket, key, found)
        event = self._event("ObjectRemoved:Delete", bucket, key, version_id)
        return self._tell(writes, event, Removed(key, version_id, found.is_marker))

    # Both

    def _amend(
        self,
        bucket: str,
        key: str,
        version_id: str | None,
        change: Document,
        expect: Expect | None,
    ) -> Future[ObjectInfo]:
        found = found_row(self._records, self._buckets, bucket, key, version_id)
        row = found.row
        if expect is not None:
            expect(info_of(bucket, key, row.value))
        details = {**row.value.get("details", {}), **change.get("details", {})}
        kept = {name: value for name, value in details.items() if value is not None}
        document = row.value | change | ({"details": kept} if details else {})
        put = Put(found.kind, row.key, document, row.content)
        return self._contents.submit(put, result=info_of(bucket, key, document))

    def _write(
        self, bucket: str, key: str, row: Record, also: _Writes, event: str
    ) -> Future[ObjectInfo]:
        info = info_from(bucket, row)
        told: Sequence[Put] = ()
        if self._watch is not None:
            told = self._watch.rows(self._event(event, bucket, key, info.version_id, info))
        put = Put(OBJECT, row.key, row.value, row.content)
        return self._submit(*also, put, told=told, result=info)

    def _tell(self, writes: _Writes, event: Change, removed: Removed) -> Future[Removed]:
        told = () if self._watch is None else self._watch.rows(event)
        with self._buckets.lock:
            self._buckets.check_open(event.bucket)
            return self._submit(*writes, told=told, result=removed)

    def _submit(self, *writes: Put | Delete, told: Sequence[Put], result: T) -> Future[T]:
        done = self._contents.submit(*writes, *told, result=result)
        if self._watch is not None and told:
            watch = self._watch
            done.add_done_callback(lambda _: watch.committed())
        return done

    def _event(
        self,
        event: str,
        bucket: str,
        key: str,
        version_id: str | None = None,
        info: ObjectInfo | None = None,
    ) -> Change:
        size, etag = (info.size_bytes, info.etag) if info else (0, "")
        sequencer = f"{self._next_order():016X}"
        named = None if version_id == NULL_ID else version_id
        return Change(event, bucket, key, size, etag, named, sequencer, self._now())

    def _next_order(self) -> int:
        """Nanoseconds, and always more than the last; two threads at once may get the same."""
        self._order = max(self._order + 1, int(self._now().timestamp() * 1e9))
        return self._order

    def _dated(self, document: Document) -> Document:
        return document | {"modified": clock.to_epoch_ms(self._now())}


def _info(bucket: str, row: Record | None) -> ObjectInfo | None:
    return None if row is None else info_from(bucket, row)


def _done(result: T) -> Future[T]:
    done: Future[T] = Future()
    done.set_result(result)
    return done
