"""Every fault has a spelling at every door: the caller's are 4xx, and none is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bakehouse import clock, faults
from bakehouse.functions.archives import ArchiveTooLarge
from bakehouse.functions.definition import (
    InvalidPayload,
    PayloadTooLarge,
    RevisionChanged,
    Throttled,
)
from bakehouse.functions.policy import PolicyTooLong
from bakehouse.hosting.types import Overloaded
from bakehouse.runtime import Bakehouse
from bakehouse.settings import Settings
from bakehouse.states.problems import InvalidDefinition
from bakehouse.storage.records import KeyTaken
from bakehouse.storage.versions import DeleteMarker
from bakehouse.wire.door import Door, House
from bakehouse.wire.models import service_model
from bakehouse.wire.types import Call, Params, Service
from bakehouse.workflows.names import InvalidArn

HOUSE = House("123456789012", "us-east-1", None, clock.now, 10_000)
SAMPLES: list[faults.Rejected] = [
    faults.InvalidInput("epochs", "-1", "a positive whole number"),
    faults.NotFound("thing", "name"),
    faults.AlreadyExists("thing", "name"),
    faults.Conflict("thing", "name", "Creating", "InService"),
    faults.LimitExceeded("the body", 2, 1, "bytes"),
    faults.AccessDenied("no"),
    KeyTaken("part/thing", "key"),
    DeleteMarker("key", "null", was_named=False),
    InvalidDefinition("SCHEMA_VALIDATION_FAILED", "no such field", "/States/A"),
    InvalidArn("arn:nothing", "Invalid ARN prefix"),
    ArchiveTooLarge("The archive", 2, 1, "bytes"),
    InvalidPayload("payload", "{", "JSON"),
    PayloadTooLarge("The payload", 2, 1, "bytes"),
    PolicyTooLong("The policy", 2, 1, "bytes"),
    Throttled("The function's sandboxes", 11, 10, "sandboxes"),
    RevisionChanged("1"),
    Overloaded("later"),
]

BROKEN: dict[str, tuple[str, Params, str]] = {
    "s3": ("ListBuckets", {}, "InternalError"),
    "sts": ("GetCallerIdentity", {}, "InternalFailure"),
    "iam": ("ListRoles", {}, "ServiceFailure"),
    "logs": ("DescribeLogGroups", {}, "ServiceUnavailableException"),
    "cloudwatch": ("ListMetrics", {}, "InternalServiceError"),
    "sagemaker": ("ListModels", {}, "InternalFailure"),
    "sagemaker-runtime": ("InvokeEndpoint", {"EndpointName": "e", "Body": b""}, "InternalFailure"),
    "lambda": ("ListFunctions", {}, "ServiceException"),
    "stepfunctions": ("ListStateMachines", {}, "InternalError"),
    "events": ("ListRules", {}, "InternalException"),
}
"""Service → an operation with parameters, and the code that tells that the fault is ours."""


def below(kind: type[faults.Fault]) -> Iterator[type[faults.Fault]]:
    """The faults of every part that come under a kind, without the kind itself."""
    for child in kind.__subclasses__():
        if child.__module__.startswith("bakehouse."):
            yield child
            yield from below(child)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, ...]]:
    """The doors of a data folder."""
    settings = Settings(data=tmp_path_factory.mktemp("data"))
    house = Bakehouse(settings, "http://127.0.0.1:4566")
    yield house.server.services
    house.close()


def test_the_samples_hold_every_rejection() -> None:
    """Nobody adds a rejection to the tree, in whatever part, without a spelling at the doors."""
    assert {*below(faults.Rejected)} == {type(sample) for sample in SAMPLES}


def test_the_tree_has_three_branches() -> None:
    """Every fault is the caller's, a failed piece of work, or ours."""
    assert faults.Fault.__subclasses__() == [faults.Rejected, faults.WorkFailed, faults.Broken]


@pytest.mark.parametrize("fault", SAMPLES, ids=lambda fault: type(fault).__name__)
def test_every_door_spells_a_rejection_as_4xx(
    services: tuple[Service, ...], fault: faults.Rejected
) -> None:
    """A rejection is never told as a failure of the server, but where SageMaker itself says 503."""
    for service in services:
        error = service.aws_error(fault)
        assert error.code, service.name
        assert error.message, service.name
        if isinstance(fault, Overloaded) and service.name == "sagemaker-runtime":
            assert error.status == 503
        else:
            assert 400 <= error.status < 500, service.name


def test_every_door_tells_what_is_our_fault_in_its_services_words(
    services: tuple[Service, ...],
) -> None:
    """A full disk is the same fault everywhere; each service has its own code for it, with 500."""

    async def fail(call: Call, params: Params) -> Params:
        raise faults.StorageFailed("the disk is full")

    for service in services:
        operation, params, code = BROKEN[service.name]
        door = Door(replace(service, operations={operation: fail}), HOUSE)
        with pytest.raises(faults.CallRefused) as refused:
            asyncio.run(door.call(operation, params))
        assert (refused.value.code, refused.value.status) == (code, 500), service.name
    assert {service.name for service in services} == BROKEN.keys()


def test_signing_names_and_targets_are_botocores(services: tuple[Service, ...]) -> None:
    """What routing needs before a model is loaded agrees with the model."""
    for service in services:
        metadata = service_model(service.name).metadata
        prefix = metadata.get("signingName") or metadata["endpointPrefix"]
        assert service.signing_name == prefix
        assert service.target_prefix == metadata.get("targetPrefix")
        assert set(service.operations) <= set(service_model(service.name).operation_names)


def test_settings_need_a_folder_that_is_theirs(tmp_path: Path) -> None:
    """Two owners of one data folder cannot be."""
    house = Bakehouse(Settings(data=tmp_path), "http://127.0.0.1:4566")
    try:
        with pytest.raises(faults.Conflict, match="open in another server"):
            Bakehouse(Settings(data=tmp_path), "http://127.0.0.1:4566")
    finally:
        house.close()
