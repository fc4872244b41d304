"""A large object uploaded in parts and read again, against the disk's own speed in the same run.

    python benchmarks/s3_large.py [--size-mib 1024] [--connections 8] [--boto3]

It starts a server with a data folder below this directory, so that both write to the same disk. The
limit is `dd … conv=fsync` of as many bytes, before and after. Parts of 8 MiB are signed beforehand
and sent over keep-alive connections with the SHA-256 and the CRC32 that boto3 sends; with `--boto3`
boto3's own transfer manager does it (10 threads).
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import server as servers
from _raw_s3 import Signer, read_response

from bakehouse import keys

MIB = 1024 * 1024
PART_MIB = 8
PATH = "/large/object"


@contextmanager
def serving(folder: Path) -> Iterator[tuple[Signer, int]]:
    """A server of its own, with the one bucket that is needed."""
    process, found, _ = servers.start(folder)
    try:
        pair = keys.load(folder)
        signer = Signer(found.endpoint, pair.access_key_id, pair.secret_access_key)
        assert signer.call(signer.request("PUT", "/large"))[0] == 200
        yield signer, process.pid
    finally:
        process.terminate()
        process.wait()


def disk_seconds(folder: Path, size_mib: int) -> float:
    """What dd needs for so many bytes, synced once at the end."""
    target = folder / "dd"
    words = ["dd", "if=/dev/zero", f"of={target}", "bs=1M", f"count={size_mib}", "conv=fsync"]
    started = time.perf_counter()
    subprocess.run(words, check=True, capture_output=True)
    seconds = time.perf_counter() - started
    target.unlink()
    return seconds


def upload_raw(signer: Signer, content: bytes, parts: int, connections: int) -> tuple[float, float]:
    """Seconds until all parts were acknowledged, and of the completion."""
    created = signer.call(signer.request("POST", PATH, query="uploads="))[1]
    found = re.search(rb"<UploadId>(.+?)</UploadId>", created)
    assert found, created
    query = f"uploadId={found[1].decode()}"
    sums = {"x-amz-checksum-crc32": base64.b64encode(zlib.crc32(content).to_bytes(4, "big"))}
    headers = {name: value.decode() for name, value in sums.items()}
    heads = iter(
        [
            signer.request("PUT", PATH, content, f"partNumber={n}&{query}", headers, alone=False)
            for n in range(1, parts + 1)
        ]
    )
    etag = hashlib.md5(content).hexdigest()
    listed = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
        for number in range(1, parts + 1)
    )
    last = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
    started = time.perf_counter()
    in_threads(connections, lambda: send_parts(signer.address, heads, content))
    sent = time.perf_counter()
    status, answer = signer.call(signer.request("POST", PATH, last, query))
    assert status == 200, answer
    assert b"<ETag>" in answer, answer
    return sent - started, time.perf_counter() - sent


def send_parts(address: tuple[str, int], heads: Iterator[bytes], content: bytes) -> None:
    with socket.create_connection(address) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for head in heads:
            connection.sendall(head)
            connection.sendall(content)
            status, answer = read_response(connection)
            assert status == 200, answer


def in_threads(count: int, work: Callable[[], None]) -> None:
    failures: list[Exception] = []

    def run() -> None:
        try:
            work()
        except (AssertionError, OSError) as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def upload_boto3(signer: Signer, content: bytes, parts: int) -> float:
    """Seconds of boto3's upload_file of a file that is in the page cache."""
    client = boto3.client(
        "s3",
        endpoint_url=signer.endpoint,
        region_name=signer.region,
        aws_access_key_id=signer.access_key_id,
        aws_secret_access_key=signer.secret_access_key,
    )
    with tempfile.NamedTemporaryFile(dir=".") as file:
        for _ in range(parts):
            file.write(content)
        file.flush()
        os.fsync(file.fileno())
        started = time.perf_counter()
        client.upload_file(file.name, "large", "object")
        return time.perf_counter() - started


def read_back(signer: Signer, content: bytes, parts: int) -> float:
    """Seconds of one GET of the whole; the first part's bytes are compared."""
    started = time.perf_counter()
    with socket.create_connection(signer.address) as connection:
        connection.sendall(signer.request("GET", PATH))
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(4096)
        received = head.partition(b"\r\n\r\n")[2]
        size, kept = len(received), bytearray(received)
        piece = memoryview(bytearray(MIB))
        while size < parts * len(content):
            got = connection.recv_into(piece)
            assert got, "the server closed the connection"
            size += got
            if len(kept) < len(content):
                kept += piece[:got]
    assert kept[: len(content)] == content
    return time.perf_counter() - started


def memory_mib(pid: int, name: str) -> float:
    """``VmRSS`` (now) or ``VmHWM`` (the most so far)."""
    found = re.search(rf"{name}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) / 1024


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size-mib", type=int, default=1024)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--boto3", action="store_true")
    chosen = parser.parse_args()
    parts = chosen.size_mib // PART_MIB
    content = os.urandom(PART_MIB * MIB)
    print(f"{chosen.size_mib} MiB, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(dir=".") as scratch, serving(Path(scratch)) as (signer, pid):
        idle = memory_mib(pid, "VmRSS")
        before = disk_seconds(Path(scratch), chosen.size_mib)
        cpu = cpu_s(pid)
        if chosen.boto3:
            total = upload_boto3(signer, content, parts)
            print(f"boto3 upload_file     {chosen.size_mib / total:8.0f} MiB/s  {total:6.2f} s")
        else:
            sent, completed = upload_raw(signer, content, parts, chosen.connections)
            total = sent + completed
            print(f"parts                 {chosen.size_mib / sent:8.0f} MiB/s  {sent:6.2f} s")
            print(f"completion                            {completed:6.2f} s")
            print(f"upload                {chosen.size_mib / total:8.0f} MiB/s  {total:6.2f} s")
        print(f"server's CPU                          {cpu_s(pid) - cpu:6.2f} s")
        after = disk_seconds(Path(scratch), chosen.size_mib)
        print(f"dd conv=fsync, before {chosen.size_mib / before:8.0f} MiB/s  {before:6.2f} s")
        print(f"dd conv=fsync, after  {chosen.size_mib / after:8.0f} MiB/s  {after:6.2f} s")
        print(f"ratio to dd           {(before + after) / 2 / total:8.2f} (of their mean time)")
        seconds = read_back(signer, content, parts)
        print(f"read back             {chosen.size_mib / seconds:8.0f} MiB/s  {seconds:6.2f} s")
        most = memory_mib(pid, "VmHWM")
        print(f"memory                {idle:.0f} MiB idle, {most:.0f} MiB at most")


if __name__ == "__main__":
    sys.exit(main())
