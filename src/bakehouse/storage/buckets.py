"""Buckets, and what is set of them."""

from __future__ import annotations

import asyncio
import threading

from bakehouse import clock
from bakehouse.faults import AlreadyExists, Conflict, NotFound
from bakehouse.storage.contents import Contents
from bakehouse.storage.object_info import (
    BUCKET,
    OBJECT,
    SETTING,
    Bucket,
    bucket_from,
    check_bucket_name,
)
from bakehouse.storage.records import (
    Delete,
    Document,
    Insert,
    KeyTaken,
    Put,
    Records,
    commit,
    every,
)
from bakehouse.storage.versions import VERSION

VERSIONING = "versioning"
"""The setting that makes a bucket keep versions: ``{"status": "Enabled" | "Suspended"}``."""


class Buckets:
    """The buckets of an object store. Every method may be called from any thread.

    Args:
        records: where the rows are.
        contents: through which the objects in the buckets are written.
        now: where the time of a change comes from.
    """

    def __init__(self, records: Records, contents: Contents, now: clock.Clock) -> None:
        self._records, self._contents, self._now = records, contents, now
        self.lock = threading.Lock()
        """Held while something is written into a bucket, or the bucket is removed."""
        self._closing: set[str] = set()
        settings = (row.key.rpartition("/") for row in every(records, SETTING))
        self._versioned = {bucket for bucket, _, name in settings if name == VERSIONING}

    def create(self, name: str, region: str) -> Bucket:
        """Make a bucket; blocks until that is on the disk."""
        check_bucket_name(name)
        created = clock.to_epoch_ms(self._now())
        try:
            commit(self._records, Insert(BUCKET, name, {"created": created, "region": region}))
        except KeyTaken as error:
            raise AlreadyExists("bucket", name) from error
        return self.find(name)

    def find(self, name: str) -> Bucket:
        """The bucket by that name; raises ``NotFound("bucket", …)``."""
        row = self._records.get(BUCKET, name)
        if row is None:
            raise NotFound("bucket", name)
        return bucket_from(row)

    def list(self, prefix: str, after: str, limit: int) -> list[Bucket]:
        """Up to ``limit`` buckets in the order of their names."""
        rows = self._records.scan(BUCKET, prefix=prefix, after=after, limit=limit)
        return [bucket_from(row) for row in rows]

    def delete(self, name: str) -> None:
        """Remove an empty bucket with its settings; blocks until that is on the disk."""
        inside = f"{name}/"
        with self.lock:
            self.check_open(name)
            if held := [kind for kind in (OBJECT, VERSION) if self._holds(kind, inside)]:
                state = "not empty of versions" if VERSION in held else "not empty"
                raise Conflict("bucket", name, state, "an empty one")
            settings = {*self._contents.under_way(SETTING, inside)}
            settings.update(row.key for row in every(self._records, SETTING, prefix=inside))
            self._closing.add(name)
        try:
            gone = [Delete(SETTING, setting) for setting in settings]
            commit(self._records, Delete(BUCKET, name), *gone)
            self._forget(name)
        finally:
            self._closing.discard(name)

    def setting(self, bucket: str, name: str) -> Document | None:
        """What was set of a bucket under this name; None if nothing was."""
        row = self._records.get(SETTING, f"{bucket}/{name}")
        if row is None:
            self.find(bucket)
        return None if row is None else row.value

    async def set_setting_async(self, bucket: str, name: str, document: Document | None) -> None:
        """Set, or with None take away, what a bucket is to do; it is on the disk then."""
        key = f"{bucket}/{name}"
        write = Delete(SETTING, key) if document is None else Put(SETTING, key, document)
        with self.lock:
            self.check_open(bucket)
            if name == VERSIONING:
                self._versioned.add(bucket)
            done = self._contents.submit(write, result=None)
        await asyncio.wrap_future(done)

    def may_have_versions(self, name: str) -> bool:
        """Whether the bucket keeps versions, or did, or is told to right now."""
        return name in self._versioned

    def keeps_versions(self, name: str) -> bool | None:
        """Whether each write makes a version of its own; None where there never were versions."""
        found = self._records.get(SETTING, f"{name}/{VERSIONING}")
        return None if found is None else found.value["status"] == "Enabled"

    def check_open(self, name: str) -> None:
        """There is such a bucket, and nobody is removing it; raises ``NotFound``."""
        self.find(name)
        if name in self._closing:
            raise NotFound("bucket", name)

    def _forget(self, name: str) -> None:
        """Unless there is a bucket by that name again already, it never had versions."""
        with self.lock:
            settling = self._contents.settling(SETTING, f"{name}/{VERSIONING}")
            if settling is None and self.keeps_versions(name) is None:
                self._versioned.discard(name)

    def _holds(self, kind: str, inside: str) -> bool:
        # In this order: what is under way no longer is on the disk then.
        return bool(
            self._contents.under_way(kind, inside)
            or self._records.scan(kind, prefix=inside, limit=1)
        )
