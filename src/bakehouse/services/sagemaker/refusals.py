"""What CreateTrainingJob asks for on AWS and gets a plain refusal for here.

Nothing that changes what a job does is left out silently. What only concerns networks, debuggers
and reports beside the job (``VpcConfig``, ``DebugHookConfig``, ``ProfilerConfig`` and its rules) is
kept and shown again, because the SDK sends it by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bakehouse.faults import InvalidInput
from bakehouse.wire.types import AwsError, Params


@dataclass(frozen=True, slots=True)
class Rule:
    """A member of a request, the values that are carried out, and how to say so."""

    path: str
    allowed: tuple[Any, ...]
    sentence: str


_ONE_MACHINE = "1: a job trains on one machine today"
_ABSENT = "nothing: bakehouse does not do this yet"
_FILES = "File or FastFile: bakehouse does not stream channels yet"
_PLAIN = "None: bakehouse does not unpack or wrap channels yet"

_JOB_RULES = (
    Rule("AlgorithmSpecification.AlgorithmName", (None,), _ABSENT),
    Rule("AlgorithmSpecification.TrainingInputMode", ("File", "FastFile"), _FILES),
    Rule("AlgorithmSpecification.ContainerEntrypoint", (None, []), _ABSENT),
    Rule("AlgorithmSpecification.ContainerArguments", (None, []), _ABSENT),
    Rule("OutputDataConfig.CompressionType", (None, "GZIP"), "GZIP"),
    Rule("OutputDataConfig.KmsKeyId", (None, ""), _ABSENT),
    Rule("ResourceConfig.InstanceCount", (1,), _ONE_MACHINE),
    Rule("ResourceConfig.InstanceGroups", (None, []), _ONE_MACHINE),
    Rule("EnableManagedSpotTraining", (None, False), "false: there is no spot market here"),
    Rule("StoppingCondition.MaxWaitTimeInSeconds", (None,), "nothing without spot training"),
    Rule("CheckpointConfig", (None,), _ABSENT),
    Rule("RetryStrategy", (None,), _ABSENT),
    Rule("DebugRuleConfigurations", (None, []), _ABSENT),
    Rule("TensorBoardOutputConfig", (None,), _ABSENT),
    Rule("RemoteDebugConfig.EnableRemoteDebug", (None, False), "false"),
    Rule("ServerlessJobConfig", (None,), _ABSENT),
    Rule("MlflowConfig", (None,), _ABSENT),
    Rule("ModelPackageConfig", (None,), _ABSENT),
)
_CHANNEL_RULES = (
    Rule("DataSource.FileSystemDataSource", (None,), _ABSENT),
    Rule("DataSource.DatasetSource", (None,), _ABSENT),
    Rule("DataSource.S3DataSource.S3DataType", ("S3Prefix",), "S3Prefix"),
    Rule("DataSource.S3DataSource.AttributeNames", (None, []), _ABSENT),
    Rule("DataSource.S3DataSource.InstanceGroupNames", (None, []), _ABSENT),
    Rule("InputMode", (None, "File", "FastFile"), _FILES),
    Rule("CompressionType", (None, "None"), _PLAIN),
    Rule("RecordWrapperType", (None, "None"), _PLAIN),
    Rule("ShuffleConfig", (None,), _ABSENT),
)
_NEEDED = (
    "AlgorithmSpecification.TrainingImage",
    "ResourceConfig.InstanceType",
)


def check_training_request(params: Params) -> None:
    """Refuse what a job would need and this server does not have.

    Raises:
        InvalidInput: names the member, its value and what is carried out.
        AwsError: where AWS refuses the same in words of its own.
    """
    for path, value, rule in _met(params):
        if value not in rule.allowed:
            raise InvalidInput(path, value, rule.sentence)
    for path in _NEEDED:
        if not _value(params, path):
            raise InvalidInput(path, None, "a value")
    if params["AlgorithmSpecification"].get("MetricDefinitions"):
        text = (
            "You can't override the metric definitions for Amazon SageMaker algorithms. Please "
            "retry the request without specifying metric definitions."
        )
        raise AwsError("ValidationException", text)


def _met(params: Params) -> Iterator[tuple[str, Any, Rule]]:
    """Every rule with the path and the value that it meets."""
    for rule in _JOB_RULES:
        yield rule.path, _value(params, rule.path), rule
    for index, channel in enumerate(params.get("InputDataConfig", [])):
        for rule in _CHANNEL_RULES:
            yield f"InputDataConfig[{index}].{rule.path}", _value(channel, rule.path), rule


def _value(params: Params, path: str) -> Any:
    """The member at a dotted path; None if it, or what should hold it, is absent."""
    value: Any = params
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
