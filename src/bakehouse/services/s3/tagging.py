"""Tags of buckets and objects: what they may be, and how they travel."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import parse_qsl

from bakehouse.services.s3.errors import invalid_argument
from bakehouse.wire.types import AwsError, Params

OBJECT_TAGS, BUCKET_TAGS = 10, 50
"""How many tags each of them may have."""
_KEY_LENGTH, _VALUE_LENGTH = 128, 256  # in UTF-16 units, as S3 counts


def check_bucket_tags(tagging: Params) -> None:
    """Make sure that a bucket may have these tags; raises ``AwsError``."""
    tags_from(tagging.get("TagSet", []), BUCKET_TAGS)


def tags_from(tag_set: Iterable[Params], most: int = OBJECT_TAGS) -> dict[str, str]:
    """Key → value of a ``TagSet``, in its order.

    Raises:
        AwsError: there are too many, or one is too long, is AWS's own, or is there twice.
    """
    return _checked([(tag["Key"], tag["Value"]) for tag in tag_set], most)


def tags_from_header(text: str | None) -> dict[str, str]:
    """The tags of an ``x-amz-tagging`` header, which is written as a query is.

    Raises:
        AwsError: it is no query, or as :func:`tags_from`.
    """
    if not text:
        return {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=False, max_num_fields=100)
    except ValueError as error:
        told = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query "
        raise invalid_argument("x-amz-tagging", text[:200], f"{told}parameters.") from error
    return _checked(pairs, OBJECT_TAGS)


def tags_to_response(tags: dict[str, str]) -> Params:
    """The answer that lists tags, by their keys."""
    return {"TagSet": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]}


def _checked(pairs: list[tuple[str, str]], most: int) -> dict[str, str]:
    if len(pairs) > most:
        raise AwsError("InvalidTag", f"There cannot be more than {most} tags", 400)
    for key, value in pairs:
        _check(key, value)
    if len(dict(pairs)) < len(pairs):
        text = "Cannot provide multiple Tags with the same key"
        raise AwsError("InvalidTag", text, 400)
    return dict(pairs)


def _check(key: str, value: str) -> None:
    if not 1 <= _length(key) <= _KEY_LENGTH:
        raise _invalid("The TagKey you have provided is invalid", key)
    if _length(value) > _VALUE_LENGTH:
        raise _invalid("The TagValue you have provided is invalid", key, value)
    if key.lower().startswith("aws:"):
        raise _invalid("System tags cannot be added/updated by requester", key)


def _length(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _invalid(text: str, key: str, value: str | None = None) -> AwsError:
    fields = {"TagKey": key[:1000]} | ({} if value is None else {"TagValue": value[:1000]})
    return AwsError("InvalidTag", text, 400, fields)
