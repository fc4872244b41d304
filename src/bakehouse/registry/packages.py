"""Model packages: what was registered to be deployed later, and the groups that hold versions.

A package stands alone under a name of its own, or is a version in a group: 1, 2, 3 and so on; the
number of a version that was removed is not given again. Names compare without regard to case.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass, field, replace

from bakehouse.faults import AlreadyExists, Conflict, NotFound
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

_GROUP, _PACKAGE, _TOKEN = (
    "sagemaker/model-package-group",
    "sagemaker/model-package",
    "sagemaker/model-package-token",
)


@dataclass(frozen=True, slots=True)
class Group:
    """A line of versions. ``given`` is what its door was told, kept to be shown again."""

    name: str
    created_ms: int
    given: Document = field(default_factory=dict)
    last_version: int = 0
    """The number of the newest version that there ever was."""


@dataclass(frozen=True, slots=True)
class Package:
    """A registered model. ``given`` is what its door was told, with the changes since."""

    name: str
    """Its own, or its group's if it has a version."""
    version: int | None
    created_ms: int
    modified_ms: int
    given: Document = field(default_factory=dict)
    token: str | None = None
    """What the caller marked the request with that made it: the same mark makes no second one."""

    @property
    def key(self) -> str:
        """What it is kept under: a group's versions lie together, in the order of their numbers."""
        return _key(self.name, self.version)


class ModelPackages:
    """All model packages and groups of a data folder.

    Everything but the reads belongs to the event loop. A fault's ``name`` is the thing's ARN.

    Args:
        records: where they are kept.
        account_id: the account in the ARNs.
        region: the region in the ARNs.
    """

    def __init__(self, records: Records, *, account_id: str, region: str) -> None:
        self._records = records
        self._prefix = f"arn:aws:sagemaker:{region}:{account_id}:"
        self._changing = asyncio.Lock()

    def group_arn(self, name: str) -> str:
        """The ARN of a group; the name in lower case."""
        return f"{self._prefix}model-package-group/{name.lower()}"

    def package_arn(self, name: str, version: int | None = None) -> str:
        """The ARN of a package; the name in lower case."""
        path = name.lower() if version is None else f"{name.lower()}/{version}"
        return f"{self._prefix}model-package/{path}"

    # Groups

    async def create_group(self, group: Group, *beside: Write) -> None:
        """Store a new group, with other writes in the same commit.

        Raises:
            AlreadyExists: there is one of that name.
        """
        try:
            insert = Insert(_GROUP, group.name.lower(), asdict(group))
            await commit_async(self._records, insert, *beside)
        except KeyTaken as taken:
            raise AlreadyExists("model package group", self.group_arn(group.name)) from taken

    def group(self, name: str) -> Group:
        """The group of that name; NotFound if there is none."""
        row = self._records.get(_GROUP, name.lower())
        if row is None:
            raise NotFound("model package group", self.group_arn(name))
        return Group(**row.value)

    def groups(self) -> list[Group]:
        """Every group, by name."""
        return [Group(**row.value) for row in every(self._records, _GROUP)]

    async def delete_group(self, name: str, *beside: Write) -> None:
        """Remove an empty group, with other writes in the same commit.

        Raises:
            NotFound: there is no such group.
            Conflict: there are packages in it.
        """
        async with self._changing:
            group = self.group(name)
            if self.versions(name):
                arn = self.group_arn(name)
                raise Conflict("model package group", arn, "not empty", "an empty one")
            await commit_async(self._records, Delete(_GROUP, group.name.lower()), *beside)

    # Packages

    async def create(self, package: Package, *beside: Write) -> Package:
        """Store a package that stands alone, with other writes in the same commit.

        Raises:
            AlreadyExists: there is one of that name.
        """
        async with self._changing:
            if known := self._of_token(package.token):
                return known
            return await self._insert(package, *beside)

    async def create_version(self, name: str, package: Package) -> Package:
        """Store a package as the next version in a group; it, with its number.

        Raises:
            NotFound: there is no such group.
        """
        async with self._changing:
            if known := self._of_token(package.token):
                return known
            group = self.group(name)
            number = group.last_version + 1
            grown = Put(_GROUP, group.name.lower(), asdict(replace(group, last_version=number)))
            return await self._insert(replace(package, name=group.name, version=number), grown)

    def package(self, name: str, version: int | None = None) -> Package:
        """The package of that name and version; NotFound if there is none."""
        row = self._records.get(_PACKAGE, _key(name, version))
        if row is None:
            raise NotFound("model package", self.package_arn(name, version))
        return Package(**row.value)

    def packages(self) -> list[Package]:
        """Every package, by name and version."""
        return [Package(**row.value) for row in every(self._records, _PACKAGE)]

    def versions(self, group: str) -> list[Package]:
        """The packages of a group, by version."""
        rows = every(self._records, _PACKAGE, prefix=f"{group.lower()}/")
        return [Package(**row.value) for row in rows]

    async def change(self, package: Package) -> None:
        """Store a package in the place of the one of its name and version; NotFound without one."""
        async with self._changing:
            self.package(package.name, package.version)
            await commit_async(self._records, Put(_PACKAGE, package.key, asdict(package)))

    async def delete(self, package: Package, *beside: Write) -> None:
        """Remove a package, with other writes in the same commit."""
        forgotten = [Delete(_TOKEN, package.token)] if package.token else []
        async with self._changing:
            await commit_async(self._records, Delete(_PACKAGE, package.key), *forgotten, *beside)

    async def _insert(self, package: Package, *beside: Write) -> Package:
        writes: list[Write] = [Insert(_PACKAGE, package.key, asdict(package)), *beside]
        if package.token:
            writes.append(Put(_TOKEN, package.token, {"key": package.key}))
        try:
            await commit_async(self._records, *writes)
        except KeyTaken as taken:
            arn = self.package_arn(package.name, package.version)
            raise AlreadyExists("model package", arn) from taken
        return package

    def _of_token(self, token: str | None) -> Package | None:
        """The package that a request with this mark made before."""
        row = self._records.get(_TOKEN, token) if token else None
        package = row and self._records.get(_PACKAGE, row.value["key"])
        return Package(**package.value) if package else None


def _key(name: str, version: int | None) -> str:
    return name.lower() if version is None else f"{name.lower()}/{version:09d}"
