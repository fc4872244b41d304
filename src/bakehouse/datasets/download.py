"""One file from the web: resumable, bounded in time and size, with its progress told."""

from __future__ import annotations

import http.client
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import IO

from bakehouse.faults import WorkFailed

_PIECE_BYTES = 256 * 1024
_STALL_S = 20.0


def download(
    url: str,
    part: Path,
    *,
    most_bytes: int,
    patience_s: float = 5.0,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Load a file into ``part``, going on from what an earlier attempt left there.

    Args:
        url: an ``https`` (or ``http``) address.
        part: where the content goes; whoever calls renames it once it is checked.
        most_bytes: more than this is refused.
        patience_s: how long the look-up of the server's name and the start of its answer may take.
        progress: told the share that is here, from 0 to 1, after every piece.

    Raises:
        WorkFailed: the file could not be had; the message says why. What came stays in ``part``.
    """
    part.parent.mkdir(parents=True, exist_ok=True)
    here = part.stat().st_size if part.exists() else 0
    try:
        answer = _open_within(patience_s, _request(url, here))
        with answer:
            _receive(answer, part, here, most_bytes, progress or (lambda _share: None))
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != 416:
            raise _failed(url, f"the server answered {error.code}") from error
        _keep_only_whole(url, part, here, error)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _failed(url, _reason(error)) from error


def _request(url: str, here: int) -> urllib.request.Request:
    if not url.startswith(("https://", "http://")):
        raise WorkFailed(f"{url} is no web address.")
    # Checked above: no file: address reaches urllib.
    headers = {"User-Agent": "bakehouse", "Accept-Encoding": "identity"}
    if here:
        headers["Range"] = f"bytes={here}-"
    return urllib.request.Request(url, headers=headers)  # noqa: S310  # the scheme is checked above


def _open_within(seconds: float, request: urllib.request.Request) -> http.client.HTTPResponse:
    """Open on a thread: looking up a name has no time-out of its own and can take half a minute."""
    opened: Future[http.client.HTTPResponse] = Future()
    threading.Thread(target=_open, args=(request, opened), name="download", daemon=True).start()
    try:
        return opened.result(timeout=seconds)
    except TimeoutError as error:
        opened.add_done_callback(_close_late)
        raise TimeoutError(f"no answer within {seconds:g} s") from error


def _open(request: urllib.request.Request, opened: Future[http.client.HTTPResponse]) -> None:
    try:
        # The scheme is checked in _request.
        opened.set_result(urllib.request.urlopen(request, timeout=_STALL_S))  # noqa: S310  # see above
    except Exception as error:  # noqa: BLE001  # handed to the thread that waits, which judges it
        opened.set_exception(error)


def _close_late(opened: Future[http.client.HTTPResponse]) -> None:
    failure = opened.exception()
    if failure is None:
        opened.result().close()
    elif isinstance(failure, urllib.error.HTTPError):
        failure.close()


def _receive(
    answer: http.client.HTTPResponse,
    part: Path,
    here: int,
    most_bytes: int,
    progress: Callable[[float], None],
) -> None:
    is_rest = answer.status == 206 and _range_start(answer) == here
    start = here if is_rest else 0
    total = start + int(answer.headers.get("Content-Length") or 0)
    if total > most_bytes:
        raise ValueError(f"it has {total} bytes, more than {most_bytes}")
    with part.open("ab" if is_rest else "wb") as file:
        size = _copy(answer, file, start, total, most_bytes, progress)
    if total and size < total:
        raise ValueError(f"the connection ended after {size} of {total} bytes")


def _copy(
    answer: http.client.HTTPResponse,
    file: IO[bytes],
    size: int,
    total: int,
    most_bytes: int,
    progress: Callable[[float], None],
) -> int:
    while piece := answer.read(_PIECE_BYTES):
        size += len(piece)
        if size > most_bytes:
            raise ValueError(f"it has more than {most_bytes} bytes")
        file.write(piece)
        progress(size / total if total else 0.0)
    return size


def _range_start(answer: http.client.HTTPResponse) -> int | None:
    """Where a part begins: 5 of ``Content-Range: bytes 5-9/10``."""
    start = (answer.headers.get("Content-Range") or "").removeprefix("bytes ").partition("-")[0]
    return int(start) if start.isdecimal() else None


def _keep_only_whole(url: str, part: Path, here: int, error: urllib.error.HTTPError) -> None:
    """Nothing follows what is here: it is the whole file, or it belongs to another one."""
    if error.headers.get("Content-Range") != f"bytes */{here}":
        part.unlink()
        raise _failed(url, "what was here did not fit; another attempt starts anew") from error


def _reason(error: Exception) -> str:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    return cause.strerror or str(cause) if isinstance(cause, OSError) else str(cause)


def _failed(url: str, why: str) -> WorkFailed:
    return WorkFailed(f"{url} could not be downloaded: {why}.")
