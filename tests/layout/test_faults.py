"""Every fault has a spelling at every door: the caller's are 4xx, and none is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bakehouse import faults
from bakehouse.functions.archives import ArchiveTooLarge
from bakehouse.functions.definition import (
    InvalidPayload,
    PayloadTooLarge,
    RevisionChanged,
    Throttled,
)
from bakehouse.functions.packaging import InstallFailed
from bakehouse.hosting.types import Overloaded
from bakehouse.runtime import Bakehouse
from bakehouse.settings import Settings
from bakehouse.states.problems import InvalidDefinition
from bakehouse.storage.records import KeyTaken
from bakehouse.wire.models import service_model
from bakehouse.wire.types import Service
from bakehouse.workflows.names import InvalidArn

SAMPLES: list[faults.Fault] = [
    faults.InvalidInput("epochs", "-1", "a positive whole number"),
    faults.NotFound("thing", "name"),
    faults.AlreadyExists("thing", "name"),
    faults.Conflict("thing", "name", "Creating", "InService"),
    faults.LimitExceeded("the body", 2, 1, "bytes"),
    faults.AccessDenied("no"),
    faults.JobFailed("ClientError", "bad data"),
    faults.ModelFailed(400, "unable"),
    faults.StatesError("States.Timeout"),
    faults.CallRefused("lambda", "TooManyRequestsException", 429, "slow down", "id"),
    KeyTaken("part/thing", "key"),
    InvalidDefinition("SCHEMA_VALIDATION_FAILED", "no such field", "/States/A"),
    InvalidArn("arn:nothing", "Invalid ARN prefix"),
    ArchiveTooLarge("The archive", 2, 1, "bytes"),
    InvalidPayload("payload", "{", "JSON"),
    PayloadTooLarge("The payload", 2, 1, "bytes"),
    Throttled("The function's sandboxes", 11, 10, "sandboxes"),
    RevisionChanged("1"),
    InstallFailed(Path("requirements.txt"), "no such package"),
    Overloaded("later"),
]


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


def test_the_samples_hold_every_fault() -> None:
    """Nobody adds a fault to the tree, in whatever part, without a spelling at the doors."""
    callers = {*below(faults.Rejected), *below(faults.WorkFailed)}
    assert callers == {type(sample) for sample in SAMPLES}


def test_the_tree_has_three_branches() -> None:
    """Every fault is the caller's, a failed piece of work, or ours."""
    assert faults.Fault.__subclasses__() == [faults.Rejected, faults.WorkFailed, faults.Broken]


@pytest.mark.parametrize("fault", SAMPLES, ids=lambda fault: type(fault).__name__)
def test_every_door_spells_a_callers_fault_as_4xx(
    services: tuple[Service, ...], fault: faults.Fault
) -> None:
    """A rejection is never told as a failure of the server, but where SageMaker itself says 503."""
    for service in services:
        error = service.aws_error(fault)
        assert error.code, service.name
        assert error.message, service.name
        if isinstance(fault, Overloaded) and service.name == "sagemaker-runtime":
            assert error.status == 503
        elif isinstance(fault, faults.Rejected):
            assert 400 <= error.status < 500, service.name


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
