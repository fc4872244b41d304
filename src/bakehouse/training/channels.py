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

from bakehouse.faults import InvalidInput, JobFailed, NotFound
from bakehouse.storage.objects import ObjectInfo, ObjectStore, parse_s3_uri
from bakehouse.training.job import Channel

MOST_FILES = 2_000_000
"""The most objects that one job takes in, over all channels."""

_PART_BYTES = 255
_PAGE = 1000


def fetch(
    objects: ObjectStore,
    channels: Sequence[Channel],
    folder: Path,
    *,
    most_bytes: int,
    most_files: int = MOST_FILES,
) -> None:
    """Copy every channel into a folder of its name; blocks.

    Raises:
        JobFailed: there is nothing at a URI, a key cannot be a file's path, or there is more than
            ``most_bytes`` or ``most_files``.
    """
    files, room = 0, most_bytes
    for channel in channels:
        target = folder / channel.name
        target.mkdir(parents=True)
        for info, path in _found(objects, channel.uri):
            files, room = files + 1, room - info.size_bytes
            if room < 0:
                size = f"{most_bytes / 1024**3:g} GiB"
                raise _failed(f"The input is larger than the job's volume of {size}.")
            if files > most_files:
                raise _failed(f"The input has more than {most_files} objects.")
            _copy(objects, info, target, path)


def _found(objects: ObjectStore, uri: str) -> Iterator[tuple[ObjectInfo, str]]:
    """Every object of a channel with its path in the channel's folder."""
    try:
        bucket, prefix = parse_s3_uri(uri)
        pages = _pages(objects, bucket, prefix)
        first = next(pages)
    except InvalidInput as error:
        raise _failed(error.message) from error
    except NotFound as error:
        raise _nothing(uri, "The specified bucket does not exist") from error
    if not first:
        raise _nothing(uri, "no key begins with that prefix")
    yield from _with_paths(first, prefix)
    for page in pages:
        yield from _with_paths(page, prefix)


def _pages(objects: ObjectStore, bucket: str, prefix: str) -> Iterator[list[ObjectInfo]]:
    after: str | None = ""
    while after is not None:
        page = objects.listing(bucket, prefix=prefix, after=after, limit=_PAGE)
        yield page.objects
        after = page.next_after


def _with_paths(page: Sequence[ObjectInfo], prefix: str) -> Iterator[tuple[ObjectInfo, str]]:
    for info in page:
        if not info.key.endswith("/"):  # what consoles make to show a folder
            yield info, relative_path(info.key, prefix)


def relative_path(key: str, prefix: str) -> str:
    """Where the object of a key lies in the folder of a channel whose URI ends in a prefix.

    Raises:
        JobFailed: the path is not one that stays inside the folder.
    """
    folder = prefix if not prefix or prefix.endswith("/") else f"{prefix}/"
    path = key[len(folder) :] if key.startswith(folder) else key[prefix.rfind("/") + 1 :]
    if "\x00" in path or any(_is_bad(part) for part in path.split("/")):
        raise _failed(f"The key {key!r} cannot be the path of a file.")
    return path


def _is_bad(part: str) -> bool:
    return part in ("", ".", "..") or len(part.encode()) > _PART_BYTES


def _copy(objects: ObjectStore, info: ObjectInfo, folder: Path, path: str) -> None:
    target = folder / path
    try:
        if "/" in path:
            target.parent.mkdir(parents=True, exist_ok=True)
        with objects.open(info.bucket, info.key) as source, target.open("xb") as file:
            for chunk in source.chunks():
                file.write(chunk)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise _failed(f"The key {info.key!r} needs a path that another key has taken.") from error
    except NotFound as error:
        raise _failed(f"The key {info.key!r} was deleted while it was fetched.") from error


def _nothing(uri: str, detail: str) -> JobFailed:
    bucket = uri.removeprefix("s3://").partition("/")[0]
    return _failed(
        f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that '
        f'the bucket "{bucket}" exists and that objects exist under that S3 prefix. Error message '
        f"from S3: {detail}."
    )


def _failed(detail: str) -> JobFailed:
    return JobFailed("ClientError", f"Data download failed:{detail}")
