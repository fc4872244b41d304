"""Changes that follow each other."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from bakehouse.storage.turns import Turns, after


def failing() -> Future[Any]:
    raise LookupError("no")


def test_changes_of_one_thing_follow_each_other_and_others_do_not_wait() -> None:
    """Each begins when the one before has ended, whoever ends it."""
    turns, begun = Turns(), []
    ends: dict[str, Future[str]] = {name: Future() for name in ("a1", "a2", "b1")}

    def begin(name: str) -> Future[str]:
        begun.append(name)
        return ends[name]

    done = [turns.take(name[0], lambda name=name: begin(name)) for name in ends]  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    assert begun == ["a1", "b1"]
    ends["a1"].set_result("first")
    assert begun == ["a1", "b1", "a2"]
    ends["a2"].set_result("second")
    ends["b1"].set_exception(LookupError("b"))
    assert [done[0].result(), done[1].result()] == ["first", "second"]
    with pytest.raises(LookupError, match="b"):
        done[2].result()


def test_thousands_that_are_over_at_once_let_the_next_one_begin() -> None:
    """However many wait, failing or not, they take no stack."""
    turns, first, at_once = Turns(), Future[int](), Future[int]()
    at_once.set_result(7)
    turns.take("a", lambda: first)
    failed = [turns.take("a", failing) for _ in range(5000)]
    through = [turns.take("a", lambda: at_once) for _ in range(5000)]
    last: Future[int] = Future()
    done = turns.take("a", lambda: last)
    first.set_result(0)
    assert not done.done()
    last.set_result(1)
    assert done.result() == 1
    assert all(isinstance(one.exception(), LookupError) for one in failed)
    assert {one.result() for one in through} == {7}


def test_what_comes_after_begins_however_the_first_ends() -> None:
    """At once where there is nothing to wait for."""
    first, second = Future[int](), Future[int]()
    second.set_result(2)
    waiting = after(first, lambda: second)
    assert not waiting.done()
    first.set_exception(LookupError("first"))
    assert waiting.result() == after(None, lambda: second).result() == 2
    assert isinstance(after(first, failing).exception(), LookupError)
