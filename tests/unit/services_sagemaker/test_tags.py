"""Tags of SageMaker's things through boto3."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
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

TAGS = [{"Key": "Team", "Value": "bakers"}, {"Key": "größe", "Value": ""}]


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client of a door with one thing of each kind, all tagged."""
    workshop = Workshop(tmp_path_factory.mktemp("workshop"))
    with workshop.open() as client:
        train(client, "Job", Tags=TAGS)
        create_model(client, "Model", Tags=TAGS)
        create_config(client, "Config", "Model", Tags=TAGS)
        create_endpoint(client, "Endpoint", "Config", Tags=TAGS)
        client.create_model_package_group(ModelPackageGroupName="Group", Tags=TAGS)
        client.create_model_package(ModelPackageGroupName="Group")
        yield client


def tags(asking: Any, path: str) -> dict[str, str]:
    told = asking.list_tags(ResourceArn=arn(path))["Tags"]
    return {tag["Key"]: tag["Value"] for tag in told}


KINDS = [
    "training-job/Job",
    "model/model",
    "endpoint-config/config",
    "endpoint/endpoint",
    "model-package-group/group",
]


@pytest.mark.parametrize("path", KINDS)
def test_tags_are_given_kept_changed_and_taken(asking: Any, path: str) -> None:
    """What Create… was told is there; AddTags adds and replaces, DeleteTags removes."""
    assert tags(asking, path) == {"Team": "bakers", "größe": ""}
    change = [{"Key": "Team", "Value": "millers"}, {"Key": "oven", "Value": "3"}]
    told = asking.add_tags(ResourceArn=arn(path), Tags=change)["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in told} == tags(asking, path)
    assert tags(asking, path) == {"Team": "millers", "größe": "", "oven": "3"}
    asking.delete_tags(ResourceArn=arn(path), TagKeys=["Team", "oven", "never there"])
    assert tags(asking, path) == {"größe": ""}
    asking.delete_tags(ResourceArn=arn(path), TagKeys=["größe"])
    assert tags(asking, path) == {}
    pages = asking.get_paginator("list_tags").paginate(ResourceArn=arn(path))
    assert [page["Tags"] for page in pages] == [[]]
    asking.add_tags(ResourceArn=arn(path), Tags=TAGS)


def test_a_version_has_the_tags_of_its_group(asking: Any) -> None:
    """They are listed for it, and cannot be changed through it."""
    asking.add_tags(ResourceArn=arn("model-package-group/group"), Tags=TAGS)
    assert tags(asking, "model-package/group/1") == {"Team": "bakers", "größe": ""}
    with pytest.raises(ClientError, match=r"ValidationException.*of its group"):
        asking.add_tags(ResourceArn=arn("model-package/group/1"), Tags=TAGS)


@pytest.mark.parametrize(
    "unknown",
    [
        arn("model/none"),
        arn("training-job/none"),
        arn("endpoint/none"),
        arn("model-package/none"),
        arn("model-package/group/7"),
        arn("model-package-group/none"),
        arn("notebook-instance/none"),
        arn("model"),
        "arn:aws:sagemaker:eu-west-1:123456789012:model/model",
        "arn:aws:sagemaker:us-east-1:210987654321:model/model",
    ],
)
def test_an_arn_of_nothing_is_refused(asking: Any, unknown: str) -> None:
    """What is not there, not here or not ours is a ValidationException for all three."""
    for operation, params in (
        ("list_tags", {}),
        ("add_tags", {"Tags": TAGS}),
        ("delete_tags", {"TagKeys": ["Team"]}),
    ):
        with pytest.raises(ClientError, match=r"ValidationException.*Could not find"):
            getattr(asking, operation)(ResourceArn=unknown, **params)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ([{"Key": "aws:team", "Value": "v"}], "aws: prefixed tag key names are not allowed"),
        ([{"Key": "AWS:team", "Value": "v"}], "aws: prefixed tag key names are not allowed"),
        ([{"Key": "a*b", "Value": "v"}], "tags.1.member.key"),
        ([{"Key": "a", "Value": "{v}"}], "tags.1.member.value"),
        ([{"Key": "k" * 129, "Value": "v"}], "length less than or equal to 128"),
        ([{"Key": "k", "Value": "v" * 257}], "length less than or equal to 256"),
        ([{"Key": "k", "Value": "v"}, {"Key": "k", "Value": "w"}], "Duplicate tag keys"),
    ],
)
def test_tags_that_aws_does_not_take(asking: Any, wrong: list[Any], text: str) -> None:
    """A wrong tag is refused wherever it comes, and nothing is made with it."""
    with pytest.raises(ClientError, match=f"ValidationException.*{text}"):
        asking.add_tags(ResourceArn=arn("model/model"), Tags=wrong)
    with pytest.raises(ClientError, match=f"ValidationException.*{text}"):
        create_model(asking, "untagged", Tags=wrong)
    assert asking.list_models(NameContains="untagged")["Models"] == []


def test_a_thing_has_fifty_tags_at_most(asking: Any) -> None:
    """Those that it has count too."""
    create_model(asking, "full", Tags=[{"Key": f"k{i}", "Value": ""} for i in range(50)])
    asking.add_tags(ResourceArn=arn("model/full"), Tags=[{"Key": "k1", "Value": "other"}])
    with pytest.raises(ClientError, match="ResourceLimitExceeded"):
        asking.add_tags(ResourceArn=arn("model/full"), Tags=[{"Key": "one more", "Value": ""}])
    assert len(tags(asking, "model/full")) == 50


def test_tags_go_with_the_thing_and_stay_over_a_restart(tmp_path: Path) -> None:
    """A thing of the same name that is made later has none of them."""
    workshop = Workshop(tmp_path)
    with workshop.open() as asking:
        create_model(asking, "m", Tags=TAGS)
        create_config(asking, "c", "m", Tags=TAGS)
        create_endpoint(asking, "e", "c", Tags=TAGS)
        asking.create_model_package_group(ModelPackageGroupName="g", Tags=TAGS)
    with workshop.open() as asking:
        paths = ["model/m", "endpoint-config/c", "endpoint/e", "model-package-group/g"]
        assert [tags(asking, path) for path in paths] == [{"Team": "bakers", "größe": ""}] * 4
        asking.delete_endpoint(EndpointName="E")
        asking.delete_endpoint_config(EndpointConfigName="C")
        asking.delete_model(ModelName="M")
        asking.delete_model_package_group(ModelPackageGroupName="g")
        create_model(asking, "m")
        create_config(asking, "c", "m")
        create_endpoint(asking, "e", "c")
        asking.create_model_package_group(ModelPackageGroupName="g")
        assert [tags(asking, path) for path in paths] == [{}] * 4
