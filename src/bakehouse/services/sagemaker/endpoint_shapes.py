"""SageMaker's shapes of models, endpoint configurations and endpoints: in and out.

What changes how a model is served and is not built is refused with a sentence; what has no bearing
on one machine (a subnet, a volume) is kept and given back.
"""

from __future__ import annotations

from typing import Any

from bakehouse import clock
from bakehouse.faults import InvalidInput
from bakehouse.hosting.types import (
    Capture,
    Container,
    Deployment,
    Endpoint,
    EndpointConfig,
    Model,
    Variant,
)
from bakehouse.wire.types import Params

_NOT_BUILT = frozenset(
    (
        "AdditionalModelDataSources",
        "AsyncInferenceConfig",
        "ExplainerConfig",
        "InferenceExecutionConfig",
        "InferenceSpecificationName",
        "InstancePools",
        "ManagedInstanceScaling",
        "MultiModelConfig",
        "ServerlessConfig",
        "ShadowProductionVariants",
    )
)
"""Members that would be served otherwise than one model on instances behind real-time calls."""


def model_from_request(params: Params) -> Model:
    """CreateModel's parameters as a model; InvalidInput for what is not built."""
    _refuse_not_built("", params)
    container, place = _container_of(params)
    _refuse_not_built(f"{place}.", container)
    if container.get("Mode", "SingleModel") != "SingleModel":
        raise InvalidInput(f"{place}.Mode", container["Mode"], "SingleModel")
    if "Image" not in container:
        raise InvalidInput(f"{place}.Image", None, "the URI of an algorithm's image")
    return Model(
        name=params["ModelName"],
        container=Container(
            container["Image"],
            _artifact_of(container, place),
            container.get("Environment", {}),
            _rest(container, "Image", "ModelDataUrl", "Environment"),
        ),
        role_arn=params.get("ExecutionRoleArn"),
        created_ms=clock.epoch_ms(),
        rest=_rest(
            params, "ModelName", "PrimaryContainer", "Containers", "ExecutionRoleArn", "Tags"
        ),
    )


def model_to_response(model: Model, arn: str) -> Params:
    """DescribeModel's answer."""
    return _given(
        ModelName=model.name,
        ModelArn=arn,
        PrimaryContainer=_container_to_response(model.container),
        ExecutionRoleArn=model.role_arn,
        CreationTime=clock.from_epoch_ms(model.created_ms),
        **model.rest,
    )


def config_from_request(params: Params) -> EndpointConfig:
    """CreateEndpointConfig's parameters as a configuration; InvalidInput for what is not built."""
    _refuse_not_built("", params)
    capture = params.get("DataCaptureConfig")
    return EndpointConfig(
        name=params["EndpointConfigName"],
        variants=tuple(_variant_from_request(one) for one in params["ProductionVariants"]),
        capture=None if capture is None else _capture_from_request(capture),
        created_ms=clock.epoch_ms(),
        rest=_rest(params, "EndpointConfigName", "ProductionVariants", "DataCaptureConfig", "Tags"),
    )


def config_to_response(config: EndpointConfig, arn: str) -> Params:
    """DescribeEndpointConfig's answer."""
    return _given(
        EndpointConfigName=config.name,
        EndpointConfigArn=arn,
        ProductionVariants=[_variant_to_response(variant) for variant in config.variants],
        DataCaptureConfig=config.capture and _capture_to_response(config.capture),
        CreationTime=clock.from_epoch_ms(config.created_ms),
        **config.rest,
    )


def endpoint_to_response(endpoint: Endpoint, arn: str) -> Params:
    """DescribeEndpoint's answer. What a new endpoint has is not told before it is there."""
    current = endpoint.current
    is_new = endpoint.status == "Creating"
    modified = clock.from_epoch_ms(endpoint.modified_ms)
    return _given(
        EndpointName=endpoint.name,
        EndpointArn=arn,
        EndpointConfigName=current.config_name,
        ProductionVariants=None if is_new else _variants_summary(current, modified),
        DataCaptureConfig=current.capture and _capture_summary(current.capture, is_new),
        EndpointStatus=endpoint.status,
        FailureReason=endpoint.failure_reason,
        CreationTime=clock.from_epoch_ms(endpoint.created_ms),
        LastModifiedTime=modified,
    )


def _container_of(params: Params) -> tuple[Params, str]:
    """The one container, and what the caller calls its place."""
    containers = params.get("Containers")
    if containers is None and "PrimaryContainer" in params:
        return params["PrimaryContainer"], "PrimaryContainer"
    if containers is not None and len(containers) == 1 and "PrimaryContainer" not in params:
        return containers[0], "Containers.1"
    raise InvalidInput(
        "Containers", len(containers or ()), "one container; inference pipelines are not built"
    )


def _artifact_of(container: Params, place: str) -> str | None:
    """Where the model's archive is, whichever of two ways says so."""
    url, source = container.get("ModelDataUrl"), container.get("ModelDataSource")
    if source is None:
        return url
    path = f"{place}.ModelDataSource"
    if url is not None:
        raise InvalidInput(path, source, "nothing beside ModelDataUrl")
    given: Params = source.get("S3DataSource", {})
    if set(given) != {"S3Uri", "S3DataType", "CompressionType"}:
        allowed = "an S3DataSource with S3Uri, S3DataType and CompressionType alone"
        raise InvalidInput(path, source, allowed)
    for member, only in (("S3DataType", "S3Object"), ("CompressionType", "Gzip")):
        if given[member] != only:
            allowed = f"{only}: a model is one model.tar.gz here"
            raise InvalidInput(f"{path}.S3DataSource.{member}", given[member], allowed)
    return str(given["S3Uri"])


def _container_to_response(container: Container) -> Params:
    return _given(
        Image=container.image,
        ModelDataUrl=container.model_data_url,
        Environment=container.environment or None,
        **{"Mode": "SingleModel", **container.rest},
    )


def _variant_from_request(variant: Params) -> Variant:
    _refuse_not_built("ProductionVariants.", variant)
    if "ModelName" not in variant:
        raise InvalidInput(
            "ProductionVariants.ModelName", None, "a model; inference components are not built"
        )
    named = ("VariantName", "ModelName", "InitialVariantWeight", "InitialInstanceCount")
    return Variant(
        name=variant["VariantName"],
        model_name=variant["ModelName"],
        weight=float(variant.get("InitialVariantWeight", 1.0)),
        instance_count=variant.get("InitialInstanceCount", 1),
        instance_type=variant.get("InstanceType"),
        rest=_rest(variant, *named, "InstanceType"),
    )


def _variant_to_response(variant: Variant) -> Params:
    return _given(
        VariantName=variant.name,
        ModelName=variant.model_name,
        InitialInstanceCount=variant.instance_count,
        InstanceType=variant.instance_type,
        InitialVariantWeight=variant.weight,
        **variant.rest,
    )


def _variants_summary(deployment: Deployment, resolved: Any) -> list[Params]:
    return [
        {
            "VariantName": variant.name,
            "DeployedImages": [
                {
                    "SpecifiedImage": container.image,
                    "ResolvedImage": container.image,
                    "ResolutionTime": resolved,
                }
            ],
            "CurrentWeight": variant.weight,
            "DesiredWeight": variant.weight,
            "CurrentInstanceCount": variant.instance_count,
            "DesiredInstanceCount": variant.instance_count,
        }
        for variant, container in zip(deployment.variants, deployment.containers, strict=True)
    ]


def _capture_from_request(capture: Params) -> Capture:
    types = capture.get("CaptureContentTypeHeader", {})
    return Capture(
        enabled=capture.get("EnableCapture", True),
        percentage=capture["InitialSamplingPercentage"],
        destination=capture["DestinationS3Uri"],
        modes=tuple(option["CaptureMode"] for option in capture["CaptureOptions"]),
        csv_types=tuple(types.get("CsvContentTypes", ())),
        json_types=tuple(types.get("JsonContentTypes", ())),
        kms_key_id=capture.get("KmsKeyId"),
    )


def _capture_to_response(capture: Capture) -> Params:
    types = _given(
        CsvContentTypes=list(capture.csv_types) or None,
        JsonContentTypes=list(capture.json_types) or None,
    )
    return _given(
        EnableCapture=capture.enabled,
        InitialSamplingPercentage=capture.percentage,
        DestinationS3Uri=capture.destination,
        KmsKeyId=capture.kms_key_id,
        CaptureOptions=[{"CaptureMode": mode} for mode in capture.modes],
        CaptureContentTypeHeader=types or None,
    )


def _capture_summary(capture: Capture, is_new: bool) -> Params:
    return {
        "EnableCapture": capture.enabled,
        "CaptureStatus": "Started" if capture.enabled and not is_new else "Stopped",
        "CurrentSamplingPercentage": capture.percentage,
        "DestinationS3Uri": capture.destination,
        "KmsKeyId": capture.kms_key_id or "",
    }


def _refuse_not_built(place: str, params: Params) -> None:
    for member in sorted(_NOT_BUILT.intersection(params)):
        raise InvalidInput(
            f"{place}{member}", params[member], "nothing: bakehouse does not serve that yet"
        )


def _rest(params: Params, *named: str) -> Params:
    return {member: value for member, value in params.items() if member not in named}


def _given(**members: Any) -> Params:
    """The members that are there; an empty structure is as good as none, and SDKs refuse it."""
    return {member: value for member, value in members.items() if value not in (None, {}, [])}
