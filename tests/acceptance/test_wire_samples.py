"""Requests that real clients sent, recorded elsewhere, sent again to a real server.

The recording is a file of one JSON object a line (``service``, ``operation``, ``request`` with
``method``, ``path``, ``body``, ``x_amz_target``, ``amz_headers``); the variable
``BAKEHOUSE_WIRE_SAMPLES`` says where it is. Without it these tests are skipped.
"""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import botocore.session
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest, HeadersDict
from botocore.credentials import Credentials
from botocore.parsers import create_parser

from support.server import ServerProcess, running_server

SAMPLES = os.environ.get("BAKEHOUSE_WIRE_SAMPLES", "")

pytestmark = pytest.mark.skipif(
    not SAMPLES, reason="the recording is not there: set BAKEHOUSE_WIRE_SAMPLES to its path"
)

NOT_OFFERED = {
    "application-autoscaling PutScalingPolicy",
    "application-autoscaling RegisterScalableTarget",
    "events PutRule",  # a schedule
    "lambda CreateAlias",
    "lambda ListLayers",
    "lambda PublishVersion",
    "sagemaker CreateDataQualityJobDefinition",
    "sagemaker CreateModelQualityJobDefinition",
    "sagemaker CreateMonitoringSchedule",
    "sagemaker CreateProcessingJob",
    "sagemaker DeleteDataQualityJobDefinition",
    "sagemaker DeleteModelQualityJobDefinition",
    "sagemaker DeleteMonitoringSchedule",
    "sagemaker DescribeMonitoringSchedule",
    "sagemaker DescribeProcessingJob",
    "sagemaker ListMonitoringExecutions",
    "sagemaker StartMonitoringSchedule",
    "sagemaker StopMonitoringSchedule",
    "sagemaker UpdateMonitoringSchedule",
}
"""What the recording asks for and this server says that it does not do."""

REFUSED = {
    ("events PutTargets", "ResourceNotFoundException"),
    ("iam CreateRole", "MalformedPolicyDocument"),  # an empty document
    ("logs DescribeLogStreams", "ResourceNotFoundException"),
    ("logs GetLogEvents", "ResourceNotFoundException"),
    ("s3 GetObject", "NoSuchKey"),
    ("s3 HeadObject", "404"),
    ("sagemaker UpdateEndpoint", "ValidationException"),  # its artifact is none: it Failed
    ("sagemaker-runtime InvokeEndpoint", "ValidationError"),
    ("sagemaker-runtime InvokeEndpointWithResponseStream", "ValidationError"),
    ("stepfunctions DescribeExecution", "ExecutionDoesNotExist"),
    ("stepfunctions GetExecutionHistory", "ExecutionDoesNotExist"),
}
"""Operation and code of every refusal."""

NEEDED = {
    "cloudwatch GetMetricStatistics": {"Datapoints"},
    "iam GetRole": {"Role"},
    "iam SimulatePrincipalPolicy": {"EvaluationResults"},
    "lambda CreateFunction": {"State", "LastUpdateStatus", "CodeSha256", "FunctionArn"},
    "lambda GetFunction": {"Configuration", "Code"},
    "lambda Invoke": {"StatusCode", "ExecutedVersion"},
    "logs FilterLogEvents": {"events"},
    "s3 ListBuckets": {"Buckets"},
    "s3 ListObjects": {"IsTruncated", "EncodingType"},
    "s3 ListObjectsV2": {"IsTruncated", "KeyCount", "EncodingType"},
    "s3 PutObject": {"ETag", "ChecksumCRC32"},
    "sagemaker CreateEndpoint": {"EndpointArn"},
    "sagemaker CreateEndpointConfig": {"EndpointConfigArn"},
    "sagemaker CreateModel": {"ModelArn"},
    "sagemaker CreateModelPackage": {"ModelPackageArn"},
    "sagemaker CreateModelPackageGroup": {"ModelPackageGroupArn"},
    "sagemaker CreateTrainingJob": {"TrainingJobArn"},
    "sagemaker DescribeEndpoint": {
        "EndpointStatus",
        "EndpointConfigName",
        "CreationTime",
        "LastModifiedTime",
    },
    "sagemaker DescribeEndpointConfig": {"ProductionVariants", "EndpointConfigArn"},
    "sagemaker DescribeModel": {"PrimaryContainer", "ExecutionRoleArn", "ModelArn"},
    "sagemaker DescribeTrainingJob": {
        "AlgorithmSpecification",
        "CreationTime",
        "HyperParameters",
        "InputDataConfig",
        "LastModifiedTime",
        "OutputDataConfig",
        "ResourceConfig",
        "RoleArn",
        "SecondaryStatus",
        "SecondaryStatusTransitions",
        "StoppingCondition",
        "TrainingJobArn",
        "TrainingJobStatus",
    },
    "sagemaker ListEndpoints": {"Endpoints"},
    "sagemaker ListModels": {"Models"},
    "sagemaker ListTags": {"Tags"},
    "sagemaker ListTrainingJobs": {"TrainingJobSummaries"},
    "sagemaker Search": {"Results"},
    "stepfunctions CreateStateMachine": {"stateMachineArn", "creationDate"},
    "stepfunctions DescribeStateMachine": {"definition", "roleArn", "status", "type"},
    "stepfunctions ListExecutions": {"executions"},
    "stepfunctions StartExecution": {"executionArn", "startDate"},
    "sts GetCallerIdentity": {"Account", "Arn", "UserId"},
}
"""Operation → the members of its answer without which a client fails."""

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sagemaker.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)
LAMBDA = {
    "POST /2015-03-31/functions": "CreateFunction",
    "GET /2015-03-31/functions/{fn}": "GetFunction",
    "POST /2015-03-31/functions/{fn}/invocations": "Invoke",
    "PUT /2015-03-31/functions/{fn}/code": "UpdateFunctionCode",
    "PUT /2015-03-31/functions/{fn}/configuration": "UpdateFunctionConfiguration",
    "GET /2015-03-31/functions": "ListFunctions",
    "POST /2015-03-31/functions/{fn}/versions": "PublishVersion",
    "POST /2015-03-31/functions/{fn}/aliases": "CreateAlias",
    "GET /2018-10-31/layers": "ListLayers",
    "GET /2015-03-31/functions/{fn}/configuration": "GetFunctionConfiguration",
}
S3 = {
    "GET service": "ListBuckets",
    "HEAD bucket": "HeadBucket",
    "PUT bucket": "CreateBucket",
    "PUT object": "PutObject",
    "GET bucket ?prefix&encoding-type": "ListObjects",
    "GET bucket ?list-type&prefix&encoding-type": "ListObjectsV2",
    "HEAD object": "HeadObject",
    "GET object": "GetObject",
}
CLIENTS = {"monitoring": "cloudwatch", "states": "stepfunctions"}
"""Signing name → botocore's name, where they differ."""


@dataclass(frozen=True)
class Told:
    """What the server answered to a sample."""

    name: str
    status: int
    parsed: dict[str, Any]

    @property
    def code(self) -> str:
        return str(self.parsed.get("Error", {}).get("Code", ""))


def operation_of(sample: dict[str, Any]) -> tuple[str, str]:
    """botocore's names of the sample's service and operation."""
    service, operation = sample["service"], sample["operation"]
    if operation.startswith("InvokeEndpoint"):
        return "sagemaker-runtime", operation
    operation = {"lambda": LAMBDA, "s3": S3}.get(service, {}).get(operation, operation)
    return CLIENTS.get(service, service), operation


def body_of(sample: dict[str, Any]) -> bytes:
    """The body; a picture's is made up, because the recording leaves it out."""
    return str(sample["request"]["body"]).encode("utf-8", "surrogateescape")


def send(server: ServerProcess, sample: dict[str, Any]) -> tuple[int, HeadersDict, bytes]:
    """Sign a sample with this server's keys and send it."""
    recorded, body = sample["request"], body_of(sample)
    headers = {
        name: value
        for name, value in (recorded["amz_headers"] or {}).items()
        if "checksum" not in name and name != "x-amz-content-sha256"
    }
    for name, member in (("Content-Type", "content_type"), ("X-Amz-Target", "x_amz_target")):
        if recorded[member]:
            headers[name] = recorded[member]
    environment = server.environment()
    credentials = Credentials(
        environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]
    )
    url = server.endpoint + recorded["path"]
    request = AWSRequest(recorded["method"], url, headers=headers, data=body)
    signer = S3SigV4Auth if sample["service"] == "s3" else SigV4Auth
    signer(credentials, sample["service"], "us-east-1").add_auth(request)
    connection = http.client.HTTPConnection(urlsplit(server.endpoint).netloc, timeout=60)
    try:
        connection.request(recorded["method"], recorded["path"], body, dict(request.headers))
        answer = connection.getresponse()
        return answer.status, HeadersDict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def told(server: ServerProcess, sample: dict[str, Any]) -> Told:
    """Send a sample and read the answer as botocore does."""
    status, headers, body = send(server, sample)
    service, operation = operation_of(sample)
    model = botocore.session.get_session().get_service_model(service)
    protocol = "json" if sample["request"]["x_amz_target"] else model.resolved_protocol
    streams = status < 300 and operation in ("GetObject", "InvokeEndpointWithResponseStream")
    parsed: dict[str, Any] = {}
    if not streams:
        response = {"status_code": status, "headers": headers, "body": body}
        shape = model.operation_model(operation).output_shape
        parsed = create_parser(protocol).parse(response, shape)
    return Told(f"{service} {operation}", status, parsed)


def named(samples: list[dict[str, Any]], member: str) -> set[str]:
    """Every value that the SageMaker samples give to a member, wherever it stands."""

    def found(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for name, inner in value.items():
                if name == member:
                    yield str(inner)
                yield from found(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from found(inner)

    bodies = [one["request"]["body"] for one in samples if one["request"]["x_amz_target"]]
    return {name for body in bodies for name in found(json.loads(body))}


def created(samples: list[dict[str, Any]], operation: str, member: str) -> set[str]:
    """The names that the samples of a Create… operation give."""
    return named([one for one in samples if one["operation"] == operation], member)


def prepare(server: ServerProcess, samples: list[dict[str, Any]]) -> None:
    """Make what the samples speak of and do not make themselves: roles, artifacts, endpoints."""
    s3, sagemaker = server.client("s3"), server.client("sagemaker")
    role = server.client("iam").create_role(
        RoleName="AmazonSageMaker-ExecutionRole-20200101T000001",
        Path="/service-role/",
        AssumeRolePolicyDocument=TRUST,
    )["Role"]["Arn"]
    for url in sorted(named(samples, "ModelDataUrl")):
        bucket, _, key = url.removeprefix("s3://").partition("/")
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key=key, Body=b"no archive")
    container = {"Image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/image-classification:1"}
    for name in named(samples, "ModelName") - created(samples, "CreateModel", "ModelName"):
        sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=role)
    sagemaker.create_model(ModelName="any", PrimaryContainer=container, ExecutionRoleArn=role)
    variant = {"VariantName": "AllTraffic", "ModelName": "any", "InitialInstanceCount": 1}
    configs = named(samples, "EndpointConfigName")
    for name in configs - created(samples, "CreateEndpointConfig", "EndpointConfigName"):
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint_config(EndpointConfigName="any", ProductionVariants=[variant])
    for name in named(samples, "EndpointName") - created(samples, "CreateEndpoint", "EndpointName"):
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName="any")


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Told]]:
    """The answers to all samples, in the order of the recording."""
    samples = [json.loads(line) for line in Path(SAMPLES).read_text().splitlines()]
    with running_server(tmp_path_factory.mktemp("data")) as server:
        prepare(server, samples)
        yield [told(server, sample) for sample in samples]


def test_no_request_meets_an_error_of_ours(answers: list[Told]) -> None:
    """Every answer is a success, a refusal or "not offered", and botocore can read each."""
    assert [one for one in answers if one.status >= 500 and one.status != 501] == []
    assert [one for one in answers if one.status >= 300 and not one.code] == []


def test_what_is_not_offered_is_known(answers: list[Told]) -> None:
    """The operations that are answered "not offered" are those that the list above names."""
    assert {one.name for one in answers if one.status == 501} == NOT_OFFERED


def test_what_is_refused_is_refused_for_a_reason(answers: list[Told]) -> None:
    """Only what the recording itself leaves out is missing: its artifacts, logs and objects."""
    refused = {(one.name, one.code) for one in answers if 400 <= one.status < 500}
    assert refused == REFUSED


def test_answers_have_what_the_clients_need(answers: list[Told]) -> None:
    """Whatever succeeded tells the members without which its client fails."""
    told = {one.name for one in answers if one.status < 300}
    assert told >= NEEDED.keys()
    for one in answers:
        if one.status < 300:
            missing = NEEDED.get(one.name, set()) - one.parsed.keys()
            assert not missing, f"{one.name} lacks {missing}"
