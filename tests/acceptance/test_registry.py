"""The model registry and tags on a real server that is killed."""

from __future__ import annotations

from pathlib import Path

from support.server import ServerProcess

IMAGE = "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1"


def test_what_was_acknowledged_is_there_after_a_kill(tmp_path: Path) -> None:
    """Groups, versions, approvals, tags and the place of a page survive ``kill -9``."""
    server = ServerProcess(tmp_path).start()
    try:
        asking = server.client("sagemaker")
        group = asking.create_model_package_group(
            ModelPackageGroupName="Scones", Tags=[{"Key": "team", "Value": "bakers"}]
        )["ModelPackageGroupArn"]
        specification = {"Containers": [{"Image": IMAGE}]}
        for _ in range(3):
            made = asking.create_model_package(
                ModelPackageGroupName="Scones", InferenceSpecification=specification
            )
        asking.update_model_package(
            ModelPackageArn=made["ModelPackageArn"], ModelApprovalStatus="Approved"
        )
        machine = server.client("stepfunctions").create_state_machine(
            name="m",
            definition='{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}',
            roleArn="arn:aws:iam::123456789012:role/r",
            tags=[{"key": "stage", "value": "test"}],
        )["stateMachineArn"]
        first = asking.list_model_packages(ModelPackageGroupName="Scones", MaxResults=2)
        server.kill()
        server.start()
        asking = server.client("sagemaker")
        assert asking.list_tags(ResourceArn=group)["Tags"] == [{"Key": "team", "Value": "bakers"}]
        (last,) = asking.list_model_packages(
            ModelPackageGroupName="Scones", NextToken=first["NextToken"]
        )["ModelPackageSummaryList"]
        assert (last["ModelPackageVersion"], last["ModelApprovalStatus"]) == (3, "Approved")
        described = asking.describe_model_package_group(ModelPackageGroupName="Scones")
        caller = server.client("sts").get_caller_identity()["Arn"]
        assert described["CreatedBy"]["IamIdentity"]["Arn"] == caller
        states = server.client("stepfunctions")
        told = states.list_tags_for_resource(resourceArn=machine)["tags"]
        assert told == [{"key": "stage", "value": "test"}]
    finally:
        server.end()
