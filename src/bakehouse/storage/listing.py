"""Pages of a bucket's keys, with keys rolled up to common prefixes where a delimiter is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from bakehouse.storage.object_info import KEY_BYTES, OBJECT, Listing, ObjectInfo, info_from
from bakehouse.storage.records import Record, Records

AFTER_ALL_KEYS = "\U0010ffff" * (KEY_BYTES // 4)
"""Appended to a common prefix, it comes after all keys that start with it."""
_PAGE = 128
T = TypeVar("T")
Place = tuple[str, str]
"""Where a listing of several things by one key goes on: after a key, or after one id of it."""


def listing_of(
    records: Records, bucket: str, prefix: str, delimiter: str, after: str, limit: int
) -> Listing:
    """Up to ``limit`` keys and common prefixes that come after ``after``, in order."""
    objects: list[ObjectInfo] = []
    prefixes: list[str] = []
    last = after
    if limit == 0:
        return Listing([], [], None)
    for row in _walk(records, bucket, prefix, delimiter, after, limit):
        if len(objects) + len(prefixes) == limit:
            return Listing(objects, prefixes, last)
        if isinstance(row, str):
            prefixes.append(row)
            last = row
        else:
            objects.append(info_from(bucket, row))
            last = objects[-1].key
    return Listing(objects, prefixes, None)


def _walk(
    records: Records, bucket: str, prefix: str, delimiter: str, after: str, limit: int
) -> Iterator[Record | str]:
    """Rows, and common prefixes as text, in order, from the first after ``after``."""
    page = _PAGE if delimiter else limit + 1
    rolled = common_prefix(after, prefix, delimiter)
    if rolled is not None and after == rolled:
        after = rolled + AFTER_ALL_KEYS
    else:
        rolled = None
    while rows := _page(records, bucket, prefix, after, page):
        for row in rows:
            key = row.key[len(bucket) + 1 :]
            if rolled is not None and key.startswith(rolled):
                continue
            rolled = common_prefix(key, prefix, delimiter)
            yield row if rolled is None else rolled
        if len(rows) < page:
            return
        after = key if rolled is None else rolled + AFTER_ALL_KEYS


def _page(records: Records, bucket: str, prefix: str, after: str, limit: int) -> list[Record]:
    start = f"{bucket}/{after}" if after else ""
    return records.scan(OBJECT, prefix=f"{bucket}/{prefix}", after=start, limit=limit)


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
                if skipped == _PAGE:  # many share the prefix: to look for the next key is faster
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
