"""AddTags, ListTags and DeleteTags, and the ``Tags`` of whatever is created."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bakehouse.faults import NotFound
from bakehouse.registry import Tags
from bakehouse.services.tagging import checked_tags
from bakehouse.storage.records import Write
from bakehouse.wire.types import AwsError, Call, Operation, Params

Finder = Callable[[str], str]
"""From the end of an ARN (``name``) to the whole ARN as tags are kept by it; raises NotFound."""


def operations(tags: Tags, finders: Mapping[str, Finder]) -> dict[str, Operation]:
    """The operations of tags, by name.

    Args:
        tags: where they are kept.
        finders: for each kind of thing, as ARNs name it (``training-job``), how to find one.
    """

    async def add_tags(call: Call, params: Params) -> Params:
        arn = _taggable(params["ResourceArn"], finders)
        return {"Tags": tags_to_response(await tags.add(arn, tags_from_request(params)))}

    async def list_tags(call: Call, params: Params) -> Params:
        arn = _found(params["ResourceArn"], finders)
        if "NextToken" in params:  # a page holds all the tags that a thing can have
            raise AwsError("ValidationException", "Invalid NextToken: it is not one of this list.")
        return {"Tags": tags_to_response(tags.of(_group_of(arn)))}

    async def delete_tags(call: Call, params: Params) -> Params:
        await tags.remove(_taggable(params["ResourceArn"], finders), params["TagKeys"])
        return {}

    return {"AddTags": add_tags, "ListTags": list_tags, "DeleteTags": delete_tags}


def first_tags(tags: Tags, arn: str, params: Params) -> Write:
    """The write that gives a new thing the tags that its Create… request names.

    Raises:
        InvalidInput, LimitExceeded: they are not allowed.
    """
    return tags.first(arn, tags_from_request(params))


def tags_from_request(params: Params) -> dict[str, str]:
    """The tags of a request.

    Raises:
        InvalidInput: they are not allowed.
    """
    return checked_tags((tag["Key"], tag["Value"]) for tag in params.get("Tags", []))


def tags_to_response(tags: Mapping[str, str]) -> list[Params]:
    """Tags as AWS's list of pairs."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _found(arn: str, finders: Mapping[str, Finder]) -> str:
    """The ARN of a thing that there is.

    Raises:
        AwsError: there is none. That this is a ValidationException is AWS's; the sentence is ours.
    """
    kind, _, name = arn.split(":", 5)[5].partition("/")
    unknown = AwsError("ValidationException", f'Could not find resource "{arn}".')
    if kind not in finders:
        raise unknown
    try:
        found = finders[kind](name)
    except NotFound as missing:
        raise unknown from missing
    if found.lower() != arn.lower():  # of another region or account
        raise unknown
    return found


def _taggable(arn: str, finders: Mapping[str, Finder]) -> str:
    """The ARN of a thing that may have tags of its own."""
    found = _found(arn, finders)
    if _group_of(found) != found:
        text = "A model package in a group has the tags of its group and none of its own."
        raise AwsError("ValidationException", text)
    return found


def _group_of(arn: str) -> str:
    """The group's ARN for a version's, and any other as it is."""
    prefix, _, place = arn.partition(":model-package/")
    group, version, _ = place.partition("/")
    return f"{prefix}:model-package-group/{group}" if version else arn
