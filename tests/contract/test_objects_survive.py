"""Objects whose PUT was acknowledged are there, whole, after the process was killed."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from pathlib import Path

from bakehouse.storage.blobs import FileBlobs
from bakehouse.storage.objects import ObjectStore
from bakehouse.storage.sqlite import SqliteRecords

WRITER = """
import os, sys, threading
from pathlib import Path
from bakehouse.storage.blobs import FileBlobs
from bakehouse.storage.objects import ObjectStore
from bakehouse.storage.sqlite import SqliteRecords

folder = Path(sys.argv[1])
store = ObjectStore(SqliteRecords(folder / "records.db"), FileBlobs(folder / "blobs"))
store.create_bucket("bucket")
lock = threading.Lock()

def work(size):
    for n in range(10**9):
        info = store.put("bucket", f"{size}/{n % 20}/{n}", os.urandom(size))
        store.put("bucket", f"again/{size}", os.urandom(size))
        with lock:
            print(info.key, info.etag, flush=True)

for size in (100, 70_000, 3_000_000):
    threading.Thread(target=work, args=(size,), daemon=True).start()
threading.Event().wait()
"""


def test_acknowledged_objects_survive_sigkill(tmp_path: Path) -> None:
    """Small ones in rows and large ones in files; what was under way leaves no file behind."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=-1, text=True
    ) as child:
        assert child.stdout is not None
        reported = [child.stdout.readline() for _ in range(60)]
        child.send_signal(signal.SIGKILL)
        reported += child.stdout.read().splitlines(keepends=True)
    records, blobs = SqliteRecords(tmp_path / "records.db"), FileBlobs(tmp_path / "blobs")
    store = ObjectStore(records, blobs)
    try:
        for key, etag in (line.split() for line in reported if line.endswith("\n")):
            content = store.read("bucket", key, limit_bytes=10**7)
            assert hashlib.md5(content).hexdigest() == etag
        found = store.listing("bucket", limit=10**6).objects
        assert len(blobs.ids()) == sum(info.size_bytes > 65_536 for info in found)
        for info in found:
            content = store.read("bucket", info.key, limit_bytes=10**7)
            assert hashlib.md5(content).hexdigest() == info.etag
    finally:
        records.close()
