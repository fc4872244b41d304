"""botocore's service models: what each operation takes, gives and may fail with.

Loading one takes 1-60 ms and some megabytes, so each is loaded when its service is first called.
"""

from __future__ import annotations

import functools

import botocore.loaders
import botocore.model
from botocore.model import OperationModel, ServiceModel, Shape

Family = str
"""A protocol without its version: ``json``, ``cbor``, ``query``, ``rest-json`` or ``rest-xml``."""

FAMILIES: dict[str, Family] = {
    "json": "json",
    "query": "query",
    "rest-json": "rest-json",
    "rest-xml": "rest-xml",
    "smithy-rpc-v2-cbor": "cbor",
}
"""The model's name of a protocol → its family, for those that are built."""


@functools.cache
def service_model(name: str) -> ServiceModel:
    """The model of the service that botocore calls ``name``."""
    loader = botocore.loaders.Loader()
    return ServiceModel(loader.load_service_model(name, "service-2"), name)


@functools.cache
def families(name: str) -> tuple[Family, ...]:
    """The protocol families that a service speaks, the one it likes best first."""
    metadata = service_model(name).metadata
    spoken = metadata.get("protocols") or [metadata["protocol"]]
    return tuple(FAMILIES[name] for name in spoken if name in FAMILIES)


def wire_name(name: str, shape: Shape) -> str:
    """The name under which a member travels."""
    return str(shape.serialization.get("name", name))


def payload_member(shape: Shape | None) -> str | None:
    """The member that is the whole body, if one is."""
    return None if shape is None else shape.serialization.get("payload")


def streams_in(operation: OperationModel) -> bool:
    """Whether the request's body is one blob that is to be read as it arrives."""
    shape, payload = operation.input_shape, payload_member(operation.input_shape)
    if shape is None or payload is None:
        return False
    return bool(shape.members[payload].serialization.get("streaming"))


def timestamp_format(shape: Shape, default: str) -> str:
    """``unixTimestamp``, ``iso8601`` or ``rfc822``: the shape's own, else the place's default."""
    return str(shape.serialization.get("timestampFormat", default))


def error_shape(operation: OperationModel | None, code: str) -> Shape | None:
    """The modelled shape of an error code of an operation, if it has one."""
    if operation is None:
        return None
    for shape in operation.error_shapes:
        if code in (shape.error_code, shape.name):
            return shape
    return None
