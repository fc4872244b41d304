"""Which objects the input of a job is of, and what each is called below the input's name.

An input is a prefix of keys, a manifest of keys, or an augmented manifest: JSON lines that name an
object each and say something about it. Source: the SageMaker API, ``S3DataSource``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from bakehouse.faults import InvalidInput, JobFailed, LimitExceeded, NotFound, shorten
from bakehouse.storage.objects import ObjectInfo, ObjectStore, parse_s3_uri

MANIFEST_BYTES = 256 * 1024**2
OBJECTS = "objects"
"""The folder of what an augmented manifest names; ``objects/0`` is of its first line."""

_MANIFEST = '[{"prefix": "s3://bucket/folder/"}, "key", …]'
_PART_BYTES = 255
_PAGE = 1000

Found = tuple[ObjectInfo, str]
"""An object, and its path below the input."""


def find_objects(
    objects: ObjectStore, uri: str, data_type: str = "S3Prefix", attributes: Sequence[str] = ()
) -> Iterator[Found]:
    """Every object of an input, with its path.

    Args:
        objects: where they are.
        uri: a prefix of keys, or of one manifest.
        data_type: SageMaker's ``S3DataType``.
        attributes: of an augmented manifest; the first names the object.

    Raises:
        JobFailed: there is nothing at the URI, a manifest is not of its form, or a key cannot be a
            file's path.
    """
    match data_type:
        case "ManifestFile":
            return _of_manifest(objects, uri)
        case "AugmentedManifestFile":
            return _of_augmented_manifest(objects, uri, attributes)
    return _of_prefix(objects, uri)


def failed(detail: str) -> JobFailed:
    """The input is to blame, in SageMaker's words."""
    return JobFailed("ClientError", f"Data download failed:{detail}")


def _of_prefix(objects: ObjectStore, uri: str) -> Iterator[Found]:
    try:
        bucket, prefix = parse_s3_uri(uri)
        pages = _pages(objects, bucket, prefix)
        first = next(pages)
    except InvalidInput as error:
        raise failed(error.message) from error
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


def _with_paths(page: Sequence[ObjectInfo], prefix: str) -> Iterator[Found]:
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
    return _checked(path, key)


def _checked(path: str, key: str) -> str:
    if "\x00" in path or any(_is_bad(part) for part in path.split("/")):
        raise failed(f"The key {key!r} cannot be the path of a file.")
    return path


def _is_bad(part: str) -> bool:
    return part in ("", ".", "..") or len(part.encode()) > _PART_BYTES


def _of_manifest(objects: ObjectStore, uri: str) -> Iterator[Found]:
    """A JSON list: an object that holds the prefix, then the rest of each key."""
    try:
        first, *rest = json.loads(_manifest(objects, uri)[1])
        prefix = first["prefix"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise failed(f"The manifest {uri} is not of the form {_MANIFEST}.") from error
    if not all(isinstance(text, str) for text in (prefix, *rest)):
        raise failed(f"The manifest {uri} is not of the form {_MANIFEST}.")
    for one in rest:
        yield _named(objects, f"{prefix}{one}", f"the manifest {uri}"), _checked(one, one)


def _of_augmented_manifest(
    objects: ObjectStore, uri: str, attributes: Sequence[str]
) -> Iterator[Found]:
    """JSON lines whose first attribute is the URI of an object."""
    if not attributes:
        raise failed(f"The manifest {uri} needs AttributeNames.")
    info, text = _manifest(objects, uri)
    name = info.key.rpartition("/")[2]
    yield info, _checked(name if name.endswith(".manifest") else f"{name}.manifest", info.key)
    attribute = attributes[0]
    lines = (line for line in text.split("\n") if line.strip())
    for number, line in enumerate(lines):
        where = f"line {number + 1} of the manifest {uri}"
        yield _named(objects, _reference(line, attribute, where), where), f"{OBJECTS}/{number}"


def _reference(line: str, attribute: str, where: str) -> str:
    try:
        document: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise failed(f"{where} is not JSON: {shorten(repr(line))}.") from error
    uri = document.get(attribute) if isinstance(document, dict) else None
    if not isinstance(uri, str):
        raise failed(f"{where} has no text as its attribute {attribute!r}.")
    return uri


def _manifest(objects: ObjectStore, uri: str) -> tuple[ObjectInfo, str]:
    info = _named(objects, uri, "the input")
    try:
        content = objects.read(info.bucket, info.key, limit_bytes=MANIFEST_BYTES)
        return info, content.decode("utf-8-sig")
    except (LimitExceeded, NotFound) as error:
        raise failed(error.message) from error
    except UnicodeDecodeError as error:
        raise failed(f"The manifest {uri} is not text in UTF-8.") from error


def _named(objects: ObjectStore, uri: str, by: str) -> ObjectInfo:
    """The object of a URI."""
    try:
        bucket, key = parse_s3_uri(uri)
        return objects.head(bucket, key)
    except InvalidInput as error:
        raise failed(f"{shorten(repr(uri))}, named by {by}, is no URI of an object.") from error
    except NotFound as error:
        raise failed(f"There is no object {shorten(uri)}, named by {by}.") from error


def _nothing(uri: str, detail: str) -> JobFailed:
    bucket = uri.removeprefix("s3://").partition("/")[0]
    return failed(
        f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that '
        f'the bucket "{bucket}" exists and that objects exist under that S3 prefix. Error message '
        f"from S3: {detail}."
    )
