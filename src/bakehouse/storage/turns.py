"""Changes of one thing that have to follow each other: each begins when the one before has ended.

Where a change depends on what is there, it must see what the changes before it left. Waiting for
them costs no thread: the next one is begun by whoever ends the one before.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")
Begin = Callable[[], Future[T]]
"""Begins a change; the future is done when it has ended."""


class Turns:
    """Queues of changes, one for each name. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[tuple[Begin[Any], Future[Any]]]] = {}

    def take(self, name: str, begin: Begin[T]) -> Future[T]:
        """Begin a change when its turn comes; at once if nobody else is there.

        ``begin`` is called without any lock, and what it raises is the future's.
        """
        done: Future[T] = Future()
        done.set_running_or_notify_cancel()
        with self._lock:
            if name in self._waiting:
                self._waiting[name].append((begin, done))
                return done
            self._waiting[name] = deque()
        if not self._begin(name, begin, done):
            self._next(name)
        return done

    def _next(self, name: str) -> None:
        """Begin the next change that is not over at once; with none left, the queue ends."""
        while True:
            with self._lock:
                if not self._waiting[name]:
                    del self._waiting[name]
                    return
                begin, done = self._waiting[name].popleft()
            if self._begin(name, begin, done):
                return

    def _begin(self, name: str, begin: Begin[T], done: Future[T]) -> bool:
        """Whether the change is under way now, rather than over."""
        try:
            change = begin()
        except Exception as error:  # noqa: BLE001  # it is raised where the future is waited for
            done.set_exception(error)
            return False
        if change.done():
            _pass_on(change, done)
            return False
        change.add_done_callback(lambda change: self._end(name, change, done))
        return True

    def _end(self, name: str, change: Future[T], done: Future[T]) -> None:
        _pass_on(change, done)
        self._next(name)


def after(first: Future[Any] | None, begin: Begin[T]) -> Future[T]:
    """What ``begin`` gives, begun when ``first`` is done, however that ended; at once if None."""
    if first is None:
        return begin()
    done: Future[T] = Future()
    done.set_running_or_notify_cancel()
    first.add_done_callback(lambda _: _begin_then(begin, done))
    return done


def _begin_then(begin: Begin[T], done: Future[T]) -> None:
    try:
        change = begin()
    except Exception as error:  # noqa: BLE001  # it is raised where the future is waited for
        done.set_exception(error)
    else:
        change.add_done_callback(lambda change: _pass_on(change, done))


def _pass_on(change: Future[T], done: Future[T]) -> None:
    failure = change.exception()
    if failure is None:
        done.set_result(change.result())
    else:
        done.set_exception(failure)
