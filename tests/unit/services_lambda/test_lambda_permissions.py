"""Policies, tags, and what tools ask of every function, through boto3."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bakehouse.functions.definition import from_document, to_document
from bakehouse.functions.functions import Functions
from bakehouse.services import lambda_
from bakehouse.storage.memory import MemoryRecords
from support.doors import client, served
from support.functions_parts import ROLE, archive_of, draft

ARN = "arn:aws:lambda:us-east-1:123456789012:function:f"
S3_MAY = {
    "StatementId": "s3",
    "Action": "lambda:InvokeFunction",
    "Principal": "s3.amazonaws.com",
    "SourceArn": "arn:aws:s3:::oven",
    "SourceAccount": "123456789012",
}


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client of a door without functions."""
    kept = Functions(
        MemoryRecords(),
        tmp_path_factory.mktemp("house") / "functions",
        append_log=lambda group, stream, events: pytest.fail("nothing runs"),
        read_object=lambda bucket, key: b"",
        environment=dict,
        account_id="123456789012",
        region="us-east-1",
    )
    with served([lambda_.service(kept)], [kept]) as url:
        yield client("lambda", url)


@pytest.fixture
def functions(asking: Any) -> Iterator[Any]:
    """A client of a door with one function, ``f``."""
    asking.create_function(
        FunctionName="f",
        Runtime="python3.11",
        Role=ROLE,
        Handler="app.handler",
        Code={"ZipFile": archive_of(app="def handler(event, context): return event")},
        Tags={"team": "scones"},
    )
    yield asking
    asking.delete_function(FunctionName="f")


def refused(call: Any, **params: Any) -> tuple[str, int, str]:
    """The code, the status and the text of an error."""
    with pytest.raises(ClientError) as error:
        call(**params)
    told = error.value.response
    return (
        told["Error"]["Code"],
        told["ResponseMetadata"]["HTTPStatusCode"],
        told["Error"]["Message"],
    )


def test_a_statement_is_kept_and_told(functions: Any) -> None:
    """What lets S3 invoke a function is a statement of its policy, as AWS writes it."""
    added = functions.add_permission(FunctionName="f", **S3_MAY)
    assert added["ResponseMetadata"]["HTTPStatusCode"] == 201
    statement = {
        "Sid": "s3",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": ARN,
        "Condition": {
            "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::oven"},
            "StringEquals": {"AWS:SourceAccount": "123456789012"},
        },
    }
    assert json.loads(added["Statement"]) == statement
    told = functions.get_policy(FunctionName=ARN)
    policy = {"Version": "2012-10-17", "Id": "default", "Statement": [statement]}
    assert json.loads(told["Policy"]) == policy
    functions.update_function_configuration(FunctionName="f", Timeout=9)
    assert functions.get_policy(FunctionName="f")["Policy"] == told["Policy"]
    functions.remove_permission(FunctionName="f", StatementId="s3")
    assert refused(functions.get_policy, FunctionName="f") == (
        "ResourceNotFoundException",
        404,
        "The resource you requested does not exist.",
    )


@pytest.mark.parametrize(
    ("spoken", "principal"),
    [
        ("*", "*"),
        ("210987654321", {"AWS": "arn:aws:iam::210987654321:root"}),
        (ROLE, {"AWS": ROLE}),
        ("events.amazonaws.com", {"Service": "events.amazonaws.com"}),
    ],
)
def test_principals(functions: Any, spoken: str, principal: Any) -> None:
    """Everybody, an account, a role or a service."""
    wanted = {"StatementId": "a", "Action": "lambda:InvokeFunction", "Principal": spoken}
    added = functions.add_permission(FunctionName="f", **wanted)
    told = json.loads(added["Statement"])
    assert told["Principal"] == principal
    assert "Condition" not in told


def test_permissions_that_are_refused(functions: Any) -> None:
    """Twice the same, for nobody, of an older policy, for $LATEST, or without a function."""
    functions.add_permission(FunctionName="f", **S3_MAY)
    add = functions.add_permission
    code, status, text = refused(add, FunctionName="f", **S3_MAY)
    assert (code, status) == ("ResourceConflictException", 409)
    assert text.startswith("The statement id (s3) provided already exists.")
    code, status, _ = refused(add, FunctionName="f", **{**S3_MAY, "Principal": "nobody"})
    assert (code, status) == ("InvalidParameterValueException", 400)
    other = {**S3_MAY, "StatementId": "b"}
    code, status, _ = refused(add, FunctionName="f", RevisionId="old", **other)
    assert (code, status) == ("PreconditionFailedException", 412)
    code, status, _ = refused(add, FunctionName="f", Qualifier="$LATEST", **other)
    assert (code, status) == ("InvalidParameterValueException", 400)
    code, status, _ = refused(add, FunctionName="g", **other)
    assert (code, status) == ("ResourceNotFoundException", 404)
    code, status, text = refused(functions.remove_permission, FunctionName="f", StatementId="never")
    assert (code, status) == ("ResourceNotFoundException", 404)
    assert text == "Statement never is not found in resource policy."
    revision = functions.get_policy(FunctionName="f")["RevisionId"]
    add(FunctionName="f", RevisionId=revision, **other)


def test_a_policy_has_20_kb_at_most(functions: Any) -> None:
    """The statement that is too many is refused, and those before it stay."""
    wide = {**S3_MAY, "SourceArn": f"arn:aws:s3:::{'b' * 9000}"}
    for name in ("a", "b"):
        functions.add_permission(FunctionName="f", **{**wide, "StatementId": name})
    code, status, text = refused(
        functions.add_permission, FunctionName="f", **{**wide, "StatementId": "c"}
    )
    assert (code, status) == ("PolicyLengthExceededException", 400)
    assert text.endswith("is bigger than the limit (20480).")
    told = json.loads(functions.get_policy(FunctionName="f")["Policy"])
    assert [one["Sid"] for one in told["Statement"]] == ["a", "b"]


def test_tags(functions: Any) -> None:
    """Given with the function, added, replaced and removed; GetFunction tells them too."""
    assert functions.list_tags(Resource=ARN)["Tags"] == {"team": "scones"}
    functions.tag_resource(Resource=ARN, Tags={"team": "bread", "größe": "3 kg"})
    functions.untag_resource(Resource=ARN, TagKeys=["team", "never there"])
    assert functions.list_tags(Resource=ARN)["Tags"] == {"größe": "3 kg"}
    assert functions.get_function(FunctionName="f")["Tags"] == {"größe": "3 kg"}
    functions.untag_resource(Resource=ARN, TagKeys=["größe"])
    assert functions.list_tags(Resource=ARN)["Tags"] == {}


def test_tags_that_are_refused(functions: Any) -> None:
    """AWS's own, wrong signs, more than 50, a version's, and those of no function."""
    tag = functions.tag_resource
    for wrong, expected in (
        ({"aws:team": ""}, "InvalidParameterValueException"),
        ({"a*": ""}, "ValidationException"),
        ({"a": "{}"}, "ValidationException"),
    ):
        code, status, _ = refused(tag, Resource=ARN, Tags=wrong)
        assert (code, status) == (expected, 400)
    many = {f"k{i}": "" for i in range(50)}
    code, status, _ = refused(tag, Resource=ARN, Tags=many)
    assert (code, status) == ("InvalidParameterValueException", 400)
    code, _, _ = refused(tag, Resource=f"{ARN}:$LATEST", Tags={"a": "b"})
    assert code == "InvalidParameterValueException"
    code, _, _ = refused(functions.list_tags, Resource=f"{ARN}g")
    assert code == "ResourceNotFoundException"
    assert functions.list_tags(Resource=ARN)["Tags"] == {"team": "scones"}


def test_what_a_function_has_not_is_told_as_absent(functions: Any) -> None:
    """The reads that tools make of every function find nothing, and are no errors."""
    name = {"FunctionName": "f"}

    def told(operation: str, **params: Any) -> dict[str, Any]:
        answer: dict[str, Any] = getattr(functions, operation)(**params)
        answer.pop("ResponseMetadata")
        return answer

    assert told("get_function_concurrency", **name) == {}
    assert told("get_function_code_signing_config", **name) == {"FunctionName": "f"}
    assert told("list_aliases", **name) == {"Aliases": []}
    assert told("list_event_source_mappings", **name) == {"EventSourceMappings": []}
    assert told("list_function_event_invoke_configs", **name)["FunctionEventInvokeConfigs"] == []
    assert told("list_function_url_configs", **name) == {"FunctionUrlConfigs": []}
    configs = told("list_provisioned_concurrency_configs", **name)
    assert configs == {"ProvisionedConcurrencyConfigs": []}
    management = told("get_runtime_management_config", **name)
    assert management == {"UpdateRuntimeOn": "Auto", "FunctionArn": ARN}
    (version,) = told("list_versions_by_function", **name)["Versions"]
    assert (version["Version"], version["FunctionArn"]) == ("$LATEST", f"{ARN}:$LATEST")
    for absent in (functions.get_function_event_invoke_config, functions.get_function_url_config):
        assert refused(absent, **name)[:2] == ("ResourceNotFoundException", 404)
    assert refused(functions.list_aliases, FunctionName="g")[:2] == (
        "ResourceNotFoundException",
        404,
    )


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("publish_version", {}),
        ("create_alias", {"Name": "live", "FunctionVersion": "1"}),
        ("put_function_concurrency", {"ReservedConcurrentExecutions": 1}),
        ("create_function_url_config", {"AuthType": "NONE"}),
    ],
)
def test_what_is_not_built_is_refused_by_name(
    functions: Any, operation: str, params: dict[str, Any]
) -> None:
    """What would make one of these is a 501 that says so."""
    code, status, text = refused(getattr(functions, operation), FunctionName="f", **params)
    assert (code, status) == ("NotImplemented", 501)
    assert "bakehouse does not run lambda" in text


def test_a_function_from_before_policies_opens() -> None:
    """A stored function without a policy is one with an empty policy."""
    stored = to_document(draft())
    del stored["policy"]
    assert from_document(stored).policy == ()
