"""From S3 to the files of a channel, as SageMaker's File mode lays them out.

A channel's URI is a prefix of keys, or one key. A key below the prefix becomes the path that is
left without the prefix (``s3://b/train`` and ``s3://b/train/`` both give ``a/1.png`` for
``train/a/1.png``); any other key that begins with the prefix loses what stands before the prefix's
last slash. Keys are made by strangers: one that would leave the folder, or that cannot stand beside
another one in a file system, fails the job.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from bakehouse.faults import NotFound
from bakehouse.storage.inputs import Found, failed, find_objects
from bakehouse.storage.objects import ObjectInfo, ObjectStore
from bakehouse.training.job import Channel

MOST_FILES = 2_000_000
"""The most objects that one job takes in, over all channels."""


def fetch(
    objects: ObjectStore,
    channels: Sequence[Channel],
    hosts: Sequence[Path],
    *,
    most_bytes: int,
    most_files: int = MOST_FILES,
) -> None:
    """Copy every channel into a folder of its name; blocks.

    Args:
        objects: where they come from.
        channels: what to copy.
        hosts: the folder of the channels of each host. A channel that all hosts have whole is
            copied for the first and linked for the others; of one that is sharded each host gets
            its share of the objects, in turn.
        most_bytes: the most that all of it may have.
        most_files: the most objects that it may be.

    Raises:
        JobFailed: there is nothing at a URI, a key cannot be a file's path, or there is too much.
    """
    files, room = 0, most_bytes
    for channel in channels:
        targets = _folders(channel, hosts)
        for number, (info, path) in enumerate(_found(objects, channel)):
            files, room = files + 1, room - info.size_bytes
            if room < 0:
                size = f"{most_bytes / 1024**3:g} GiB"
                raise failed(f"The input is larger than the job's volume of {size}.")
            if files > most_files:
                raise failed(f"The input has more than {most_files} objects.")
            _copy(objects, info, targets[number % len(targets)], path)


def _found(objects: ObjectStore, channel: Channel) -> Iterator[Found]:
    return find_objects(objects, channel.uri, channel.data_type, channel.attributes)


def _folders(channel: Channel, hosts: Sequence[Path]) -> list[Path]:
    """Make a channel's folder on every host; those that get objects."""
    first, *others = (host / channel.name for host in hosts)
    first.mkdir(parents=True)
    for other in others:
        if channel.sharded:
            other.mkdir(parents=True)
        else:
            other.symlink_to(first, target_is_directory=True)
    return [first, *others] if channel.sharded else [first]


def _copy(objects: ObjectStore, info: ObjectInfo, folder: Path, path: str) -> None:
    target = folder / path
    try:
        if "/" in path:
            target.parent.mkdir(parents=True, exist_ok=True)
        with objects.open(info.bucket, info.key) as source, target.open("xb") as file:
            for chunk in source.chunks():
                file.write(chunk)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise failed(f"The key {info.key!r} needs a path that another key has taken.") from error
    except NotFound as error:
        raise failed(f"The key {info.key!r} was deleted while it was fetched.") from error
