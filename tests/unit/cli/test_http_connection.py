"""HTTP/1.1 as clients of every kind send it, over real sockets to uvicorn's server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import uvicorn

from bakehouse.cli.http_connection import HEAD_BYTES, HttpConnection

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
        case "/pieces":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for piece in (b"one", b"two"):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        case "/short":
            headers = [(b"content-length", b"9")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"short"})
        case "/injected":
            headers = [(b"x-a", b"1\r\nx-b: 2"), (b"content-length", b"0")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
        case "/fails":
            raise ValueError("as tests want it")
        case "/waits":
            await read(receive)
            assert (await receive())["type"] == "http.disconnect"
            LEFT.set()
        case _:
            said = (
                f"{scope['method']} {scope['path']} {scope['raw_path']!r} {scope['query_string']!r}"
            )
            await answer(send, said.encode())


class Hasty(HttpConnection):
    """A connection whose time is over at once."""

    head_s, tick_s = 0.0, 0.02


@contextlib.contextmanager
def serving(protocol: type[asyncio.Protocol]) -> Iterator[tuple[str, int]]:
    config = uvicorn.Config(
        app, http=protocol, lifespan="off", log_config=None, proxy_headers=False
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
    with serving(HttpConnection) as address:
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


def test_an_answer_of_unknown_length_comes_in_chunks(address: tuple[str, int]) -> None:
    """A client of HTTP/1.0 knows it by the end of the connection."""
    found = exchange(address, get(b"/pieces", CLOSE))
    assert b"\r\ntransfer-encoding: chunked\r\n" in found
    assert found.endswith(b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")
    older = exchange(address, get(b"/pieces", version=b"1.0"))
    assert older.endswith(b"\r\nconnection: close\r\n\r\nonetwo")


def test_a_head_is_answered_without_the_body(address: tuple[str, int]) -> None:
    """What stands in its head is what a GET would be told."""
    found = exchange(address, get(b"/a", CLOSE).replace(b"GET", b"HEAD"))
    assert b"\r\ncontent-length: 17\r\n" in found
    assert found.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("path", [b"/short", b"/injected", b"/fails"])
def test_an_answer_that_is_none_ends_the_connection(address: tuple[str, int], path: bytes) -> None:
    """Nothing that a client could take for a whole answer, and no header within another."""
    found = exchange(address, get(path))
    assert not found.startswith(b"HTTP/1.1 200")
    assert b"x-b" not in found


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"A B C\r\n\r\n"])
def test_what_is_no_http_is_refused(address: tuple[str, int], garbage: bytes) -> None:
    """With 400, and an end of the connection."""
    assert exchange(address, garbage).startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_a_path_beyond_ascii_is_refused(address: tuple[str, int]) -> None:
    """Clients encode it."""
    assert exchange(address, get("/ä".encode())).startswith(b"HTTP/1.1 400 ")


def test_a_head_without_end_is_refused(address: tuple[str, int]) -> None:
    """It is not kept in memory for ever; nor is what comes behind a chunked body."""
    line = b"x-%d: " + b"a" * 1000 + b"\r\n"
    many = [line % n for n in range(HEAD_BYTES // 1000 * 8)]
    refused = b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    with connected(address) as connection:
        with contextlib.suppress(OSError):
            for piece in (b"GET / HTTP/1.1\r\n", *many):
                connection.sendall(piece)
        with contextlib.suppress(OSError):
            assert connection.recv(1000).startswith(refused)
        assert until_closed(connection) == b""


def test_who_waits_for_a_client_learns_that_it_left(address: tuple[str, int]) -> None:
    """So that nothing is held for it."""
    LEFT.clear()
    with connected(address) as connection:
        connection.sendall(get(b"/waits"))
    assert LEFT.wait(10)


def test_a_slow_head_ends_the_connection() -> None:
    """It must be whole in its time, however much of it comes."""
    with serving(Hasty) as address:
        assert exchange(address, b"GET / HT") == b""
