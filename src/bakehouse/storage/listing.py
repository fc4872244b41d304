"""Pages of a bucket's keys, with keys rolled up to common prefixes where a delimiter is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from bakehouse.storage.object_info import KEY_BYTES, OBJECT, Listing, info_from
from bakehouse.storage.records import Record, Records, every

AFTER_ALL_KEYS = "\U0010ffff" * (KEY_BYTES // 4)
"""Appended to a common prefix, it comes after all keys that start with it."""
PAGE = 128
"""How many rows are read at once where most of them may be passed over."""
T = TypeVar("T")
Place = tuple[str, str]
"""Where a listing of several things by one key goes on: after a key, or after one id of it."""


def listing_of(
    records: Records, bucket: str, prefix: str, delimiter: str, after: str, limit: int
) -> Listing:
    """Up to ``limit`` keys and common prefixes that come after ``after``, in order."""

    def rows_after(place: Place) -> Iterator[Record]:
        start = f"{bucket}/{place[0]}" if place[0] else ""
        page = PAGE if delimiter else limit + 1
        return every(records, OBJECT, prefix=f"{bucket}/{prefix}", after=start, page=page)

    def key_of(row: Record) -> str:
        return row.key[len(bucket) + 1 :]

    items = rolled_up(rows_after, key_of, prefix, delimiter, (after, ""))
    rows, prefixes, last = first_of(items, lambda row: (key_of(row), ""), limit)
    objects = [info_from(bucket, row) for row in rows]
    return Listing(objects, prefixes, None if last is None else last[0])


def common_prefix(key: str, prefix: str, delimiter: str) -> str | None:
    """What a key is rolled up to; None where it stands for itself."""
    if not delimiter or not key.startswith(prefix):
        return None
    found = key.find(delimiter, len(prefix))
    return None if found < 0 else key[: found + len(delimiter)]


def rolled_up(
    items_after: Callable[[Place], Iterator[T]],
    key_of: Callable[[T], str],
    prefix: str,
    delimiter: str,
    after: Place,
) -> Iterator[T | str]:
    """Things by key from the first after a place, and common prefixes as text, in order.

    A place that is a common prefix, without an id, skips all its keys.
    """
    rolled: str | None = None
    start: Place | None = after
    if delimiter and after == (common_prefix(after[0], prefix, delimiter), ""):
        rolled = after[0]
        start = (rolled + AFTER_ALL_KEYS, "")
    while start is not None:
        items, start, skipped = items_after(start), None, 0
        for item in items:
            if rolled is not None and key_of(item).startswith(rolled):
                skipped += 1
                if skipped == PAGE - 1:  # many share the prefix: to look for the next key is faster
                    start = (rolled + AFTER_ALL_KEYS, "")
                    break
                continue
            rolled, skipped = common_prefix(key_of(item), prefix, delimiter), 0
            yield item if rolled is None else rolled


def first_of(
    items: Iterator[T | str], place_of: Callable[[T], Place], limit: int
) -> tuple[list[T], list[str], Place | None]:
    """Up to ``limit`` things and common prefixes, and the place of the last if there are more."""
    found: list[T] = []
    prefixes: list[str] = []
    last: Place = ("", "")
    if limit == 0:
        return [], [], None
    for item in items:
        if len(found) + len(prefixes) == limit:
            return found, prefixes, last
        if isinstance(item, str):
            prefixes.append(item)
            last = (item, "")
        else:
            found.append(item)
            last = place_of(item)
    return found, prefixes, None
