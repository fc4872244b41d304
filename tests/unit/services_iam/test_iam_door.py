"""IAM through a real boto3."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bakehouse.services import iam
from bakehouse.storage.memory import MemoryRecords
from bakehouse.storage.records import Insert, commit
from support.doors import client, served

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)
READS = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::b/*"}],
    }
)
SAGEMAKER = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
RECORDS = MemoryRecords()


@pytest.fixture(scope="module", name="api")
def _api() -> Iterator[Any]:
    """A client of one IAM for all tests of this file."""
    with served([iam.service(RECORDS)]) as url:
        api = client("iam", url)
        yield api
        api.close()


def made(api: Any, name: str, **more: Any) -> str:
    """The ARN of a new role."""
    role = api.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST, **more)["Role"]
    return str(role["Arn"])


def refusal(call: Any, **params: Any) -> tuple[str, str]:
    """Code and text of the error with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_role_is_told_back(api: Any) -> None:
    """Its trust policy comes out as it went in; what it does not have is not there."""
    arn = made(api, "told", Path="/a/", Description="d", Tags=[{"Key": "k", "Value": "v"}])
    role = api.get_role(RoleName="told")["Role"]
    assert arn == role["Arn"] == "arn:aws:iam::123456789012:role/a/told"
    assert role["AssumeRolePolicyDocument"] == json.loads(TRUST)
    assert role["Tags"] == [{"Key": "k", "Value": "v"}]
    assert {"Inline", "Attached", "PermissionsBoundary"}.isdisjoint(role)
    code, text = refusal(api.create_role, RoleName="told", AssumeRolePolicyDocument=TRUST)
    assert (code, text) == ("EntityAlreadyExists", "Role with name told already exists.")


def test_what_is_not_there_is_named(api: Any) -> None:
    """Each kind in IAM's sentence for it."""
    arn = "arn:aws:iam::123456789012:policy/none"
    assert refusal(api.get_role, RoleName="none") == (
        "NoSuchEntity",
        "The role with name none cannot be found.",
    )
    assert refusal(api.get_policy, PolicyArn=arn) == (
        "NoSuchEntity",
        f"Policy {arn} was not found.",
    )
    made(api, "lonely")
    assert refusal(api.get_role_policy, RoleName="lonely", PolicyName="none") == (
        "NoSuchEntity",
        "The role policy with name none cannot be found.",
    )
    assert refusal(api.attach_role_policy, RoleName="lonely", PolicyArn=arn) == (
        "NoSuchEntity",
        f"Policy {arn} does not exist or is not attachable.",
    )
    assert refusal(api.detach_role_policy, RoleName="lonely", PolicyArn=arn)[0] == "NoSuchEntity"
    assert refusal(api.get_user, UserName="ada") == (
        "NoSuchEntity",
        "The user with name ada cannot be found.",
    )
    assert refusal(api.get_user)[0] == "ValidationError"


def test_roles_are_listed_in_pages(api: Any) -> None:
    """A marker names the last one, and so outlives the server."""
    for number in range(5):
        made(api, f"page-{number}", Path="/pages/")
    first = api.list_roles(PathPrefix="/pages/", MaxItems=2)
    assert first["IsTruncated"]
    pages = api.get_paginator("list_roles").paginate(
        PathPrefix="/pages/", PaginationConfig={"PageSize": 2}
    )
    names = [role["RoleName"] for page in pages for role in page["Roles"]]
    assert names == [f"page-{number}" for number in range(5)]
    assert refusal(api.list_roles, Marker="%%%")[0] == "ValidationError"


def test_a_role_with_policies_is_not_removed(api: Any) -> None:
    """They must go first: those attached to it, and those inside it."""
    made(api, "held")
    api.attach_role_policy(RoleName="held", PolicyArn=SAGEMAKER)
    api.put_role_policy(RoleName="held", PolicyName="in", PolicyDocument=READS)
    assert refusal(api.delete_role, RoleName="held") == (
        "DeleteConflict",
        "Cannot delete entity, must detach all policies first.",
    )
    api.detach_role_policy(RoleName="held", PolicyArn=SAGEMAKER)
    assert refusal(api.delete_role, RoleName="held") == (
        "DeleteConflict",
        "Cannot delete entity, must delete policies first.",
    )
    api.delete_role_policy(RoleName="held", PolicyName="in")
    api.delete_role(RoleName="held")
    assert refusal(api.get_role, RoleName="held")[0] == "NoSuchEntity"


def test_the_trust_policy_can_be_replaced(api: Any) -> None:
    """And only by one."""
    made(api, "trusted")
    other = TRUST.replace("lambda", "states")
    api.update_assume_role_policy(RoleName="trusted", PolicyDocument=other)
    role = api.get_role(RoleName="trusted")["Role"]
    assert role["AssumeRolePolicyDocument"] == json.loads(other)
    code, _ = refusal(api.update_assume_role_policy, RoleName="trusted", PolicyDocument=READS)
    assert code == "MalformedPolicyDocument"


def test_tags_are_kept_by_their_key(api: Any) -> None:
    """A second value replaces the first; more than fifty are refused."""
    made(api, "tagged")
    api.tag_role(RoleName="tagged", Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    api.tag_role(RoleName="tagged", Tags=[{"Key": "a", "Value": "3"}])
    api.untag_role(RoleName="tagged", TagKeys=["b"])
    assert api.list_role_tags(RoleName="tagged")["Tags"] == [{"Key": "a", "Value": "3"}]
    many = [{"Key": f"k{number}", "Value": ""} for number in range(50)]
    assert refusal(api.tag_role, RoleName="tagged", Tags=many)[0] == "LimitExceeded"
    assert len(api.list_role_tags(RoleName="tagged")["Tags"]) == 1


def test_changes_at_the_same_time_are_all_kept(api: Any) -> None:
    """Nobody's policy is lost under another's."""
    made(api, "busy")
    names = [f"p{number}" for number in range(16)]
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda name: api.put_role_policy(
                    RoleName="busy", PolicyName=name, PolicyDocument=READS
                ),
                names,
            )
        )
    assert api.list_role_policies(RoleName="busy")["PolicyNames"] == sorted(names)


def test_a_policy_is_made_attached_and_removed(api: Any) -> None:
    """Its version tells the document, and its count how often it is attached."""
    made(api, "user-of-it")
    arn = api.create_policy(PolicyName="reads", PolicyDocument=READS, Path="/p/")["Policy"]["Arn"]
    assert arn == "arn:aws:iam::123456789012:policy/p/reads"
    code, _ = refusal(api.create_policy, PolicyName="reads", PolicyDocument=READS, Path="/p/")
    assert code == "EntityAlreadyExists"
    api.attach_role_policy(RoleName="user-of-it", PolicyArn=arn)
    api.attach_role_policy(RoleName="user-of-it", PolicyArn=arn)
    assert api.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    version = api.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]
    assert version["Document"] == json.loads(READS)
    assert refusal(api.get_policy_version, PolicyArn=arn, VersionId="v2")[0] == "NoSuchEntity"
    assert refusal(api.delete_policy, PolicyArn=arn)[0] == "DeleteConflict"
    found = api.list_attached_role_policies(RoleName="user-of-it")["AttachedPolicies"]
    assert found == [{"PolicyName": "reads", "PolicyArn": arn}]
    listed = partial(api.list_policies, Scope="Local", PathPrefix="/p/")
    assert [policy["Arn"] for policy in listed()["Policies"]] == [arn]
    api.detach_role_policy(RoleName="user-of-it", PolicyArn=arn)
    api.delete_policy(PolicyArn=arn)
    assert listed()["Policies"] == []


def test_policies_that_aws_keeps_are_there(api: Any) -> None:
    """They can be told, attached and not removed."""
    assert api.get_policy(PolicyArn=SAGEMAKER)["Policy"]["PolicyName"] == SAGEMAKER.split("/")[1]
    listed = [policy["Arn"] for policy in api.list_policies(Scope="AWS")["Policies"]]
    assert SAGEMAKER in listed
    assert refusal(api.delete_policy, PolicyArn=SAGEMAKER)[0] == "AccessDenied"


def simulated(api: Any, role: str, *actions: str, **more: Any) -> list[str]:
    """What the simulator decides for each action."""
    arn = f"arn:aws:iam::123456789012:role/{role}"
    answer = api.simulate_principal_policy(PolicySourceArn=arn, ActionNames=list(actions), **more)
    return [result["EvalDecision"] for result in answer["EvaluationResults"]]


def test_the_simulator_reads_what_is_attached_and_what_is_inside(api: Any) -> None:
    """Both allow, either denies, and the policy that decided is named."""
    made(api, "simulated")
    assert simulated(api, "simulated", "s3:GetObject") == ["implicitDeny"]
    api.put_role_policy(RoleName="simulated", PolicyName="reads", PolicyDocument=READS)
    api.attach_role_policy(RoleName="simulated", PolicyArn=SAGEMAKER)
    here = ["arn:aws:s3:::b/k"]
    actions = ("sagemaker:CreateTrainingJob", "s3:GetObject", "iam:CreateRole")
    assert simulated(api, "simulated", *actions, ResourceArns=here) == [
        "allowed",
        "allowed",
        "implicitDeny",
    ]
    denial = READS.replace("Allow", "Deny")
    arn = api.create_policy(PolicyName="no", PolicyDocument=denial)["Policy"]["Arn"]
    api.attach_role_policy(RoleName="simulated", PolicyArn=arn)
    answer = api.simulate_principal_policy(
        PolicySourceArn="arn:aws:iam::123456789012:role/simulated",
        ActionNames=["s3:GetObject"],
        ResourceArns=here,
    )
    (result,) = answer["EvaluationResults"]
    assert result["EvalDecision"] == "explicitDeny"
    assert [one["SourcePolicyId"] for one in result["MatchedStatements"]] == ["no"]


def test_the_role_of_every_data_folder_may_do_everything(api: Any) -> None:
    """Also in a folder of the first version, whose role has no list of policies."""
    stored = {
        "Path": "/service-role/",
        "RoleName": iam.DEFAULT_ROLE,
        "RoleId": "AROA",
        "Arn": f"arn:aws:iam::123456789012:role/service-role/{iam.DEFAULT_ROLE}",
        "CreateDate": "2026-01-01T00:00:00+00:00",
        "AssumeRolePolicyDocument": TRUST,
        "MaxSessionDuration": 3600,
    }
    commit(RECORDS, Insert("iam/role", iam.DEFAULT_ROLE, stored))
    name = f"service-role/{iam.DEFAULT_ROLE}"
    assert simulated(api, name, "s3:GetObject", "sagemaker:CreateModel") == ["allowed"] * 2
    found = api.list_attached_role_policies(RoleName=iam.DEFAULT_ROLE)["AttachedPolicies"]
    assert SAGEMAKER in [one["PolicyArn"] for one in found]


def test_long_simulations_come_in_pages(api: Any) -> None:
    """Each action on each resource is one result."""
    made(api, "many")
    arns = [f"arn:aws:s3:::b/{number}" for number in range(7)]
    pages = api.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn="arn:aws:iam::123456789012:role/many",
        ActionNames=["s3:GetObject", "s3:PutObject"],
        ResourceArns=arns,
        PolicyInputList=[READS],
        PaginationConfig={"PageSize": 5},
    )
    found = [result for page in pages for result in page["EvaluationResults"]]
    assert [one["EvalResourceName"] for one in found] == arns * 2
    assert [one["EvalDecision"] for one in found] == ["allowed"] * 7 + ["implicitDeny"] * 7


def test_what_would_change_a_simulation_and_is_not_built_is_named(api: Any) -> None:
    """Rather than to leave it out in silence."""
    made(api, "bounded")
    code, text = refusal(
        api.simulate_principal_policy,
        PolicySourceArn="arn:aws:iam::123456789012:role/bounded",
        ActionNames=["s3:GetObject"],
        ResourcePolicy=READS,
    )
    assert code == "NotImplemented"
    assert "ResourcePolicy" in text
