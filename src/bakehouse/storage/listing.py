"""Pages of a bucket's keys, with keys rolled up to common prefixes where a delimiter is given."""

from __future__ import annotations

from collections.abc import Iterator

from bakehouse.storage.object_info import KEY_BYTES, OBJECT, Listing, ObjectInfo, info_from
from bakehouse.storage.records import Record, Records

_AFTER_ALL_KEYS = "\U0010ffff" * (KEY_BYTES // 4)
_PAGE = 128


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
    rolled = _common_prefix(after, prefix, delimiter)
    if rolled is not None and after == rolled:
        after = rolled + _AFTER_ALL_KEYS
    else:
        rolled = None
    while rows := _page(records, bucket, prefix, after, page):
        for row in rows:
            key = row.key[len(bucket) + 1 :]
            if rolled is not None and key.startswith(rolled):
                continue
            rolled = _common_prefix(key, prefix, delimiter)
            yield row if rolled is None else rolled
        if len(rows) < page:
            return
        after = key if rolled is None else rolled + _AFTER_ALL_KEYS


def _page(records: Records, bucket: str, prefix: str, after: str, limit: int) -> list[Record]:
    start = f"{bucket}/{after}" if after else ""
    return records.scan(OBJECT, prefix=f"{bucket}/{prefix}", after=start, limit=limit)


def _common_prefix(key: str, prefix: str, delimiter: str) -> str | None:
    if not delimiter or not key.startswith(prefix):
        return None
    found = key.find(delimiter, len(prefix))
    return None if found < 0 else key[: found + len(delimiter)]
