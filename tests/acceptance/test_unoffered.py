"""What is not offered, through boto3: one sentence, and one attempt."""

from __future__ import annotations

from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import boto3
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from support.server import ServerProcess, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with running_server(tmp_path_factory.mktemp("data")) as running:
        yield running


def refused(
    server: ServerProcess, service: str, operation: str, mode: str, params: dict[str, Any]
) -> tuple[int, str, str]:
    """Call something as a user's client does: the attempts, the code and the sentence."""
    environment = server.environment()
    client = boto3.session.Session().client(
        service,
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"mode": mode}, inject_host_prefix=False),
    )
    attempts: list[str] = []
    client.meta.events.register("before-send", lambda **sent: attempts.append(sent["event_name"]))
    with pytest.raises(ClientError) as error:
        getattr(client, operation)(**params)
    client.close()
    told = error.value.response["Error"]
    return len(attempts), told["Code"], told["Message"]


@pytest.mark.parametrize("mode", ["legacy", "standard"])
@pytest.mark.parametrize(
    ("service", "operation", "signing_name"),
    [
        ("dynamodb", "list_tables", "dynamodb"),
        ("ecr", "describe_repositories", "ecr"),
        ("sqs", "list_queues", "sqs"),
        ("cloudformation", "list_stacks", "cloudformation"),
        ("autoscaling", "describe_auto_scaling_groups", "autoscaling"),
        ("apigateway", "get_rest_apis", "apigateway"),
        ("route53", "list_hosted_zones", "route53"),
        ("resourcegroupstaggingapi", "get_resources", "tagging"),
    ],
)
def test_a_service_that_is_not_offered(
    server: ServerProcess, service: str, operation: str, signing_name: str, mode: str
) -> None:
    """Every protocol of AWS gets the sentence in its own form, and nobody tries again."""
    attempts, code, text = refused(server, service, operation, mode, {})
    assert (attempts, code) == (1, "NotImplemented")
    assert text == f"bakehouse does not offer the service {signing_name}."


@pytest.mark.parametrize(
    ("service", "operation", "params", "named"),
    [
        ("sagemaker", "list_experiments", {}, "sagemaker ListExperiments"),
        ("stepfunctions", "list_activities", {}, "stepfunctions ListActivities"),
        ("lambda", "list_layers", {}, "lambda ListLayers"),
        ("iam", "list_groups", {}, "iam ListGroups"),
        ("logs", "describe_destinations", {}, "logs DescribeDestinations"),
        ("cloudwatch", "describe_alarms", {}, "cloudwatch DescribeAlarms"),
        ("sts", "get_federation_token", {"Name": "me"}, "sts GetFederationToken"),
    ],
)
def test_an_operation_that_is_not_built(
    server: ServerProcess, service: str, operation: str, params: dict[str, Any], named: str
) -> None:
    """It is refused by its name, once."""
    attempts, code, text = refused(server, service, operation, "standard", params)
    assert (attempts, code) == (1, "NotImplemented")
    assert text == f"bakehouse does not run {named} yet."


def test_a_service_that_signs_as_another(server: ServerProcess) -> None:
    """What signs as SageMaker and is none of its doors finds no operation of its path."""
    told = refused(
        server,
        "sagemaker-metrics",
        "batch_put_metrics",
        "standard",
        {
            "TrialComponentName": "t",
            "MetricData": [{"MetricName": "m", "Timestamp": 1, "Value": 1.0}],
        },
    )
    assert told[:2] == (1, "UnknownOperationException")
    assert "this method and path" in told[2]


@pytest.mark.parametrize(
    ("signing_name", "method", "path", "headers", "status", "content_type"),
    [
        ("sagemaker", "POST", "/", {"X-Amz-Target": "SageMaker.Bake"}, 400, "amz-json-1.1"),
        ("states", "POST", "/", {"X-Amz-Target": "AWSStepFunctions.Bake"}, 400, "amz-json"),
        ("logs", "POST", "/", {"X-Amz-Target": "Logs_20140328.Bake"}, 400, "amz-json"),
        ("lambda", "GET", "/2015-03-31/ovens", {}, 404, "application/json"),
        ("sts", "POST", "/?Action=Bake&Version=2011-06-15", {}, 400, "text/xml"),
        ("iam", "GET", "/", {}, 400, "text/xml"),
        ("s3", "PATCH", "/oven", {}, 405, "application/xml"),
    ],
)
def test_nobody_is_answered_in_html(
    server: ServerProcess,
    signing_name: str,
    method: str,
    path: str,
    headers: dict[str, str],
    status: int,
    content_type: str,
) -> None:
    """An operation that AWS does not have either is refused in the protocol of its service."""
    environment = server.environment()
    keys = Credentials(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"])
    request = AWSRequest(method, server.endpoint + path, headers=headers, data=b"")
    signer = S3SigV4Auth if signing_name == "s3" else SigV4Auth
    signer(keys, signing_name, "us-east-1").add_auth(request)
    connection = HTTPConnection(server.endpoint.removeprefix("http://"), timeout=20)
    try:
        connection.request(method, path, b"", dict(request.headers))
        answer = connection.getresponse()
        told = answer.read()
    finally:
        connection.close()
    assert answer.status == status
    assert content_type in str(answer.getheader("content-type"))
    assert b"html" not in told.lower()
