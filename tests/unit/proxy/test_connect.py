"""The proxy on a real socket: who may use it, where it leads, and its bounds."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bakehouse.proxy import background
from bakehouse.proxy.connect import Proxy
from bakehouse.proxy.streams import Target
from bakehouse.proxy.upstream import Upstream, upstream_of

HOST = "sts.us-east-1.amazonaws.com"


class Upper:
    """A server that answers each connection's bytes in capitals, until they end."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                first = connection.recv(65536)
                if first == b"end":
                    break
                while first:
                    connection.sendall(first.upper())
                    first = connection.recv(65536)
        self._listener.close()

    def end(self) -> None:
        """Stop listening."""
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(b"end")
        self._thread.join()


@pytest.fixture
def server() -> Iterator[Upper]:
    """What stands for the server that plays AWS, or for any other."""
    found = Upper()
    yield found
    found.end()


@pytest.fixture
def proxy(server: Upper, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A proxy before it."""
    with background.running(f"http://127.0.0.1:{server.port}", tmp_path, {}) as found:
        yield found


@contextlib.contextmanager
def connected(
    url: str, request: str, token: str | None = None
) -> Iterator[tuple[socket.socket, str]]:
    """A connection on which a request was sent, and the first line of the answer."""
    parts = urlsplit(url)
    shown = f"{parts.username}:{parts.password if token is None else token}"
    pair = base64.b64encode(shown.encode()).decode()
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        connection.sendall(f"{request}\r\nProxy-Authorization: Basic {pair}\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head and (piece := connection.recv(1)):
            head += piece
        yield connection, head.partition(b"\r\n")[0].decode()


def test_a_host_of_aws_is_the_server(server: Upper, proxy: tuple[str, Path]) -> None:
    """What the client says under TLS reaches the server in plain, and the answer comes back."""
    with connected(proxy[0], f"CONNECT {HOST}:443 HTTP/1.1") as (connection, line):
        assert line == "HTTP/1.1 200 Connection established"
        trusting = ssl.create_default_context(cafile=str(proxy[1]))
        with trusting.wrap_socket(connection, server_hostname=HOST) as secured:
            for size in (5, 200_000):
                secured.sendall(b"a" * size)
                back = b""
                while len(back) < size:
                    back += secured.recv(65536)
                assert back == b"A" * size


def test_any_other_host_is_a_tunnel(server: Upper, proxy: tuple[str, Path]) -> None:
    """The bytes are not touched, and each side may end before the other."""
    with connected(proxy[0], f"CONNECT 127.0.0.1:{server.port} HTTP/1.1") as (connection, line):
        assert line == "HTTP/1.1 200 Connection established"
        connection.sendall(b"plain")
        connection.shutdown(socket.SHUT_WR)
        assert connection.makefile("rb").read() == b"PLAIN"


@pytest.mark.parametrize("token", ["", "wrong", "é"])
def test_nobody_else_may_use_it(server: Upper, proxy: tuple[str, Path], token: str) -> None:
    """Without the token there is neither an answer nor a tunnel."""
    for target in (f"{HOST}:443", f"127.0.0.1:{server.port}"):
        with connected(proxy[0], f"CONNECT {target} HTTP/1.1", token) as (_, line):
            assert line == "HTTP/1.1 407 Proxy Authentication Required"


@pytest.mark.parametrize(
    "line",
    [
        "GET http://example.com/ HTTP/1.1",
        "CONNECT example.com HTTP/1.1",
        "CONNECT example.com:0 HTTP/1.1",
        "CONNECT example.com:99999 HTTP/1.1",
        "CONNECT exam ple.com:443 HTTP/1.1",
        "CONNECT user@example.com:443 HTTP/1.1",
        "CONNECT éxample.com:443 HTTP/1.1",
        "",
    ],
)
def test_anything_but_connect_is_refused(proxy: tuple[str, Path], line: str) -> None:
    """It is no proxy for plain http, and takes no other form of a target."""
    with connected(proxy[0], line) as (_, answer):
        assert answer == "HTTP/1.1 405 Method Not Allowed"


def test_a_head_is_bounded(proxy: tuple[str, Path]) -> None:
    """A request line and headers of more than 64 KiB are refused."""
    with connected(proxy[0], f"CONNECT {HOST}:443 HTTP/1.1\r\nX: {'x' * 70_000}") as (_, answer):
        assert answer == "HTTP/1.1 431 Request Header Fields Too Large"


def test_connections_are_bounded() -> None:
    """One more than there may be is refused at once; when one has ended there is room again."""

    async def lines() -> list[bytes]:
        proxy = Proxy(Target("127.0.0.1", 1), lambda host: None, "token", connections=1)
        server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        _, first = await asyncio.open_connection("127.0.0.1", port)
        found = []
        for request in (b"", b"GET / HTTP/1.1\r\n\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request)
            found.append(await reader.readline())
            await reader.read()
            writer.close()
            first.close()
            await first.wait_closed()
        server.close()
        return found

    assert asyncio.run(lines()) == [
        b"HTTP/1.1 503 Service Unavailable\r\n",
        b"HTTP/1.1 407 Proxy Authentication Required\r\n",
    ]


def test_a_server_that_is_gone_is_named(tmp_path: Path) -> None:
    """The answer is 502 with the address, before any TLS."""
    with (
        background.running("http://127.0.0.1:1", tmp_path, {}) as (url, _),
        connected(url, f"CONNECT {HOST}:443 HTTP/1.1") as (connection, line),
    ):
        assert line == "HTTP/1.1 502 Bad Gateway"
        assert b"127.0.0.1:1 cannot be reached" in connection.recv(1000)


def test_tunnels_go_through_the_users_own_proxy(server: Upper, tmp_path: Path) -> None:
    """Where the surroundings name a proxy, a tunnel is asked of it, with its user and password."""
    with background.running("http://127.0.0.1:1", tmp_path / "own", {}) as (own, _):
        before = {"https_proxy": own}
        with (
            background.running(
                f"http://127.0.0.1:{server.port}", tmp_path / "ours", before
            ) as ours,
            connected(ours[0], f"CONNECT 127.0.0.1:{server.port} HTTP/1.1") as (connection, line),
        ):
            assert line == "HTTP/1.1 200 Connection established"
            connection.sendall(b"plain")
            connection.shutdown(socket.SHUT_WR)
            assert connection.makefile("rb").read() == b"PLAIN"


@pytest.mark.parametrize("target", ["example.com:443", f"{HOST}:5432"])
def test_a_refusal_of_the_users_own_proxy_is_told(tmp_path: Path, target: str) -> None:
    """A wrong password there is a 502 here; a port of AWS other than 443 is a tunnel too."""
    with background.running("http://127.0.0.1:1", tmp_path / "own", {}) as (own, _):
        before = {"https_proxy": own.replace("bakehouse:", "bakehouse:x")}
        with (
            background.running("http://127.0.0.1:1", tmp_path / "ours", before) as (url, _),
            connected(url, f"CONNECT {target} HTTP/1.1") as (connection, line),
        ):
            assert line == "HTTP/1.1 502 Bad Gateway"
            assert b"407 Proxy Authentication Required" in connection.recv(1000)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://corp:3128", Upstream(Target("corp", 3128))),
        ("corp:3128", Upstream(Target("corp", 3128))),
        ("http://corp", Upstream(Target("corp", 80))),
        ("http://a:b%40@corp:1", Upstream(Target("corp", 1), "Basic YTpiQA==")),
        ("https://corp:3128", None),
        ("socks5://corp:1080", None),
        ("http://corp:99999", None),
        ("", None),
    ],
)
def test_the_users_own_proxy_is_read_as_clients_read_it(url: str, found: Upstream | None) -> None:
    """One that is spoken to in plain http is used; one of another kind is not."""
    assert upstream_of({"HTTPS_PROXY": url}) == found
