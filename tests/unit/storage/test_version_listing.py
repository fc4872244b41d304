"""Versions against a model of them: any sequence of changes, and listings in pages of any size."""

from __future__ import annotations

import asyncio
import random

import pytest

from bakehouse.faults import NotFound
from bakehouse.storage.blobs import MemoryBlobs
from bakehouse.storage.memory import MemoryRecords
from bakehouse.storage.objects import NULL_ID, VERSIONING, ObjectStore

KEYS = ["a", "a\x00", "a\x00\x01", "a!", "a/", "a/b", "a/b/c", "b", "é", "\U0001f600"]
"""Keys that begin like each other, and that sort before and after what divides them."""

Told = tuple[str, str, bool]
"""Key, id, and whether it is the latest."""


class Model:
    """What S3 says versions are, in lists: of each key the newest first, None for a marker."""

    def __init__(self) -> None:
        self.versions: dict[str, list[tuple[str, bytes | None]]] = {key: [] for key in KEYS}

    def add(self, key: str, version_id: str, content: bytes | None) -> None:
        if version_id == NULL_ID:
            self.remove(key, NULL_ID)
        self.versions[key].insert(0, (version_id, content))

    def remove(self, key: str, version_id: str) -> None:
        self.versions[key] = [one for one in self.versions[key] if one[0] != version_id]

    def listing(self, prefix: str = "") -> list[Told]:
        return [
            (key, version_id, place == 0)
            for key in sorted(KEYS)
            if key.startswith(prefix)
            for place, (version_id, _) in enumerate(self.versions[key])
        ]


def change(objects: ObjectStore, model: Model, luck: random.Random) -> None:
    """One change of a random kind, in the store and in the model."""
    key, kind = luck.choice(KEYS), luck.choice(["put", "put", "put", "mark", "remove", "status"])
    if kind == "status":
        status = {"status": luck.choice(["Enabled", "Suspended"])}
        asyncio.run(objects.set_setting_async("bucket", VERSIONING, status))
    elif kind == "put":
        content = luck.randbytes(luck.choice([0, 10, 70_000]))
        version = objects.put("bucket", key, content).version_id
        model.add(key, version or NULL_ID, content)
    elif kind == "mark":
        left = asyncio.run(objects.delete_async("bucket", key))
        assert left.is_marker
        model.add(key, str(left.version_id), None)
    elif model.versions[key]:
        version_id, content_or_none = luck.choice(model.versions[key])
        left = asyncio.run(objects.delete_async("bucket", key, version_id=version_id))
        assert left.is_marker == (content_or_none is None)
        model.remove(key, version_id)


def listed(objects: ObjectStore, size: int, prefix: str = "") -> list[Told]:
    found: list[Told] = []
    after: tuple[str, str] | None = ("", "")
    while after is not None:
        page = objects.version_listing("bucket", prefix=prefix, after=after, limit=size)
        assert len(page.versions) <= size
        found += [(v.key, v.version_id, v.is_latest) for v in page.versions]
        after = page.next_after
    return found


def rolled_up(objects: ObjectStore, size: int) -> list[str]:
    """Keys and common prefixes by a slash, of pages of this size, each once."""
    found: list[str] = []
    after: tuple[str, str] | None = ("", "")
    while after is not None:
        page = objects.version_listing("bucket", delimiter="/", after=after, limit=size)
        found += [*(version.key for version in page.versions), *page.common_prefixes]
        assert len(page.versions) + len(page.common_prefixes) <= size
        after = page.next_after
    return found


def check(objects: ObjectStore, model: Model, key: str) -> None:
    """The key and all of its versions read as the model says."""
    versions = model.versions[key]
    current = versions[0][1] if versions else None
    if current is None:
        with pytest.raises(NotFound):
            objects.head("bucket", key)
    else:
        assert objects.read("bucket", key, limit_bytes=10**6) == current
    for version_id, content in versions:
        if content is None:
            continue
        with objects.open("bucket", key, version_id) as opened:
            assert b"".join(opened.chunks()) == content


@pytest.mark.parametrize("seed", range(4))
def test_any_sequence_of_changes_leaves_what_the_model_has(seed: int) -> None:
    """Contents, order, latest, listings by prefix and rolled up, files; and nothing at the end."""
    luck, blobs, model = random.Random(seed), MemoryBlobs(), Model()
    objects = ObjectStore(MemoryRecords(), blobs)
    objects.create_bucket("bucket")
    for key in luck.sample(KEYS, 4):
        content = luck.randbytes(70_000)
        objects.put("bucket", key, content)
        model.add(key, NULL_ID, content)
    first = {"status": luck.choice(["Enabled", "Suspended"])}
    asyncio.run(objects.set_setting_async("bucket", VERSIONING, first))
    for _ in range(150):
        change(objects, model, luck)
    for key in KEYS:
        check(objects, model, key)
    for size in (1, 2, 7, 1000):
        assert listed(objects, size) == model.listing()
        assert listed(objects, size, "a\x00") == model.listing("a\x00")
        told = [key for key, _, _ in model.listing() if "/" not in key]
        prefixes = {f"{key.partition('/')[0]}/" for key, _, _ in model.listing() if "/" in key}
        assert sorted(rolled_up(objects, size)) == sorted([*told, *prefixes])
    large = [c for versions in model.versions.values() for _, c in versions if c and len(c) > 10]
    assert len(blobs.ids()) == len(large)
    for key, version_id, _ in model.listing():
        asyncio.run(objects.delete_async("bucket", key, version_id=version_id))
    assert blobs.ids() == []
    objects.delete_bucket("bucket")
