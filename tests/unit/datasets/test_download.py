"""Downloads from a real server on this machine: whole, resumed, broken, silent."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from bakehouse.datasets.cache import fetch_archive
from bakehouse.datasets.download import download
from bakehouse.faults import InvalidInput, WorkFailed

CONTENT = bytes(range(256)) * 4000
MIB = 1024**2


class _Handler(BaseHTTPRequestHandler):
    """``/whole`` serves the content and parts of it, ``/cut`` ends early, others are missing."""

    asked: list[str | None]

    def do_GET(self) -> None:
        asked = self.headers["Range"]
        self.asked.append(asked)
        if self.path not in ("/whole", "/cut", "/noranges"):
            self.send_error(404)
            return
        start = int(asked.removeprefix("bytes=")[:-1]) if asked else 0
        if self.path == "/noranges":
            start = 0
        if start >= len(CONTENT):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(CONTENT)}")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # a client that refuses the size hangs up
            self.wfile.write(CONTENT[start : -5000 if self.path == "/cut" else None])

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def asked() -> list[str | None]:
    return []


@pytest.fixture
def address(asked: list[str | None]) -> Iterator[str]:
    handler = type("Handler", (_Handler,), {"asked": asked})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_whole_file_arrives(tmp_path: Path, address: str) -> None:
    """The content is what the server has, and the progress ends at 1."""
    told: list[float] = []
    download(f"{address}/whole", tmp_path / "new" / "p", most_bytes=2 * MIB, progress=told.append)
    assert (tmp_path / "new" / "p").read_bytes() == CONTENT
    assert told[-1] == 1.0


def test_a_broken_download_is_gone_on_from(
    tmp_path: Path, address: str, asked: list[str | None]
) -> None:
    """What came before the connection ended is kept, and only the rest is asked for."""
    part = tmp_path / "p"
    with pytest.raises(WorkFailed, match="ended after"):
        download(f"{address}/cut", part, most_bytes=2 * MIB)
    here = part.stat().st_size
    assert here == len(CONTENT) - 5000
    download(f"{address}/whole", part, most_bytes=2 * MIB)
    assert part.read_bytes() == CONTENT
    assert asked == [None, f"bytes={here}-"]


def test_a_server_without_ranges_starts_anew(tmp_path: Path, address: str) -> None:
    """Where the whole file is answered, it replaces what was here."""
    (tmp_path / "p").write_bytes(b"other")
    download(f"{address}/noranges", tmp_path / "p", most_bytes=2 * MIB)
    assert (tmp_path / "p").read_bytes() == CONTENT


def test_a_part_that_is_whole_already_is_kept(tmp_path: Path, address: str) -> None:
    """416 for exactly this length means that nothing is missing."""
    (tmp_path / "p").write_bytes(CONTENT)
    download(f"{address}/whole", tmp_path / "p", most_bytes=2 * MIB)
    assert (tmp_path / "p").read_bytes() == CONTENT


def test_a_part_that_is_too_long_is_dropped(tmp_path: Path, address: str) -> None:
    """416 for another length means that what is here belongs to another file."""
    (tmp_path / "p").write_bytes(CONTENT + b"more")
    with pytest.raises(WorkFailed, match="starts anew"):
        download(f"{address}/whole", tmp_path / "p", most_bytes=2 * MIB)
    assert not (tmp_path / "p").exists()


def test_a_missing_file_is_said(tmp_path: Path, address: str) -> None:
    """The server's status is in the message."""
    with pytest.raises(WorkFailed, match="answered 404"):
        download(f"{address}/gone", tmp_path / "p", most_bytes=MIB)


def test_more_than_the_limit_is_refused(tmp_path: Path, address: str) -> None:
    """A file that is announced as too large is not loaded."""
    with pytest.raises(WorkFailed, match="more than 1000"):
        download(f"{address}/whole", tmp_path / "p", most_bytes=1000)
    assert not (tmp_path / "p").exists()


def test_a_file_address_is_refused(tmp_path: Path) -> None:
    """Only the web is read."""
    with pytest.raises(WorkFailed, match="no web address"):
        download("file:///etc/passwd", tmp_path / "p", most_bytes=MIB)


def test_a_silent_server_is_given_up_in_time(tmp_path: Path) -> None:
    """A server that takes the connection and says nothing costs the patience, not more."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        with pytest.raises(WorkFailed, match=r"no answer within 0\.2 s"):
            download(url, tmp_path / "p", most_bytes=MIB, patience_s=0.2)
        assert time.monotonic() - started < 3
        silent.accept()[0].close()


def test_a_checked_archive_takes_its_place(tmp_path: Path, address: str) -> None:
    """With the right MD5 the part is renamed."""
    md5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
    target = tmp_path / "cache" / "a.tar.gz"
    assert fetch_archive(target, url=f"{address}/whole", md5=md5) == target
    assert [file.name for file in target.parent.iterdir()] == ["a.tar.gz"]


def test_another_file_than_the_archive_is_removed(tmp_path: Path, address: str) -> None:
    """Neither the right MD5 nor the right members: nothing is kept."""
    with pytest.raises(InvalidInput, match="cannot be used"):
        fetch_archive(tmp_path / "a.tar.gz", url=f"{address}/whole")
    assert list(tmp_path.iterdir()) == []
