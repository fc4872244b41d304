"""AWS Security Token Service: who am I.

The caller is an assumed role, never a user: ``sagemaker.get_execution_role()`` takes the role's
name out of the ARN and asks IAM for it.
"""

from __future__ import annotations

from bakehouse.faults import Rejected
from bakehouse.wire.types import AwsError, Call, Params, Service

_SESSION = "SageMaker"
_ROLE_ID = "AROAXXXXXXXXXXXXXXXXX"


def service(role_name: str) -> Service:
    """The door of STS, whose callers all play the role of the given name."""

    async def get_caller_identity(call: Call, params: Params) -> Params:
        return {
            "UserId": f"{_ROLE_ID}:{_SESSION}",
            "Account": call.account_id,
            "Arn": f"arn:aws:sts::{call.account_id}:assumed-role/{role_name}/{_SESSION}",
        }

    return Service(
        name="sts",
        signing_name="sts",
        operations={"GetCallerIdentity": get_caller_identity},
        aws_error=aws_error,
        invalid_code="ValidationError",
    )


def aws_error(fault: Rejected) -> AwsError:
    """A rejection in STS's words."""
    return AwsError("ValidationError", fault.message)
