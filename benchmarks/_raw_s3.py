"""S3 requests as bytes: signed beforehand, sent over keep-alive connections, barely parsed.

A client that costs some 20 µs a request, so that on two cores the server is what is measured.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import selectors
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length: "


@dataclass(frozen=True)
class Signer:
    """Makes whole signed requests (Signature Version 4, single chunk, digest of the body)."""

    endpoint: str
    access_key_id: str
    secret_access_key: str
    region: str = "us-east-1"

    @property
    def address(self) -> tuple[str, int]:
        found = urlsplit(self.endpoint)
        return found.hostname or "127.0.0.1", found.port or 80

    def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        query: str = "",
        headers: dict[str, str] | None = None,
        *,
        alone: bool = True,
    ) -> bytes:
        """A request's bytes; without ``alone``, its head only. The query must be canonical."""
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        digest = hashlib.sha256(body).hexdigest()
        sent = {
            "host": urlsplit(self.endpoint).netloc,
            "x-amz-content-sha256": digest,
            "x-amz-date": stamp,
            **(headers or {}),
        }
        names = ";".join(sorted(sent))
        lines = "".join(f"{name}:{sent[name]}\n" for name in sorted(sent))
        canonical = f"{method}\n{quote(path)}\n{query}\n{lines}\n{names}\n{digest}"
        scope = f"{stamp[:8]}/{self.region}/s3/aws4_request"
        key = f"AWS4{self.secret_access_key}".encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashed}"
        value = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
        sent["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.access_key_id}/{scope}, "
            f"SignedHeaders={names}, Signature={value}"
        )
        sent["content-length"] = str(len(body))
        target = f"{quote(path)}?{query}" if query else quote(path)
        head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + (body if alone else b"")

    def put(self, path: str, body: bytes) -> bytes:
        """A PUT with the CRC32 that boto3 and the aws CLI send by themselves."""
        crc = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
        return self.request("PUT", path, body, headers={"x-amz-checksum-crc32": crc})

    def call(self, request: bytes) -> tuple[int, bytes]:
        """Send one request on a connection of its own; returns the status and the body."""
        with socket.create_connection(self.address) as connection:
            connection.sendall(request)
            return read_response(connection)


def read_response(connection: socket.socket) -> tuple[int, bytes]:
    """Read one answer with a Content-Length (or none) from a blocking socket."""
    found = b""
    while HEAD_END not in found:
        piece = connection.recv(1 << 16)
        if not piece:
            raise ConnectionError("The server closed the connection.")
        found += piece
    head, _, body = found.partition(HEAD_END)
    missing = length_of(head) - len(body)
    pieces = [body]
    while missing > 0:
        pieces.append(connection.recv(min(missing, 1 << 20)))
        missing -= len(pieces[-1])
    return int(head[9:12]), b"".join(pieces)


def length_of(head: bytes) -> int:
    """The Content-Length of a head; 0 if it names none."""
    start = head.lower().find(LENGTH)
    if start < 0:
        return 0
    end = head.find(b"\r\n", start)
    return int(head[start + len(LENGTH) : end if end >= 0 else len(head)])


@dataclass
class Outcome:
    """What a load did."""

    seconds: float = 0.0
    times: list[float] = field(default_factory=list)
    refused: list[bytes] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return len(self.times) / self.seconds


class _Connection:
    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.wanted = -1
        self.sent_at = 0.0

    def send(self, request: bytes) -> None:
        self.received, self.wanted = b"", -1
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def is_answered(self) -> bool:
        """Take what has come; whether the answer is whole now."""
        piece = self.socket.recv(1 << 18)
        if not piece:
            raise ConnectionError("The server closed the connection.")
        self.received += piece
        if self.wanted < 0:
            end = self.received.find(HEAD_END)
            if end < 0:
                return False
            self.wanted = end + 4 + length_of(self.received[:end])
        return len(self.received) >= self.wanted


def load(
    address: tuple[str, int],
    requests: Iterator[bytes],
    *,
    connections: int,
    seconds: float,
    is_fine: Callable[[bytes], bool] = lambda answer: answer.startswith(b"HTTP/1.1 200"),
) -> Outcome:
    """Keep every connection busy with the next request for so long, or until there is none."""
    outcome = Outcome()
    selector = selectors.DefaultSelector()
    all_of_them = [_Connection(address) for _ in range(connections)]
    started = time.perf_counter()
    busy = 0
    for one in all_of_them:
        request = next(requests, None)
        if request is not None:
            selector.register(one.socket, selectors.EVENT_READ, one)
            one.send(request)
            busy += 1
    while busy:
        for key, _ in selector.select():
            one = key.data
            if not one.is_answered():
                continue
            now = time.perf_counter()
            outcome.times.append(now - one.sent_at)
            if not is_fine(one.received):
                outcome.refused.append(one.received)
            request = next(requests, None) if now - started < seconds else None
            if request is None:
                selector.unregister(one.socket)
                busy -= 1
            else:
                one.send(request)
    outcome.seconds = time.perf_counter() - started
    for one in all_of_them:
        one.socket.close()
    selector.close()
    return outcome
