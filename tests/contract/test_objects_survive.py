"""Objects whose PUT was acknowledged are there, whole, after the process was killed."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bakehouse.storage.blobs import FileBlobs
from bakehouse.storage.objects import ObjectStore
from bakehouse.storage.sqlite import SqliteRecords

WRITER = """
import asyncio, os, sys, threading
from pathlib import Path
from bakehouse.storage.blobs import FileBlobs
from bakehouse.storage.objects import ObjectStore
from bakehouse.storage.sqlite import SqliteRecords

folder = Path(sys.argv[1])
store = ObjectStore(SqliteRecords(folder / "records.db"), FileBlobs(folder / "blobs"))
store.create_bucket("bucket")
if sys.argv[2] == "versioned":
    asyncio.run(store.set_setting_async("bucket", "versioning", {"status": "Enabled"}))
lock = threading.Lock()

def work(size):
    for n in range(10**9):
        info = store.put("bucket", f"{size}/{n % 20}/{n}", os.urandom(size))
        store.put("bucket", f"again/{size}", os.urandom(size))
        with lock:
            print(info.key, info.etag, info.version_id, flush=True)

for size in (100, 70_000, 3_000_000):
    threading.Thread(target=work, args=(size,), daemon=True).start()
threading.Event().wait()
"""


def content(store: ObjectStore, key: str, version: str | None) -> bytes:
    with store.open("bucket", key, version) as opened:
        return b"".join(opened.chunks())


@pytest.mark.parametrize("kept", ["plain", "versioned"])
def test_acknowledged_objects_survive_sigkill(tmp_path: Path, kept: str) -> None:
    """Small ones in rows and large ones in files; what was under way leaves no file behind."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path), kept], stdout=-1, text=True
    ) as child:
        assert child.stdout is not None
        reported = [child.stdout.readline() for _ in range(60)]
        child.send_signal(signal.SIGKILL)
        reported += child.stdout.read().splitlines(keepends=True)
    records, blobs = SqliteRecords(tmp_path / "records.db"), FileBlobs(tmp_path / "blobs")
    store = ObjectStore(records, blobs)
    try:
        for key, etag, version in (line.split() for line in reported if line.endswith("\n")):
            named = None if version == "None" else version
            assert hashlib.md5(content(store, key, named)).hexdigest() == etag
        found = store.version_listing("bucket", limit=10**6).versions
        assert len(blobs.ids()) == sum(v.info.size_bytes > 65_536 for v in found if v.info)
        again = [version for version in found if version.key.startswith("again/")]
        assert (len(again) == len({v.key for v in again})) == (kept == "plain")
        for info in store.listing("bucket", limit=10**6).objects:
            assert hashlib.md5(content(store, info.key, None)).hexdigest() == info.etag
    finally:
        records.close()
