"""What CreateTrainingJob asks for on AWS and gets a plain refusal for here.

Nothing that changes what a job does is left out silently. What only concerns networks, debuggers
and reports beside the job (``VpcConfig``, ``DebugHookConfig``, ``ProfilerConfig`` and its rules) is
kept and shown again, because the SDK sends it by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
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


MOST_INSTANCES = 20
"""SageMaker's own quota of instances for a training job."""
CHECKPOINTS = "/opt/ml/checkpoints"
_COUNT = f"1 to {MOST_INSTANCES}"
_ABSENT = "nothing: bakehouse does not do this yet"
_MODES = ("File", "FastFile", "Pipe")
_FILES = "File, FastFile or Pipe; all three are carried out as files"
_PLAIN = "None: bakehouse does not unpack channels yet"
_SOURCES = ("S3Prefix", "ManifestFile", "AugmentedManifestFile")

_JOB_RULES = (
    Rule("AlgorithmSpecification.AlgorithmName", (None,), _ABSENT),
    Rule("AlgorithmSpecification.TrainingInputMode", _MODES, _FILES),
    Rule("AlgorithmSpecification.ContainerEntrypoint", (None, []), _ABSENT),
    Rule("AlgorithmSpecification.ContainerArguments", (None, []), _ABSENT),
    Rule("OutputDataConfig.CompressionType", (None, "GZIP"), "GZIP"),
    Rule("OutputDataConfig.KmsKeyId", (None, ""), _ABSENT),
    Rule("ResourceConfig.InstanceCount", tuple(range(1, MOST_INSTANCES + 1)), _COUNT),
    Rule("ResourceConfig.InstanceGroups", (None, []), _ABSENT),
    Rule("EnableManagedSpotTraining", (None, False), "false: there is no spot market here"),
    Rule("StoppingCondition.MaxWaitTimeInSeconds", (None,), "nothing without spot training"),
    Rule("CheckpointConfig.LocalPath", (None, CHECKPOINTS), CHECKPOINTS),
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
    Rule("DataSource.S3DataSource.S3DataType", _SOURCES, f"one of {', '.join(_SOURCES)}"),
    Rule("DataSource.S3DataSource.InstanceGroupNames", (None, []), _ABSENT),
    Rule("InputMode", (None, *_MODES), _FILES),
    Rule("CompressionType", (None, "None"), _PLAIN),
    Rule("RecordWrapperType", (None, "None", "RecordIO"), "None or RecordIO"),
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
    check_rules(params, _JOB_RULES)
    for index, channel in enumerate(params.get("InputDataConfig", [])):
        check_rules(channel, _CHANNEL_RULES, f"InputDataConfig[{index}].")
    for path in _NEEDED:
        if not _value(params, path):
            raise InvalidInput(path, None, "a value")
    if params["AlgorithmSpecification"].get("MetricDefinitions"):
        text = (
            "You can't override the metric definitions for Amazon SageMaker algorithms. Please "
            "retry the request without specifying metric definitions."
        )
        raise AwsError("ValidationException", text)


def check_rules(params: Params, rules: Sequence[Rule], path: str = "") -> None:
    """Refuse a value that is not carried out; ``path`` stands before the members' in the message.

    Raises:
        InvalidInput: names the member, its value and what is carried out.
    """
    for rule in rules:
        if (value := _value(params, rule.path)) not in rule.allowed:
            raise InvalidInput(f"{path}{rule.path}", value, rule.sentence)


def _value(params: Params, path: str) -> Any:
    """The member at a dotted path; None if it, or what should hold it, is absent."""
    value: Any = params
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
