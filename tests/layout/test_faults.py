"""Every fault has a spelling at every door: the caller's are 4xx, and none is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bakehouse import faults
from bakehouse.runtime import Bakehouse
from bakehouse.settings import Settings
from bakehouse.wire.models import service_model
from bakehouse.wire.types import Service

SAMPLES: list[faults.Fault] = [
    faults.InvalidInput("epochs", "-1", "a positive whole number"),
    faults.NotFound("thing", "name"),
    faults.AlreadyExists("thing", "name"),
    faults.Conflict("thing", "name", "Creating", "InService"),
    faults.LimitExceeded("the body", 2, 1, "bytes"),
    faults.AccessDenied("no"),
    faults.JobFailed("ClientError", "bad data"),
    faults.HandlerFailed("ValueError", "boom", b"{}"),
    faults.ModelFailed(400, "unable"),
    faults.StatesError("States.Timeout"),
    faults.CallRefused("lambda", "TooManyRequestsException", 429, "slow down", "id"),
]


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, ...]]:
    """The doors of a data folder."""
    settings = Settings(data=tmp_path_factory.mktemp("data"))
    house = Bakehouse(settings, "http://127.0.0.1:4566")
    yield house.server.services
    house.close()


def test_the_samples_hold_every_fault() -> None:
    """Nobody adds a fault to the tree without a spelling at the doors."""
    drawn = {k for k in vars(faults).values() if isinstance(k, type) and k is not faults.Fault}
    leaves = drawn - {base for kind in drawn for base in kind.__bases__}
    broken = {faults.StorageFailed, faults.Unimplemented}
    assert leaves - broken == {type(sample) for sample in SAMPLES}


@pytest.mark.parametrize("fault", SAMPLES, ids=lambda fault: type(fault).__name__)
def test_every_door_spells_a_callers_fault_as_4xx(
    services: tuple[Service, ...], fault: faults.Fault
) -> None:
    """A rejection or a failed piece of work is never told as a failure of the server."""
    for service in services:
        error = service.aws_error(fault)
        assert error.code, service.name
        assert error.message, service.name
        if isinstance(fault, faults.Rejected):
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
