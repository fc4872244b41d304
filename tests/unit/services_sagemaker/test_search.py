"""Search through boto3: expressions over jobs, models, endpoints and the registry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.sagemaker_parts import (
    Workshop,
    arn,
    create_config,
    create_endpoint,
    create_model,
    train,
)


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client of a door with three jobs, a model, an endpoint and two versions."""
    with Workshop(tmp_path_factory.mktemp("workshop")).open() as client:
        for epochs in (2, 10, 30):
            train(
                client,
                f"job-{epochs}",
                HyperParameters={"epochs": str(epochs), "optimizer.name": "sgd"},
                Tags=[{"Key": "team.oven", "Value": f"bakers {epochs}"}],
                EnableNetworkIsolation=epochs == 10,
            )
        create_model(client, "model", Tags=[{"Key": "stage", "Value": "test"}])
        create_config(client, "config", "model")
        create_endpoint(client, "endpoint", "config")
        client.create_model_package_group(ModelPackageGroupName="Scones")
        for status in ("Approved", "Rejected"):
            client.create_model_package(
                ModelPackageGroupName="Scones",
                ModelApprovalStatus=status,
                CustomerMetadataProperties={"accuracy": ".9"},
            )
        yield client


def found(asking: Any, resource: str, **wanted: Any) -> list[Any]:
    return [one[resource] for one in asking.search(Resource=resource, **wanted)["Results"]]


def jobs(asking: Any, *filters: tuple[str, str, str | None], **more: Any) -> list[int]:
    """The epochs of the jobs that meet (name, operator, value)."""
    expression: dict[str, Any] = dict(more)
    if filters:
        expression["Filters"] = [
            {"Name": name, "Operator": operator} | ({} if value is None else {"Value": value})
            for name, operator, value in filters
        ]
    told = found(asking, "TrainingJob", SearchExpression=expression)
    return sorted(int(job["TrainingJobName"].removeprefix("job-")) for job in told)


@pytest.mark.parametrize(
    ("name", "operator", "value", "epochs"),
    [
        ("TrainingJobName", "Equals", "job-2", [2]),
        ("TrainingJobName", "Equals", "job", []),
        ("TrainingJobName", "NotEquals", "job-2", [10, 30]),
        ("TrainingJobName", "Contains", "-1", [10]),
        ("TrainingJobName", "In", "job-2, job-30,none", [2, 30]),
        ("HyperParameters.epochs", "Equals", "10.0", [10]),
        ("HyperParameters.epochs", "GreaterThan", "2", [10, 30]),
        ("HyperParameters.epochs", "GreaterThanOrEqualTo", "10", [10, 30]),
        ("HyperParameters.epochs", "LessThan", "10", [2]),
        ("HyperParameters.epochs", "LessThanOrEqualTo", "10", [2, 10]),
        ("HyperParameters.epochs", "LessThan", "many", []),
        ("HyperParameters.optimizer.name", "Equals", "sgd", [2, 10, 30]),
        ("HyperParameters.momentum", "Exists", None, []),
        ("HyperParameters.momentum", "NotExists", None, [2, 10, 30]),
        ("HyperParameters.momentum", "NotEquals", ".9", [2, 10, 30]),
        ("Tags.team.oven", "Contains", "bakers 3", [30]),
        ("Tags.team.oven", "Exists", None, [2, 10, 30]),
        ("Metrics.validation:accuracy", "GreaterThan", "0.7", [2, 10, 30]),
        ("Metrics.validation:accuracy", "Equals", ".75", [2, 10, 30]),
        ("Metrics.validation:accuracy", "GreaterThan", "0.75", []),
        ("EnableNetworkIsolation", "Equals", "True", [10]),
        ("ResourceConfig.InstanceCount", "Equals", "1", [2, 10, 30]),
        ("ModelArtifacts.S3ModelArtifacts", "Contains", "/job-10/", [10]),
        ("InputDataConfig.ChannelName", "Equals", "train", [2, 10, 30]),
        ("SecondaryStatusTransitions.Status", "Equals", "Training", [2, 10, 30]),
        ("CreationTime", "GreaterThan", "2020-01-01T00:00:00Z", [2, 10, 30]),
        ("CreationTime", "LessThan", "2020-01-01", []),
        ("CreationTime", "LessThan", "yesterday", []),
        ("FailureReason", "NotExists", None, [2, 10, 30]),
    ],
)
def test_filters(
    asking: Any, name: str, operator: str, value: str | None, epochs: list[int]
) -> None:
    """Each operator on texts, numbers in texts, numbers, truth values and times."""
    assert jobs(asking, (name, operator, value)) == epochs


def test_filters_are_joined(asking: Any) -> None:
    """By And unless by Or; an expression holds others; without any everything is found."""
    two = ("TrainingJobName", "Equals", "job-2")
    many = ("HyperParameters.epochs", "GreaterThan", "5")
    assert jobs(asking, two, many) == []
    assert jobs(asking, two, many, Operator="Or") == [2, 10, 30]
    inner = {"Filters": [{"Name": "TrainingJobName", "Value": "job-30"}]}
    either = {"SubExpressions": [inner], "Operator": "Or"}
    assert jobs(asking, two, **either) == [2, 30]
    assert jobs(asking, many, SubExpressions=[inner]) == [30]
    assert len(found(asking, "TrainingJob")) == 3


def test_a_nested_filter_wants_one_element_for_all(asking: Any) -> None:
    """Conditions on a list's elements hold of the same element."""

    def nested(status: str, message: str) -> list[int]:
        name = "SecondaryStatusTransitions"
        filters = [
            {"Name": f"{name}.Status", "Operator": "Equals", "Value": status},
            {"Name": f"{name}.StatusMessage", "Operator": "Contains", "Value": message},
        ]
        return jobs(asking, NestedFilters=[{"NestedPropertyName": name, "Filters": filters}])

    assert nested("Downloading", "input data") == [2, 10, 30]
    assert nested("Uploading", "input data") == []


def test_results_are_sorted_and_paged(asking: Any) -> None:
    """By the last change, the newest first, or by any property; boto3's paginator sees each."""
    times = [job["LastModifiedTime"] for job in found(asking, "TrainingJob")]
    assert times == sorted(times, reverse=True)
    for order, expected in (("Ascending", [2, 10, 30]), ("Descending", [30, 10, 2])):
        pages = asking.get_paginator("search").paginate(
            Resource="TrainingJob",
            SortBy="TrainingStartTime",
            SortOrder=order,
            PaginationConfig={"PageSize": 1},
        )
        told = [page["Results"][0]["TrainingJob"]["TrainingJobName"] for page in pages]
        assert told == [f"job-{epochs}" for epochs in expected]
    told = asking.search(Resource="TrainingJob", MaxResults=1)
    assert told["TotalHits"] == {"Value": 3, "Relation": "EqualTo"}
    with pytest.raises(ClientError, match=r"ValidationException.*NextToken"):
        asking.search(Resource="TrainingJob", SortBy="CreationTime", NextToken=told["NextToken"])


def test_what_is_found_is_described_with_its_tags(asking: Any) -> None:
    """A result is the thing as Describe… tells it, and its tags."""
    (job,) = found(
        asking,
        "TrainingJob",
        SearchExpression={"Filters": [{"Name": "TrainingJobName", "Value": "job-10"}]},
    )
    told = asking.describe_training_job(TrainingJobName="job-10")
    assert job.pop("Tags") == [{"Key": "team.oven", "Value": "bakers 10"}]
    assert job == {member: told[member] for member in job}
    assert job["FinalMetricDataList"][0]["Value"] == 0.75


def test_other_resources(asking: Any) -> None:
    """Models, endpoints, groups and packages are searched in the same way."""
    by_tag = {"Filters": [{"Name": "Tags.stage", "Value": "test"}]}
    (model,) = found(asking, "Model", SearchExpression=by_tag)
    assert model["Model"]["ModelArn"] == arn("model/model")
    (endpoint,) = found(asking, "Endpoint")
    assert endpoint["EndpointStatus"] == "InService"
    by_name = {"Filters": [{"Name": "ModelPackageGroupName", "Value": "Scones"}]}
    (group,) = found(asking, "ModelPackageGroup", SearchExpression=by_name)
    assert group["ModelPackageGroupArn"] == arn("model-package-group/scones")
    assert len(found(asking, "ModelPackage", SearchExpression=by_name)) == 2
    approved = {
        "Filters": [
            {"Name": "ModelApprovalStatus", "Value": "Approved"},
            {"Name": "ModelPackageVersion", "Operator": "LessThan", "Value": "2"},
            {"Name": "CustomerMetadataProperties.accuracy", "Value": "0.9"},
        ]
    }
    (package,) = found(asking, "ModelPackage", SearchExpression=approved)
    assert package["ModelPackageArn"] == arn("model-package/scones/1")


def test_what_cannot_be_made_here_is_not_found(asking: Any) -> None:
    """A search for experiments finds none, because there are none."""
    told = asking.search(Resource="Experiment")
    assert (told["Results"], told["TotalHits"]["Value"]) == ([], 0)


def deep(levels: int) -> dict[str, Any]:
    expression: dict[str, Any] = {"Filters": [{"Name": "TrainingJobName", "Value": "job-2"}]}
    for _ in range(levels - 1):
        expression = {"SubExpressions": [expression]}
    return expression


def wide() -> dict[str, Any]:
    one = {"Name": "TrainingJobName", "Value": "job-2"}
    return {"SubExpressions": [{"Filters": [one] * 20}] * 11}


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (
            {"Filters": [{"Name": "TrainingJob", "Value": "v"}]},
            "Unknown property name: TrainingJob",
        ),
        ({"Filters": [{"Name": "ModelArtifacts.S3", "Value": "v"}]}, "Unknown property name"),
        ({"Filters": [{"Name": "CreationTime.Year", "Value": "v"}]}, "Unknown property name"),
        ({"Filters": [{"Name": "TrainingJobName"}]}, "needs a Value"),
        ({"Filters": [{"Name": "a", "Operator": "Like", "Value": "v"}]}, "enum value set"),
        (
            {
                "NestedFilters": [
                    {
                        "NestedPropertyName": "InputDataConfig",
                        "Filters": [{"Name": "TrainingJobName", "Value": "v"}],
                    }
                ]
            },
            "is not of the nested property InputDataConfig",
        ),
        (deep(11), "nested deeper than 10"),
        (wide(), "at most 200 conditions"),
        ({"SubExpressions": [{"SubExpressions": [{}] * 20}] * 20}, "at most 200 conditions"),
    ],
)
def test_expressions_that_say_nothing_sound(
    asking: Any, expression: dict[str, Any], text: str
) -> None:
    """What names no property, lacks a value or is too big is refused with a sentence."""
    with pytest.raises(ClientError, match=f"ValidationException.*{text}"):
        asking.search(Resource="TrainingJob", SearchExpression=expression)
    assert jobs(asking, **deep(10)) == [2]
