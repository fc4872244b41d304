"""The policies that AWS keeps for everybody, as far as they are known here.

What they allow is told roughly, by whole services. Others can be attached too; they are taken to
allow everything, because nothing here says what they do not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

_ARN = re.compile(r"arn:aws[a-z-]*:iam::aws:policy((?:/[\w+=,.@-]+)*/)([\w+=,.@-]{1,128})", re.A)
FULL_ACCESS = "arn:aws:iam::aws:policy/AdministratorAccess"
SAGEMAKER = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
_READS = ("Get*", "List*", "Describe*", "BatchGet*", "Search*", "Query*")

_ALLOWED: dict[str, tuple[str, ...]] = {
    "/AdministratorAccess": ("*",),
    "/AmazonS3FullAccess": ("s3:*", "s3-object-lambda:*"),
    "/AmazonS3ReadOnlyAccess": ("s3:Get*", "s3:List*", "s3:Describe*"),
    "/AmazonSageMakerFullAccess": (
        "sagemaker:*",
        "s3:*",
        "logs:*",
        "cloudwatch:*",
        "ecr:*",
        "iam:GetRole",
        "iam:ListRoles",
        "iam:PassRole",
        "lambda:InvokeFunction",
        "lambda:ListFunctions",
        "states:*",
    ),
    "/AmazonSageMakerReadOnly": tuple(f"sagemaker:{verb}" for verb in _READS),
    "/AWSLambda_FullAccess": ("lambda:*", "logs:*", "cloudwatch:*", "iam:PassRole", "states:*"),
    "/AWSLambda_ReadOnlyAccess": ("lambda:Get*", "lambda:List*", "logs:Describe*"),
    "/AWSStepFunctionsFullAccess": ("states:*",),
    "/CloudWatchFullAccess": ("cloudwatch:*", "logs:*"),
    "/CloudWatchLogsFullAccess": ("logs:*", "cloudwatch:GenerateQuery"),
    "/CloudWatchReadOnlyAccess": ("cloudwatch:Get*", "cloudwatch:List*", "logs:Get*", "logs:List*"),
    "/IAMFullAccess": ("iam:*",),
    "/IAMReadOnlyAccess": ("iam:Get*", "iam:List*", "iam:Simulate*"),
    "/service-role/AWSLambdaBasicExecutionRole": (
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    ),
    "/service-role/AWSLambdaRole": ("lambda:InvokeFunction",),
}
CREATED = "2015-02-06T18:40:58+00:00"


def is_managed(arn: str) -> bool:
    """Whether an ARN is of a policy that AWS keeps."""
    return _ARN.fullmatch(arn) is not None


def path_and_name(arn: str) -> tuple[str, str]:
    """``/service-role/`` and ``AWSLambdaRole``."""
    found = _ARN.fullmatch(arn)
    if found is None:
        raise ValueError(arn)
    return found[1], found[2]


def known() -> Iterator[str]:
    """The ARNs of those that are known here."""
    return (f"arn:aws:iam::aws:policy{name}" for name in sorted(_ALLOWED))


def document_of(arn: str) -> str:
    """The policy document behind an ARN."""
    actions = _ALLOWED.get("".join(path_and_name(arn)), ("*",))
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
