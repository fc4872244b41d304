"""Models, endpoint configurations and endpoints as records: added, found, listed, removed.

AWS compares their names without regard to case, so a record's key is the name in lower case.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Generic, TypeVar

from bakehouse.faults import AlreadyExists, InvalidInput, NotFound
from bakehouse.hosting.types import Endpoint, EndpointConfig, Model, to_document
from bakehouse.storage.records import (
    Delete,
    Document,
    Insert,
    KeyTaken,
    Put,
    Records,
    Write,
    commit_async,
    every,
)

_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*")
_NAME_CHARACTERS = 63

Kept = TypeVar("Kept", bound=Model | EndpointConfig | Endpoint)


class Catalogue(Generic[Kept]):
    """All things of one kind.

    Args:
        records: where they are kept.
        noun: what one of them is called in messages and, with ``-`` for spaces, in kinds.
        read: makes the thing of a stored document.
    """

    def __init__(self, records: Records, noun: str, read: Callable[[Document], Kept]) -> None:
        self._records, self._noun, self._read = records, noun, read
        self._kind = f"sagemaker/{noun.replace(' ', '-')}"

    async def add(self, thing: Kept, *beside: Write) -> None:
        """Store something new, with other writes in the same commit; it is on the disk then.

        Raises:
            AlreadyExists: there is one of that name.
            InvalidInput: that is no name.
        """
        check_name(f"{self._noun} name", thing.name)
        insert = Insert(self._kind, thing.name.lower(), to_document(thing))
        try:
            await commit_async(self._records, insert, *beside)
        except KeyTaken as taken:
            raise AlreadyExists(self._noun, thing.name) from taken

    async def replace(self, thing: Kept) -> None:
        """Store it in the place of the one of its name."""
        put = Put(self._kind, thing.name.lower(), to_document(thing))
        await commit_async(self._records, put)

    async def remove(self, name: str, *beside: Write) -> None:
        """Remove the one of that name, with other writes as above; NotFound if there is none."""
        self.find(name)
        await commit_async(self._records, Delete(self._kind, name.lower()), *beside)

    def find(self, name: str) -> Kept:
        """The one of that name; NotFound if there is none."""
        row = self._records.get(self._kind, name.lower())
        if row is None:
            raise NotFound(self._noun, name)
        return self._read(row.value)

    def all(self) -> list[Kept]:
        """Every one, in the order of the names."""
        return [self._read(row.value) for row in every(self._records, self._kind)]


def check_name(path: str, name: str) -> None:
    """InvalidInput unless the name is 1 to 63 letters, digits and, between them, hyphens."""
    if len(name) > _NAME_CHARACTERS or not _NAME.fullmatch(name):
        raise InvalidInput(path, name, "1 to 63 letters, digits and, between them, hyphens")
