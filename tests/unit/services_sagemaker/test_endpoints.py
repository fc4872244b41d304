"""SageMaker's operations on models, configurations and endpoints, held to botocore's shapes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from bakehouse.faults import InvalidInput
from bakehouse.hosting import Hosting
from bakehouse.registry import Tags
from bakehouse.services.sagemaker.endpoints import operations
from bakehouse.services.sagemaker.waiting import Waiting
from bakehouse.storage.memory import MemoryRecords
from bakehouse.wire.types import Answer, AwsError, Call, Params
from support.hosting_parts import BUCKET, IMAGE, Place, settled

MODEL = botocore.session.get_session().get_service_model("sagemaker")
CAPTURE = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": f"s3://{BUCKET}/captured",
    "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    "CaptureContentTypeHeader": {
        "CsvContentTypes": ["text/csv"],
        "JsonContentTypes": ["application/json"],
    },
}
VARIANT = {
    "VariantName": "AllTraffic",
    "ModelName": "Scones",
    "InitialInstanceCount": 1,
    "InstanceType": "ml.m5.xlarge",
    "InitialVariantWeight": 1.0,
}

Ask = Callable[..., Awaitable[Params]]


def asker(hosting: Hosting) -> Ask:
    """Runs operations as the server does, and checks the answers against botocore's shapes."""
    table = operations(hosting, Waiting(20), Tags(MemoryRecords()))

    async def ask(operation: str, **params: Any) -> Params:
        call = Call(operation, "r-1", "123456789012", "us-east-1", "AKID")
        answer = await table[operation](call, params)
        assert not isinstance(answer, Answer)
        shape = MODEL.operation_model(operation).output_shape
        if shape is None:
            assert answer == {}
        else:
            report = ParamValidator().validate(answer, shape)
            assert not report.has_errors(), report.generate_report()
        return answer

    return ask


def with_door(folder: Path, scenario: Callable[[Place, Hosting, Ask], Awaitable[None]]) -> None:
    async def run() -> None:
        place = Place(folder)
        place.put_model("Scones/model.tar.gz", b"[0.9, 0.1]")
        async with place.hosting() as hosting:
            await scenario(place, hosting, asker(hosting))

    asyncio.run(run())


async def create_all(ask: Ask, name: str = "Scones", **config: Any) -> None:
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/Scones/model.tar.gz"}
    await ask("CreateModel", ModelName=name, PrimaryContainer=container, ExecutionRoleArn="arn:r")
    variants = [{**VARIANT, "ModelName": name}]
    await ask(
        "CreateEndpointConfig", EndpointConfigName=name, ProductionVariants=variants, **config
    )
    await ask("CreateEndpoint", EndpointName=name, EndpointConfigName=name)


def test_the_way_from_model_to_endpoint(tmp_path: Path) -> None:
    """Creating answers with ARNs in lower case; the endpoint comes up with its variant."""

    async def scenario(place: Place, hosting: Hosting, ask: Ask) -> None:
        await create_all(ask, DataCaptureConfig=CAPTURE)
        told = await ask("DescribeEndpoint", EndpointName="Scones")
        arn = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/scones"
        assert (told["EndpointStatus"], told["EndpointArn"]) == ("Creating", arn)
        assert "ProductionVariants" not in told
        await settled(hosting, "Scones")
        told = await ask("DescribeEndpoint", EndpointName="Scones")
        assert told["EndpointStatus"] == "InService"
        assert "FailureReason" not in told
        (variant,) = told["ProductionVariants"]
        assert variant["DeployedImages"][0]["SpecifiedImage"] == IMAGE
        assert (variant["CurrentWeight"], variant["CurrentInstanceCount"]) == (1.0, 1)
        assert told["DataCaptureConfig"] == {
            "EnableCapture": True,
            "CaptureStatus": "Started",
            "CurrentSamplingPercentage": 100,
            "DestinationS3Uri": f"s3://{BUCKET}/captured",
            "KmsKeyId": "",
        }

    with_door(tmp_path, scenario)


def test_what_was_said_is_given_back(tmp_path: Path) -> None:
    """Describing a model or a configuration echoes it, and nothing empty is made up."""

    async def scenario(place: Place, hosting: Hosting, ask: Ask) -> None:
        vpc = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}
        await ask(
            "CreateModel",
            ModelName="m",
            Containers=[{"Image": IMAGE, "Environment": {"A": "b"}, "ContainerHostname": "h"}],
            VpcConfig=vpc,
            EnableNetworkIsolation=False,
            Tags=[{"Key": "k", "Value": "v"}],
        )
        told = await ask("DescribeModel", ModelName="m")
        assert told.pop("CreationTime").tzinfo is not None
        assert told == {
            "ModelName": "m",
            "ModelArn": "arn:aws:sagemaker:us-east-1:123456789012:model/m",
            "PrimaryContainer": {
                "Image": IMAGE,
                "Mode": "SingleModel",
                "Environment": {"A": "b"},
                "ContainerHostname": "h",
            },
            "VpcConfig": vpc,
            "EnableNetworkIsolation": False,
        }
        variant = {**VARIANT, "ModelName": "m", "VolumeSizeInGB": 5}
        await ask(
            "CreateEndpointConfig",
            EndpointConfigName="C",
            ProductionVariants=[variant],
            DataCaptureConfig=CAPTURE,
            KmsKeyId="key",
        )
        told = await ask("DescribeEndpointConfig", EndpointConfigName="C")
        del told["CreationTime"]
        assert told == {
            "EndpointConfigName": "C",
            "EndpointConfigArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint-config/c",
            "ProductionVariants": [variant],
            "DataCaptureConfig": CAPTURE,
            "KmsKeyId": "key",
        }

    with_door(tmp_path, scenario)


def test_refusals_are_in_the_words_of_aws(tmp_path: Path) -> None:
    """Missing and taken names are ValidationException, with the sentence that clients test."""
    arn = "arn:aws:sagemaker:us-east-1:123456789012:"
    refused: list[tuple[str, dict[str, Any], str]] = [
        (
            "DescribeEndpoint",
            {"EndpointName": "No"},
            f'Could not find endpoint "{arn}endpoint/no".',
        ),
        ("DeleteEndpoint", {"EndpointName": "No"}, f'Could not find endpoint "{arn}endpoint/no".'),
        ("DescribeModel", {"ModelName": "no"}, f'Could not find model "{arn}model/no".'),
        ("DeleteModel", {"ModelName": "no"}, f'Could not find model "{arn}model/no".'),
        (
            "DeleteEndpointConfig",
            {"EndpointConfigName": "no"},
            f'Could not find endpoint configuration "{arn}endpoint-config/no".',
        ),
        (
            "CreateEndpoint",
            {"EndpointName": "e", "EndpointConfigName": "no"},
            f'Could not find endpoint configuration "{arn}endpoint-config/no".',
        ),
        (
            "CreateEndpoint",
            {"EndpointName": "Scones", "EndpointConfigName": "Scones"},
            f'Cannot create already existing endpoint "{arn}endpoint/scones".',
        ),
        (
            "CreateEndpointConfig",
            {"EndpointConfigName": "scones", "ProductionVariants": [VARIANT]},
            f'Cannot create already existing endpoint configuration "{arn}endpoint-config/scones".',
        ),
        (
            "CreateModel",
            {"ModelName": "scones", "PrimaryContainer": {"Image": IMAGE}},
            f'Cannot create already existing model "{arn}model/scones".',
        ),
        (
            "CreateEndpointConfig",
            {"EndpointConfigName": "c", "ProductionVariants": [{**VARIANT, "ModelName": "No"}]},
            f'Could not find model "{arn}model/no".',
        ),
    ]

    async def scenario(place: Place, hosting: Hosting, ask: Ask) -> None:
        await create_all(ask)
        for operation, params, sentence in refused:
            with pytest.raises(AwsError) as error:
                await ask(operation, **params)
            assert (error.value.code, error.value.message) == ("ValidationException", sentence)

    with_door(tmp_path, scenario)


def test_a_bad_name_is_refused(tmp_path: Path) -> None:
    """Names are 1 to 63 letters, digits and hyphens; nothing is stored under another."""

    async def scenario(place: Place, hosting: Hosting, ask: Ask) -> None:
        for name in ("A NAME", "-a", "a-", "a" * 64, "", "../a", "a\n"):
            with pytest.raises(InvalidInput, match="model name is"):
                await ask("CreateModel", ModelName=name, PrimaryContainer={"Image": IMAGE})
        assert hosting.models.all() == []

    with_door(tmp_path, scenario)


def test_a_model_data_source_is_one_archive(tmp_path: Path) -> None:
    """The newer way to name the model.tar.gz serves as the older one, and is shown again."""

    async def scenario(place: Place, hosting: Hosting, ask: Ask) -> None:
        source = {
            "S3Uri": f"s3://{BUCKET}/Scones/model.tar.gz",
            "S3DataType": "S3Object",
            "CompressionType": "Gzip",
        }
        container = {"Image": IMAGE, "ModelDataSource": {"S3DataSource": source}}
        await ask("CreateModel", ModelName="m", PrimaryContainer=container)
        told = await ask("DescribeModel", ModelName="m")
        assert told["PrimaryContainer"]["ModelDataSource"] == {"S3DataSource": source}
        assert told["PrimaryContainer"]["ModelDataUrl"] == source["S3Uri"]
        variants = [{**VARIANT, "ModelName": "m"}]
        await ask("CreateEndpointConfig", EndpointConfigName="c", ProductionVariants=variants)
        await ask("CreateEndpoint", EndpointName="e", EndpointConfigName="c")
        assert (await settled(hosting, "e")).status == "InService"
        refused: list[tuple[dict[str, Any], str]] = [
            ({"S3DataSource": {**source, "S3DataType": "S3Prefix"}}, "S3DataType"),
            ({"S3DataSource": {**source, "CompressionType": "None"}}, "CompressionType"),
            ({"S3DataSource": {**source, "ManifestS3Uri": "s3://m"}}, "alone"),
            ({}, "alone"),
        ]
        for given, named in refused:
            container = {"Image": IMAGE, "ModelDataSource": given}
            with pytest.raises(InvalidInput, match=named):
                await ask("CreateModel", ModelName="n", PrimaryContainer=container)
        container = {
            "Image": IMAGE,
            "ModelDataUrl": source["S3Uri"],
            "ModelDataSource": {"S3DataSource": source},
        }
        with pytest.raises(InvalidInput, match="nothing beside ModelDataUrl"):
            await ask("CreateModel", ModelName="n", PrimaryContainer=container)

    with_door(tmp_path, scenario)


def test_what_is_not_built_is_refused(tmp_path: Path) -> None:
    """Whatever would be served otherwise than here is refused by its member's name."""
    container = {"Image": IMAGE}
    config = {"EndpointConfigName": "c"}
    refused: list[tuple[str, dict[str, Any], str]] = [
        ("CreateModel", {"Containers": [container, container]}, "one container"),
        ("CreateModel", {}, "one container"),
        ("CreateModel", {"PrimaryContainer": {**container, "Mode": "MultiModel"}}, "SingleModel"),
        ("CreateModel", {"PrimaryContainer": {}}, "Image"),
        (
            "CreateEndpointConfig",
            {**config, "ProductionVariants": [{**VARIANT, "ServerlessConfig": {}}]},
            "ServerlessConfig",
        ),
        (
            "CreateEndpointConfig",
            {**config, "ProductionVariants": [VARIANT], "AsyncInferenceConfig": {}},
            "AsyncInferenceConfig",
        ),
        (
            "CreateEndpointConfig",
            {**config, "ProductionVariants": [{"VariantName": "v"}]},
            "inference components",
        ),
    ]

    async def scenario(place: Place, hosting: Hosting, ask: Ask) -> None:
        for operation, params, sentence in refused:
            with pytest.raises(InvalidInput, match=sentence):
                await ask(operation, **{"ModelName": "m", **params})
        assert hosting.models.all() == []

    with_door(tmp_path, scenario)


def test_an_endpoint_is_updated_and_deleted(tmp_path: Path) -> None:
    """UpdateEndpoint passes through Updating; the deletions answer with nothing."""

    async def scenario(place: Place, hosting: Hosting, ask: Ask) -> None:
        await create_all(ask)
        with pytest.raises(AwsError, match="Cannot update in-progress endpoint"):
            await ask("UpdateEndpoint", EndpointName="Scones", EndpointConfigName="Scones")
        await settled(hosting, "Scones")
        await ask("CreateEndpointConfig", EndpointConfigName="new", ProductionVariants=[VARIANT])
        await ask(
            "UpdateEndpoint",
            EndpointName="Scones",
            EndpointConfigName="new",
            RetainAllVariantProperties=True,
            ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DataCaptureConfig"}],
        )
        told = await ask("DescribeEndpoint", EndpointName="Scones")
        assert told["EndpointStatus"] == "Updating"
        await settled(hosting, "Scones")
        told = await ask("DescribeEndpoint", EndpointName="Scones")
        assert told["EndpointConfigName"] == "new"
        await ask("DeleteEndpointConfig", EndpointConfigName="new")
        await ask("DeleteEndpoint", EndpointName="Scones")
        await ask("DeleteModel", ModelName="Scones")
        with pytest.raises(AwsError, match="Could not find endpoint"):
            await ask("DescribeEndpoint", EndpointName="Scones")

    with_door(tmp_path, scenario)


def test_lists_are_sorted_filtered_and_paged(tmp_path: Path) -> None:
    """Newest first unless told otherwise; NextToken goes on where the page ended."""

    async def scenario(place: Place, hosting: Hosting, ask: Ask) -> None:
        for name in ("a1", "b1", "B2"):
            await create_all(ask, name)
            await settled(hosting, name)
        first = await ask("ListModels", SortBy="Name", SortOrder="Ascending", MaxResults=2)
        assert [one["ModelName"] for one in first["Models"]] == ["B2", "a1"]
        rest = await ask(
            "ListModels", SortBy="Name", SortOrder="Ascending", NextToken=first["NextToken"]
        )
        assert [one["ModelName"] for one in rest["Models"]] == ["b1"]
        assert "NextToken" not in rest
        configs = await ask("ListEndpointConfigs", NameContains="b")
        assert {one["EndpointConfigName"] for one in configs["EndpointConfigs"]} == {"b1", "B2"}
        newest = (await ask("ListEndpoints"))["Endpoints"]
        assert newest == sorted(newest, key=lambda one: one["CreationTime"], reverse=True)
        assert (await ask("ListEndpoints", StatusEquals="Failed"))["Endpoints"] == []
        later = newest[0]["CreationTime"]
        after = await ask("ListEndpoints", CreationTimeAfter=later)
        assert newest[0] in after["Endpoints"]
        assert newest[-1] not in after["Endpoints"]
        with pytest.raises(AwsError, match="NextToken"):
            await ask("ListEndpoints", NextToken="x")

    with_door(tmp_path, scenario)
