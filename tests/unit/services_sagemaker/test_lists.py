"""Lists of jobs, models, configurations and endpoints through boto3 and its paginators."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from botocore.exceptions import ClientError

from support.sagemaker_parts import (
    Workshop,
    create_config,
    create_endpoint,
    create_model,
    train,
)

LISTS = {
    "list_training_jobs": ("TrainingJobSummaries", "TrainingJobName", "Ascending"),
    "list_models": ("Models", "ModelName", "Descending"),
    "list_endpoint_configs": ("EndpointConfigs", "EndpointConfigName", "Descending"),
    "list_endpoints": ("Endpoints", "EndpointName", "Descending"),
}
NAMES = ["plum-1", "Apple-2", "plum-3"]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("workshop"))


@pytest.fixture(scope="module")
def asking(workshop: Workshop) -> Iterator[Any]:
    """A client of a door with three things of each kind, made one after the other."""
    with workshop.open() as client:
        for name in NAMES:
            train(client, name)
            create_model(client, name)
            create_config(client, name, name)
            create_endpoint(client, name, name)
        yield client


def names(asking: Any, operation: str, **wanted: Any) -> list[str]:
    member, name, _ = LISTS[operation]
    return [one[name] for one in getattr(asking, operation)(**wanted)[member]]


@pytest.mark.parametrize("operation", LISTS)
def test_the_order_is_that_of_creation(asking: Any, operation: str) -> None:
    """Jobs come oldest first and all else newest first, unless the client says."""
    order = LISTS[operation][2]
    told = names(asking, operation)
    assert told == (NAMES if order == "Ascending" else NAMES[::-1])
    assert names(asking, operation, SortOrder="Descending") == NAMES[::-1]
    by_name = names(asking, operation, SortBy="Name", SortOrder="Ascending")
    assert by_name == ["Apple-2", "plum-1", "plum-3"]


@pytest.mark.parametrize("operation", LISTS)
def test_boto3s_paginators_see_everything_once(asking: Any, operation: str) -> None:
    """One thing a page, in every order: each is there, and none twice."""
    member, name, _ = LISTS[operation]
    for by in ("Name", "CreationTime"):
        for order in ("Ascending", "Descending"):
            pages = asking.get_paginator(operation).paginate(
                SortBy=by, SortOrder=order, PaginationConfig={"PageSize": 1}
            )
            told = [[one[name] for one in page[member]] for page in pages]
            assert [len(page) for page in told] == [1, 1, 1]
            assert sorted(name for page in told for name in page) == sorted(NAMES)


@pytest.mark.parametrize("operation", LISTS)
def test_filters_by_name_and_time(asking: Any, operation: str) -> None:
    """A part of the name in any case, and the moments of creation, both ends included."""
    member, name, _ = LISTS[operation]
    assert names(asking, operation, NameContains="APPLE") == ["Apple-2"]
    assert names(asking, operation, NameContains="quince") == []
    rows = {one[name]: one for one in getattr(asking, operation)()[member]}
    middle = rows["Apple-2"]["CreationTime"]
    second = timedelta(seconds=1)  # boto3 sends whole seconds
    assert names(asking, operation, CreationTimeAfter=middle + 60 * second) == []
    assert names(asking, operation, CreationTimeBefore=middle - 60 * second) == []
    assert len(names(asking, operation, CreationTimeAfter=middle - 60 * second)) == 3
    assert len(names(asking, operation, CreationTimeBefore=middle + 60 * second)) == 3


def test_filters_by_status_and_change(asking: Any) -> None:
    """Endpoints and jobs are also found by their status and the time of their last change."""
    assert len(names(asking, "list_endpoints", StatusEquals="InService")) == 3
    assert names(asking, "list_endpoints", StatusEquals="Failed") == []
    assert names(asking, "list_training_jobs", StatusEquals="Stopped") == []
    by_status = names(asking, "list_training_jobs", StatusEquals="Completed", SortBy="Status")
    assert sorted(by_status) == sorted(NAMES)
    row = asking.list_endpoints()["Endpoints"][0]
    later = row["LastModifiedTime"] + timedelta(seconds=60)
    assert names(asking, "list_endpoints", LastModifiedTimeAfter=later) == []
    assert names(asking, "list_training_jobs", LastModifiedTimeAfter=later) == []
    assert len(names(asking, "list_training_jobs", LastModifiedTimeBefore=later)) == 3


def forged(*content: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(content)).decode()


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "é",
        "",
        forged("CreationTime", "Descending", 1),
        forged("CreationTime", "Descending", "text", "a"),
        forged("CreationTime", "Ascending", 1, "a"),
        forged("Name", "Descending", "a", "a"),
        forged("CreationTime", "Descending", [1], {}),
    ],
)
def test_a_token_that_was_not_given_is_refused(asking: Any, token: str) -> None:
    """A token that is none, or of another order, is a ValidationException."""
    with pytest.raises(ClientError, match=r"ValidationException.*NextToken"):
        asking.list_models(NextToken=token)


def test_a_token_outlives_what_it_names(tmp_path: Path) -> None:
    """The next page starts at the same place after a restart, also if its last row is gone."""
    workshop = Workshop(tmp_path)
    with workshop.open() as asking:
        for name in ("a", "b", "c"):
            create_model(asking, name)
        first = asking.list_models(SortBy="Name", SortOrder="Ascending", MaxResults=2)
        asking.delete_model(ModelName="b")
    with workshop.open() as asking:
        told = asking.list_models(
            SortBy="Name", SortOrder="Ascending", NextToken=first["NextToken"]
        )
    assert [model["ModelName"] for model in told["Models"]] == ["c"]
