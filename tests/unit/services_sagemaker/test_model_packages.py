"""The model registry through boto3."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.hosting_parts import IMAGE
from support.sagemaker_parts import (
    MODEL_URL,
    ROLE,
    Workshop,
    arn,
    create_config,
    create_endpoint,
)

CONTAINER = {"Image": IMAGE, "ModelDataUrl": MODEL_URL, "Environment": {"A": "1", "B": "2"}}
SPECIFICATION = {
    "Containers": [CONTAINER],
    "SupportedContentTypes": ["application/x-image"],
    "SupportedResponseMIMETypes": ["application/json"],
    "SupportedTransformInstanceTypes": ["ml.m5.xlarge"],
    "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.xlarge"],
}
ALONE = {**SPECIFICATION, "Containers": [{"Image": IMAGE, "ModelDataUrl": MODEL_URL}]}
METRICS = {
    "ModelQuality": {
        "Statistics": {"ContentType": "application/json", "S3Uri": "s3://data/quality.json"}
    }
}


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[Any]:
    with Workshop(tmp_path).open() as client:
        yield client


def create_group(asking: Any, name: str = "Scones", **more: Any) -> str:
    told = asking.create_model_package_group(ModelPackageGroupName=name, **more)
    return str(told["ModelPackageGroupArn"])


def create_version(asking: Any, group: str = "Scones", **more: Any) -> str:
    wanted = {"InferenceSpecification": SPECIFICATION, **more}
    told = asking.create_model_package(ModelPackageGroupName=group, **wanted)
    return str(told["ModelPackageArn"])


def test_a_group_is_told_as_it_was_made(asking: Any) -> None:
    """Its ARN is in lower case, its status Completed, and the list shows it."""
    group_arn = create_group(asking, ModelPackageGroupDescription="All that serves.")
    assert group_arn == arn("model-package-group/scones")
    for spoken in ("Scones", "scones", group_arn):
        told = asking.describe_model_package_group(ModelPackageGroupName=spoken)
        assert told["ModelPackageGroupName"] == "Scones"
        assert told["ModelPackageGroupArn"] == group_arn
        assert told["ModelPackageGroupDescription"] == "All that serves."
        assert told["ModelPackageGroupStatus"] == "Completed"
        assert told["CreatedBy"]["IamIdentity"]["Arn"] == "arn:aws:iam::123456789012:root"
    (listed,) = asking.list_model_package_groups()["ModelPackageGroupSummaryList"]
    assert listed["CreationTime"] == told["CreationTime"]
    assert listed["ModelPackageGroupArn"] == group_arn


def test_versions_are_counted_and_never_given_twice(asking: Any) -> None:
    """1, 2, 3, also when one was removed; the ARN ends with the number."""
    create_group(asking)
    assert create_version(asking) == arn("model-package/scones/1")
    assert create_version(asking, "SCONES") == arn("model-package/scones/2")
    asking.delete_model_package(ModelPackageName=arn("model-package/scones/2"))
    group_arn = arn("model-package-group/scones")
    assert create_version(asking, group_arn) == arn("model-package/scones/3")
    told = asking.describe_model_package(ModelPackageName=arn("model-package/scones/3"))
    assert (told["ModelPackageGroupName"], told["ModelPackageVersion"]) == ("Scones", 3)
    assert asking.describe_model_package(ModelPackageName="Scones/3")["ModelPackageVersion"] == 3
    with pytest.raises(ClientError, match=r"ValidationException.*scones/2 does not exist"):
        asking.describe_model_package(ModelPackageName=arn("model-package/scones/2"))


def test_what_was_registered_is_given_back(asking: Any) -> None:
    """Every member comes back as it was sent; what is not there is left out."""
    create_group(asking)
    said = {
        "ModelPackageDescription": "The first that passes the gate.",
        "InferenceSpecification": SPECIFICATION,
        "ModelApprovalStatus": "PendingManualApproval",
        "ModelMetrics": METRICS,
        "DriftCheckBaselines": METRICS,
        "MetadataProperties": {"CommitId": "abc", "GeneratedBy": "a notebook"},
        "CustomerMetadataProperties": {"accuracy": ".93"},
        "Domain": "COMPUTER_VISION",
        "Task": "IMAGE_CLASSIFICATION",
        "SamplePayloadUrl": "s3://data/payload.tar.gz",
        "CertifyForMarketplace": False,
        "SkipModelValidation": "All",
        "ModelLifeCycle": {"Stage": "Development", "StageStatus": "InProgress"},
        "AdditionalInferenceSpecifications": [{"Name": "more", "Containers": [CONTAINER]}],
    }
    asking.create_model_package(ModelPackageGroupName="Scones", **said)
    told = asking.describe_model_package(ModelPackageName="Scones/1")
    assert {member: told[member] for member in said} == said
    made = set(told) - set(said) - {"ResponseMetadata"}
    assert made == {
        "ModelPackageArn",
        "ModelPackageGroupName",
        "ModelPackageVersion",
        "CreationTime",
        "CreatedBy",
        "ModelPackageStatus",
        "ModelPackageStatusDetails",
    }
    assert told["ModelPackageStatus"] == "Completed"
    assert told["ModelPackageStatusDetails"] == {"ValidationStatuses": []}


def test_a_package_alone_has_a_name_and_no_version(asking: Any) -> None:
    """It is found by its name and is not up for approval."""
    asking.create_model_package(ModelPackageName="Alone", InferenceSpecification=ALONE)
    told = asking.describe_model_package(ModelPackageName="Alone")
    assert told["ModelPackageName"] == "Alone"
    assert told["ModelPackageArn"] == arn("model-package/alone")
    assert {"ModelPackageVersion", "ModelPackageGroupName", "ModelApprovalStatus"}.isdisjoint(told)
    with pytest.raises(ClientError, match="Model Package already exists: arn:aws"):
        asking.create_model_package(ModelPackageName="alone", InferenceSpecification=ALONE)
    asking.delete_model_package(ModelPackageName="Alone")
    with pytest.raises(ClientError, match="does not exist"):
        asking.delete_model_package(ModelPackageName="Alone")


def test_updates_change_what_they_name(asking: Any) -> None:
    """Approval is replaced, metadata merged and taken away, specifications added."""
    create_group(asking)
    version = create_version(asking, CustomerMetadataProperties={"a": "1", "b": "2"})
    before = asking.describe_model_package(ModelPackageName=version)
    assert "LastModifiedTime" not in before
    asking.update_model_package(
        ModelPackageArn=version,
        ModelApprovalStatus="Approved",
        ApprovalDescription="It passed.",
        CustomerMetadataProperties={"b": "3", "c": "4"},
        CustomerMetadataPropertiesToRemove=["a"],
        AdditionalInferenceSpecificationsToAdd=[{"Name": "more", "Containers": [CONTAINER]}],
    )
    told = asking.describe_model_package(ModelPackageName=version)
    assert told["ModelApprovalStatus"] == "Approved"
    assert told["ApprovalDescription"] == "It passed."
    assert told["CustomerMetadataProperties"] == {"b": "3", "c": "4"}
    assert [one["Name"] for one in told["AdditionalInferenceSpecifications"]] == ["more"]
    assert told["InferenceSpecification"] == SPECIFICATION
    assert told["LastModifiedTime"] > told["CreationTime"]
    asking.update_model_package(
        ModelPackageArn=version, CustomerMetadataPropertiesToRemove=["b", "c"]
    )
    told = asking.describe_model_package(ModelPackageName=version)
    assert "CustomerMetadataProperties" not in told


def test_lists_of_packages(asking: Any) -> None:
    """Unversioned ones unless a group or a type is named; filtered by approval, and paged."""
    create_group(asking)
    for _ in range(11):
        create_version(asking)
    asking.create_model_package(ModelPackageName="Alone", InferenceSpecification=ALONE)
    asking.update_model_package(
        ModelPackageArn=arn("model-package/scones/2"), ModelApprovalStatus="Approved"
    )

    def versions(**wanted: Any) -> list[Any]:
        pages = asking.get_paginator("list_model_packages").paginate(**wanted)
        listed = [one for page in pages for one in page["ModelPackageSummaryList"]]
        return [one.get("ModelPackageVersion") for one in listed]

    counted = list(range(1, 12))
    assert versions() == [None]
    small = {"PageSize": 2}
    assert versions(ModelPackageGroupName="Scones", PaginationConfig=small) == counted
    assert versions(ModelPackageType="Versioned", SortBy="Name") == counted
    newest = versions(ModelPackageGroupName="Scones", SortOrder="Descending", MaxResults=1)
    assert newest[0] == 11
    assert sorted(versions(ModelPackageType="Both"), key=str) == sorted([*counted, None], key=str)
    approved = {"ModelPackageGroupName": "Scones", "ModelApprovalStatus": "Approved"}
    assert versions(**approved) == [2]
    assert versions(ModelPackageType="Both", NameContains="alo") == [None]
    (listed,) = asking.list_model_packages()["ModelPackageSummaryList"]
    assert listed["ModelPackageName"] == "Alone"
    with pytest.raises(ClientError, match="model-package-group/none does not exist"):
        asking.list_model_packages(ModelPackageGroupName="none")


def test_a_group_is_removed_when_it_is_empty(asking: Any) -> None:
    """Not before; and then its versions count from 1 again."""
    create_group(asking)
    version = create_version(asking)
    with pytest.raises(ClientError, match=r"ConflictException.*contains Model Packages"):
        asking.delete_model_package_group(ModelPackageGroupName="Scones")
    asking.delete_model_package(ModelPackageName=version)
    asking.delete_model_package_group(ModelPackageGroupName="Scones")
    with pytest.raises(ClientError, match="model-package-group/scones does not exist"):
        asking.describe_model_package_group(ModelPackageGroupName="Scones")
    create_group(asking)
    assert create_version(asking) == version


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({}, "Missing ARN"),
        (
            {"ModelPackageName": "a", "ModelPackageGroupName": "Scones"},
            "Both ModelPackageName and ModelPackageGroupName are provided in the input",
        ),
        ({"ModelPackageGroupName": "none"}, "ModelPackageGroup arn.*none does not exist"),
        (
            {"ModelPackageGroupName": "arn:aws:sagemaker:eu-west-1:1" + "0" * 11 + ":x/Scones"},
            "does not exist",
        ),
        (
            {"ModelPackageGroupName": "Scones", "Tags": [{"Key": "a", "Value": "b"}]},
            "Tags cannot be specified",
        ),
        (
            {
                "ModelPackageGroupName": "Scones",
                "InferenceSpecification": {"Containers": [{"ModelDataUrl": MODEL_URL}]},
            },
            r"InferenceSpecification.Containers\[0\].Image",
        ),
        ({"ModelPackageName": "a"}, "InferenceSpecification is None"),
        (
            {"ModelPackageName": "a", "InferenceSpecification": SPECIFICATION},
            "Environment variable map cannot be specified",
        ),
        (
            {"ModelPackageName": "a", "InferenceSpecification": {"Containers": [CONTAINER]}},
            "SupportedContentTypes",
        ),
        (
            {
                "ModelPackageGroupName": "Scones",
                "SourceAlgorithmSpecification": {"SourceAlgorithms": [{"AlgorithmName": "a"}]},
            },
            "algorithm resources are not built",
        ),
        ({"ModelPackageName": "-a"}, "modelPackageName.*regular expression"),
    ],
)
def test_what_cannot_be_registered(asking: Any, wrong: dict[str, Any], text: str) -> None:
    """It is refused with a sentence, and no version is made."""
    create_group(asking)
    with pytest.raises(ClientError, match=f"ValidationException.*{text}"):
        asking.create_model_package(**wrong)
    assert asking.list_model_packages(ModelPackageType="Both")["ModelPackageSummaryList"] == []


def test_a_request_that_is_sent_again_makes_no_second_version(asking: Any) -> None:
    """The same ClientToken means the same request, for as long as its package is there."""
    create_group(asking)
    assert create_version(asking, ClientToken="one") == create_version(asking, ClientToken="one")
    assert create_version(asking, ClientToken="two") == arn("model-package/scones/2")
    asking.delete_model_package(ModelPackageName="Scones/1")
    assert create_version(asking, ClientToken="one") == arn("model-package/scones/3")


def test_versions_made_at_once_have_numbers_of_their_own(asking: Any) -> None:
    """Eight clients register in the same moment."""
    create_group(asking)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: create_version(asking), range(16)))
    assert sorted(made) == sorted(arn(f"model-package/scones/{n}") for n in range(1, 17))


def create_from(asking: Any, package: str, **more: Any) -> None:
    container = {"ModelPackageName": package, **more}
    asking.create_model(ModelName="served", PrimaryContainer=container, ExecutionRoleArn=ROLE)


def test_a_version_that_is_approved_is_deployed(asking: Any) -> None:
    """Its container becomes the model's, with the caller's variables over its own."""
    create_group(asking)
    version = create_version(asking)
    with pytest.raises(ClientError, match=r"ValidationException.*PendingManualApproval"):
        create_from(asking, version)
    asking.update_model_package(ModelPackageArn=version, ModelApprovalStatus="Approved")
    create_from(asking, version, Environment={"B": "3"})
    told = asking.describe_model(ModelName="served")["PrimaryContainer"]
    assert told == {
        "Image": IMAGE,
        "Mode": "SingleModel",
        "ModelDataUrl": MODEL_URL,
        "Environment": {"A": "1", "B": "3"},
        "ModelPackageName": version,
    }
    create_config(asking, "config", "served")
    create_endpoint(asking, "endpoint", "config")


def test_packages_that_no_model_can_be_made_of(asking: Any) -> None:
    """One that is not there, two containers, or a specification that it has not."""
    with pytest.raises(ClientError, match=r"ValidationException.*none does not exist"):
        create_from(asking, "none")
    create_group(asking)
    pair = {**SPECIFICATION, "Containers": [CONTAINER, CONTAINER]}
    more = [{"Name": "single", "Containers": [CONTAINER]}]
    version = create_version(
        asking,
        InferenceSpecification=pair,
        AdditionalInferenceSpecifications=more,
        ModelApprovalStatus="Approved",
    )
    with pytest.raises(ClientError, match="inference pipelines are not built"):
        create_from(asking, version)
    with pytest.raises(ClientError, match=r"one of \['single'\]"):
        create_from(asking, version, InferenceSpecificationName="double")
    create_from(asking, version, InferenceSpecificationName="single")
    told = asking.describe_model(ModelName="served")["PrimaryContainer"]
    assert (told["Image"], told["ModelPackageName"]) == (IMAGE, version)
    listed = [{"ModelPackageName": version, "InferenceSpecificationName": "single"}]
    asking.create_model(ModelName="listed", Containers=listed, ExecutionRoleArn=ROLE)
    assert asking.describe_model(ModelName="listed")["PrimaryContainer"] == told


def test_the_registry_is_there_after_a_restart(tmp_path: Path) -> None:
    """Groups, versions, approvals and the count of versions."""
    workshop = Workshop(tmp_path)
    with workshop.open() as asking:
        create_group(asking)
        version = create_version(asking, ModelApprovalStatus="Approved")
        before = asking.describe_model_package(ModelPackageName=version)
    with workshop.open() as asking:
        after = asking.describe_model_package(ModelPackageName=version)
        before.pop("ResponseMetadata"), after.pop("ResponseMetadata")
        assert after == before
        assert create_version(asking) == arn("model-package/scones/2")
