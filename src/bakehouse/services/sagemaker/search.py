"""Search: things of one kind that an expression describes, with their tags."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.model import Shape

from bakehouse.hosting import Hosting
from bakehouse.registry import ModelPackages, Tags
from bakehouse.services.sagemaker.conditions import Expressions, sort_key, values
from bakehouse.services.sagemaker.endpoint_shapes import endpoint_to_response, model_to_response
from bakehouse.services.sagemaker.listing import is_behind, read_token, write_token
from bakehouse.services.sagemaker.package_shapes import group_to_response, package_to_response
from bakehouse.services.sagemaker.tags import tags_to_response
from bakehouse.services.sagemaker.training import job_as_told
from bakehouse.training import TrainingJobs
from bakehouse.wire.types import AwsError, Call, Operation, Params

_MAPS = frozenset(("Tags", "Metrics"))
_PAGE = 10


@dataclass(frozen=True, slots=True)
class Found:
    """A thing that can be searched.

    ``told`` is what the answer shows, ``properties`` what conditions look at: the same, and more.
    """

    arn: str
    told: Params
    properties: Params


Reader = Callable[[], Iterator[Found]]
"""Everything of one kind; called in a thread."""
_Thing = tuple[str, Params, Params]
"""An ARN, what its Describe… tells, and what conditions can ask for beside that."""
ShapeOf = Callable[[str], Shape]
"""From a resource (``TrainingJob``) to the botocore shape of what is found."""


def operations(readers: Mapping[str, Reader], shape_of: ShapeOf) -> dict[str, Operation]:
    """The operation Search over the kinds of resources that there are here.

    Of any other kind nothing can be made here, and no other account shares anything, so that
    nothing is found.
    """

    async def search(call: Call, params: Params) -> Params:
        reader = readers.get(params["Resource"])
        if reader is None or params.get("CrossAccountFilterOption") == "CrossAccount":
            return {"Results": [], "TotalHits": {"Value": 0, "Relation": "EqualTo"}}
        if params.get("VisibilityConditions"):
            raise AwsError("ValidationException", "VisibilityConditions are not built.")
        return await asyncio.to_thread(_search, reader, shape_of(params["Resource"]), params)

    return {"Search": search}


def _search(reader: Reader, shape: Shape, params: Params) -> Params:
    resource = params["Resource"]
    expressions = Expressions(shape, _MAPS)
    is_wanted = expressions.condition(params.get("SearchExpression", {}))
    by, order = params.get("SortBy", ""), params.get("SortOrder", "Descending")
    if by:
        expressions.check_property(by)
    found = [(_key(one, by), one) for one in reader() if is_wanted(one.properties)]
    found.sort(key=lambda pair: _comparable(pair[0]), reverse=order == "Descending")
    kept: Sequence[tuple[tuple[Any, str], Found]] = found
    if "NextToken" in params:
        start = _comparable(read_token(params["NextToken"], by, order))
        kept = [pair for pair in found if is_behind(_comparable(pair[0]), start, order)]
    size = params.get("MaxResults", _PAGE)
    answer: Params = {
        "Results": [{resource: one.told} for _, one in kept[:size]],
        "TotalHits": {"Value": len(found), "Relation": "EqualTo"},
    }
    if len(kept) > size:
        answer["NextToken"] = write_token(kept[size - 1][0], by, order)
    return answer


def _key(found: Found, by: str) -> tuple[Any, str]:
    """What a thing is sorted by: the property that is named, or the time of its last change."""
    places = (by,) if by else ("LastModifiedTime", "CreationTime")
    here = (value for place in places for value in values(found.properties, place))
    return sort_key(next(here, "")), found.arn


def _comparable(key: tuple[Any, ...]) -> tuple[bool, Any, str]:
    """The key so that numbers come before texts, whatever a property holds."""
    value, arn = key
    return isinstance(value, str), value, arn


def readers(
    training: TrainingJobs,
    hosting: Hosting,
    packages: ModelPackages,
    tags: Tags,
    shape_of: ShapeOf,
) -> dict[str, Reader]:
    """What is searched: resource → how to read everything of that kind."""
    things: dict[str, Callable[[], Iterator[_Thing]]] = {
        "TrainingJob": partial(_jobs, training),
        "Endpoint": partial(_endpoints, hosting),
        "Model": partial(_models, hosting),
        "ModelPackageGroup": partial(_groups, packages),
        "ModelPackage": partial(_versions, packages),
    }

    def read(resource: str) -> Iterator[Found]:
        known = shape_of(resource).members
        for arn, description, more in things[resource]():
            own = tags.of(arn)
            told = {member: value for member, value in description.items() if member in known}
            if own:
                told["Tags"] = tags_to_response(own)
            properties = {**told, **more, "Tags": own}
            yield Found(arn, {"Model": told} if resource == "Model" else told, properties)

    return {resource: partial(read, resource) for resource in things}


def _jobs(training: TrainingJobs) -> Iterator[_Thing]:
    for job in training.jobs():
        metrics = {one.name: one.value for one in job.metrics}
        yield training.arn(job.name), job_as_told(training, job), {"Metrics": metrics}


def _endpoints(hosting: Hosting) -> Iterator[_Thing]:
    for endpoint in hosting.endpoints.all():
        arn = hosting.arn("endpoint", endpoint.name)
        yield arn, endpoint_to_response(endpoint, arn), {}


def _models(hosting: Hosting) -> Iterator[_Thing]:
    for model in hosting.models.all():
        arn = hosting.arn("model", model.name)
        yield arn, model_to_response(model, arn), {}


def _groups(packages: ModelPackages) -> Iterator[_Thing]:
    for group in packages.groups():
        arn = packages.group_arn(group.name)
        yield arn, group_to_response(group, arn), {}


def _versions(packages: ModelPackages) -> Iterator[_Thing]:
    for package in packages.packages():
        arn = packages.package_arn(package.name, package.version)
        yield arn, package_to_response(package, arn), {}
