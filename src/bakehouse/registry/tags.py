"""Tags: words that people put on what they keep, each a key with a value, by the thing's ARN."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from bakehouse.faults import LimitExceeded
from bakehouse.storage.records import Delete, Put, Records, Write, commit_async

MOST = 50
"""The tags that one thing may have."""

_KIND = "registry/tags"


class Tags:
    """The tags of a data folder.

    A thing's first tags are written by the commit that makes the thing, and its last ones removed
    by the commit that removes it: :meth:`first` and :meth:`gone` say what to add to those.
    Everything but the reads belongs to the event loop.
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        self._changing = asyncio.Lock()

    def of(self, arn: str) -> dict[str, str]:
        """The tags of a thing in the order of their keys; empty if there is no such thing."""
        row = self._records.get(_KIND, arn)
        return {} if row is None else dict(sorted(row.value.items()))

    def first(self, arn: str, tags: Mapping[str, str]) -> Write:
        """The write that gives a new thing its tags, and none of an earlier one of its name.

        Raises:
            LimitExceeded: there are more than 50.
        """
        _check(tags)
        return Put(_KIND, arn, dict(tags)) if tags else self.gone(arn)

    def gone(self, arn: str) -> Write:
        """The write that takes a thing's tags away with it."""
        return Delete(_KIND, arn)

    async def add(self, arn: str, tags: Mapping[str, str]) -> dict[str, str]:
        """Add tags, or give those that are there another value; all that the thing has then.

        Raises:
            LimitExceeded: it would have more than 50.
        """
        async with self._changing:
            new = {**self.of(arn), **tags}
            _check(new)
            await commit_async(self._records, Put(_KIND, arn, new))
        return dict(sorted(new.items()))

    async def remove(self, arn: str, keys: Iterable[str]) -> None:
        """Remove the tags with these keys, as far as they are there."""
        unwanted = set(keys)
        async with self._changing:
            left = {key: value for key, value in self.of(arn).items() if key not in unwanted}
            await commit_async(self._records, self.first(arn, left))


def _check(tags: Mapping[str, str]) -> None:
    if len(tags) > MOST:
        raise LimitExceeded("The number of tags of one resource", len(tags), MOST, "tags")
