"""Which Describe… calls are held until there is something to tell, and how long.

Clients wait by asking again after seconds or minutes: a boto3 waiter after 120 s, the SDK after 5
to 30 s. The User-Agent tells who waits: botocore adds the feature ``B`` to ``m/…`` in a waiter's
calls, and the SDK names itself. A plain call of anybody else is always answered at once.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Literal

from bakehouse.wire.types import Answer, Call, Later, Params

WAITER_S = 300.0
"""The longest that a waiter is held: most jobs here take less, and it sleeps up to 120 s then."""
FRESH_S, YOUNG_S = 3.0, 35.0
"""Ages between which the SDK asks for the first time in order to wait: 5 s after it made a job, 30
s after an endpoint. At a younger thing it only looks; at an older one somebody looks."""
QUICK_S = 10.0
"""Who asks again so soon after an answer waits by itself, or shows the log meanwhile."""
REMEMBERED_S = 60.0
"""Who was answered longer ago has not been waiting since."""

_CLIENTS = 4096
_SDK = "AWS-SageMaker-Python-SDK"
_FAST_POLLS = "app/bakehouse-fast-polls"  # `bakehouse exec` has its SDKs ask every half second


_Client = tuple[Literal["waiter", "sdk"], str, str]
"""How it waits, its access key, and what for. Two that are told apart by none of these are one."""
_Hold = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Pending:
    """Something whose end is awaited.

    ``key`` names it among all things, ``age_s`` is since it was made. ``over(timeout_s)`` returns
    at its end, ``changed(since, timeout_s)`` when there is more news of it than ``since``, which is
    counted by ``news()``; ``tell()`` describes it, also when it is gone.
    """

    key: str
    age_s: float
    tell: Callable[[], Params]
    over: Callable[[float], Awaitable[None]]
    news: Callable[[], int]
    changed: Callable[[int, float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Told:
    """When a client was last told that a thing is not at its end, and after how much news."""

    at_s: float
    news: int


class Waiting:
    """What is known of the clients that ask again and again.

    Args:
        limit_s: the longest that the SDK is held; 0 has everybody answered at once.
        now_s: seconds on a clock that is never set back.
    """

    def __init__(self, limit_s: float, now_s: Callable[[], float] = time.monotonic) -> None:
        self._limit_s, self._now_s = limit_s, now_s
        self._told: OrderedDict[_Client, _Told] = OrderedDict()

    def answer(self, call: Call, pending: Pending) -> Params | Answer:
        """The description of a thing that is not at its end, now or when it is worth telling."""
        kind = _kind(call.headers.get("user-agent", ""))
        if kind is None or self._limit_s == 0:
            return pending.tell()
        client = (kind, call.access_key_id, pending.key)
        hold = self._hold(client, pending)

        def tell() -> Params:
            self._remember(client, pending)
            return pending.tell()

        return tell() if hold is None else Answer(pending.tell(), later=Later(hold, tell))

    def _hold(self, client: _Client, pending: Pending) -> _Hold | None:
        """What to wait for before the answer; None if it leaves at once."""
        told = self._told.get(client)
        ago_s = inf if told is None else self._now_s() - told.at_s
        if client[0] == "waiter":
            return None if ago_s < QUICK_S else partial(pending.over, WAITER_S)
        if told is not None and ago_s < QUICK_S:
            return partial(pending.changed, told.news, self._limit_s)
        if ago_s < REMEMBERED_S or FRESH_S < pending.age_s < YOUNG_S:
            return partial(pending.over, self._limit_s)
        return None

    def _remember(self, client: _Client, pending: Pending) -> None:
        self._told[client] = _Told(self._now_s(), pending.news())
        self._told.move_to_end(client)
        while len(self._told) > _CLIENTS:
            self._told.popitem(last=False)


def _kind(user_agent: str) -> Literal["waiter", "sdk"] | None:
    """Who asks in order to wait, if anybody does."""
    if is_waiter(user_agent):
        return "waiter"
    return "sdk" if _SDK in user_agent and _FAST_POLLS not in user_agent else None


def is_waiter(user_agent: str) -> bool:
    """Whether botocore says that a waiter asks."""
    features = (part[2:] for part in user_agent.split() if part.startswith("m/"))
    return any("B" in ids.split(",") for ids in features)
