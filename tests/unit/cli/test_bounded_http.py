"""HTTP/1.1 as clients of every kind send it, with the bounds on what they may send."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import uvicorn

from bakehouse.cli.bounded_http import HEAD_BYTES, MOST_WAITING, BoundedHeads

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
LEFT = threading.Event()


async def answer(send: Send, body: bytes, *, counted: bool = True, status: int = 200) -> None:
    headers = [(b"content-length", str(len(body)).encode())] if counted else []
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def read(receive: Receive) -> bytes:
    found = b""
    while True:
        event = await receive()
        found += bytes(event.get("body", b""))
        if not event.get("more_body", False):
            return found


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """What the paths of these tests mean."""
    match scope["path"]:
        case "/echo":
            await answer(send, await read(receive))
        case "/unread":
            await answer(send, b"not read")
        case "/waits":
            await read(receive)
            assert (await receive())["type"] == "http.disconnect"
            LEFT.set()
        case _:
            said = (
                f"{scope['method']} {scope['path']} {scope['raw_path']!r} {scope['query_string']!r}"
            )
            await answer(send, said.encode())


class Hasty(BoundedHeads):
    """A connection whose time is over at once."""

    head_s = 0.02


@contextlib.contextmanager
def serving(protocol: type[asyncio.Protocol]) -> Iterator[tuple[str, int]]:
    config = uvicorn.Config(
        app, http=protocol, ws="none", lifespan="off", log_config=None, proxy_headers=False
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
        thread.start()
        yield listener.getsockname()
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    with serving(BoundedHeads) as address:
        yield address


@contextlib.contextmanager
def connected(address: tuple[str, int]) -> Iterator[socket.socket]:
    with socket.create_connection(address, timeout=10) as connection:
        yield connection


def exchange(address: tuple[str, int], *pieces: bytes) -> bytes:
    """All that the server sends until it closes the connection."""
    with connected(address) as connection:
        for piece in pieces:
            connection.sendall(piece)
        return until_closed(connection)


def until_closed(connection: socket.socket) -> bytes:
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            found += piece
    return found


def get(path: bytes, *more: bytes, version: bytes = b"1.1") -> bytes:
    lines = [b"GET " + path + b" HTTP/" + version, b"Host: x", *more]
    return b"\r\n".join(lines) + b"\r\n\r\n"


CLOSE = b"Connection: close"


def test_requests_in_one_piece_are_answered_in_their_order(address: tuple[str, int]) -> None:
    """A client may send several before it reads the first answer."""
    found = exchange(address, get(b"/a") + get(b"/b?c=%20") + get(b"/%2Fd", CLOSE))
    bodies = [part.partition(b"\r\n\r\n")[2] for part in found.split(b"HTTP/1.1 200 OK\r\n")]
    assert bodies[1].startswith(b"GET /a b'/a' b''")
    assert bodies[2].startswith(b"GET /b b'/b' b'c=%20'")
    assert bodies[3] == b"GET //d b'/%2Fd' b''"


def test_more_requests_than_may_wait_end_the_connection(address: tuple[str, int]) -> None:
    """Thousands fit into one piece, and each would be kept in memory until its turn."""
    few = exchange(address, get(b"/a") * (MOST_WAITING - 1) + get(b"/a", CLOSE))
    assert few.count(b"HTTP/1.1 200 OK") == MOST_WAITING
    many = exchange(address, get(b"/a") * (3 * MOST_WAITING))
    assert b"HTTP/1.1 400 Bad Request" in many
    assert many.count(b"HTTP/1.1 200 OK") <= MOST_WAITING


def test_the_wish_for_another_protocol_is_passed_over(address: tuple[str, int]) -> None:
    """It is answered in HTTP/1.1, and the connection ends: what follows would never be read."""
    upgrade = get(b"/a", b"Connection: Upgrade", b"Upgrade: websocket")
    found = exchange(address, upgrade + get(b"/b"))
    assert found.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"connection: close\r\n" in found
    assert b"GET /b" not in found


def test_a_request_may_come_byte_by_byte(address: tuple[str, int]) -> None:
    """Where the pieces of a request end means nothing."""
    whole = b"PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"
    assert exchange(address, *(bytes([byte]) for byte in whole)).endswith(b"\r\n\r\nabc")


@pytest.mark.parametrize("size", [0, 1, 300_000, 3_000_000])
def test_a_body_arrives_whole(address: tuple[str, int], size: int) -> None:
    """Also one that is longer than what waits in memory for whoever reads it."""
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)
    head = f"PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n{CLOSE.decode()}\r\n\r\n"
    assert exchange(address, head.encode(), content).partition(b"\r\n\r\n")[2] == content


def test_a_chunked_body_arrives_whole_and_its_trailers_are_passed_over(
    address: tuple[str, int],
) -> None:
    """The length of a body need not be known beforehand."""
    head = (
        b"PUT /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    body = b"3\r\nabc\r\n2\r\nde\r\n0\r\nx-later: 1\r\n\r\n"
    assert exchange(address, head, body).endswith(b"\r\n\r\nabcde")


def test_a_client_that_waits_is_told_to_go_on(address: tuple[str, int]) -> None:
    """Expect: 100-continue is answered as soon as the body is wanted, also where it has none."""
    for size in (0, 3):
        with connected(address) as connection:
            head = f"PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n"
            connection.sendall(head.encode() + b"Expect: 100-continue\r\nConnection: close\r\n\r\n")
            told = connection.recv(25)
            assert told == b"HTTP/1.1 100 Continue\r\n\r\n"
            connection.sendall(b"abc"[:size])
            assert until_closed(connection).endswith(b"\r\n\r\n" + b"abc"[:size])


def test_a_body_that_is_not_wanted_is_not_asked_for(address: tuple[str, int]) -> None:
    """The answer comes instead of 100 Continue."""
    with connected(address) as connection:
        connection.sendall(
            b"PUT /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("begin", ["a head", "trailers"])
def test_a_head_without_end_is_refused(address: tuple[str, int], begin: str) -> None:
    """It is not kept in memory for ever; nor is what comes behind a chunked body."""
    head = b"PUT /echo HTTP/1.1\r\n"
    if begin == "trailers":
        head += b"Host: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"
    line = b"x-%d: " + b"a" * 1000 + b"\r\n"
    with connected(address) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(head)
            for n in range(HEAD_BYTES // 1000 * 8):
                connection.sendall(line % n)
        found = until_closed(connection)
        assert b"HTTP/1.1 200" not in found
        assert begin == "trailers" or found[:13] in (b"", b"HTTP/1.1 431 ")


def test_who_waits_for_a_client_learns_that_it_left(address: tuple[str, int]) -> None:
    """So that nothing is held for it."""
    LEFT.clear()
    with connected(address) as connection:
        connection.sendall(get(b"/waits"))
    assert LEFT.wait(10)


def test_a_connection_serves_many_requests(address: tuple[str, int]) -> None:
    """Sent as many at once as may wait, they are answered one after the other."""
    found = b""
    with connected(address) as connection:
        for count in range(MOST_WAITING, 2001, MOST_WAITING):
            connection.sendall(get(b"/a") * MOST_WAITING)
            while found.count(b"HTTP/1.1 200 OK\r\n") < count:
                found += connection.recv(65536)
        connection.sendall(get(b"/last", CLOSE))
        assert until_closed(connection).endswith(b"GET /last b'/last' b''")


def test_a_slow_head_ends_the_connection() -> None:
    """It must be whole in its time, however much of it comes."""
    with serving(Hasty) as address:
        assert exchange(address, b"GET / HT") == b""
