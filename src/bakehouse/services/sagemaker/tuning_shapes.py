"""A tuning job between SageMaker's words and ours."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

from bakehouse.faults import InvalidInput
from bakehouse.services.sagemaker.refusals import Rule, check_rules
from bakehouse.services.sagemaker.shapes import moments
from bakehouse.tuning import Definition, Order, Trial, TuningJob
from bakehouse.tuning.job import best_of
from bakehouse.tuning.ranges import Kind, Range, number_range
from bakehouse.wire.types import Params

CONFIG = "HyperParameterTuningJobConfig"
MOST_JOBS, MOST_PARALLEL, MOST_RANGES = 750, 100, 30
_JOBS = 10
"""Trials, where the request does not say."""
_RESOURCE = "epochs"
"""The hyperparameter by which Hyperband gives a trial more or less to do."""
_ABSENT = "nothing: bakehouse does not do this yet"
_RULES = (
    Rule("Autotune", (None,), _ABSENT),
    Rule(f"{CONFIG}.ParameterRanges.AutoParameters", (None, []), _ABSENT),
    Rule(f"{CONFIG}.TuningJobCompletionCriteria.ConvergenceDetected", (None,), _ABSENT),
)
_DEFINITION_RULES = (
    Rule("HyperParameterTuningResourceConfig.InstanceConfigs", (None, []), _ABSENT),
    Rule("HyperParameterTuningResourceConfig.AllocationStrategy", (None,), _ABSENT),
    Rule("HyperParameterTuningResourceConfig.VolumeKmsKeyId", (None, ""), _ABSENT),
    Rule("HyperParameterRanges.AutoParameters", (None, []), _ABSENT),
    Rule("AlgorithmSpecification.AlgorithmName", (None,), _ABSENT),
)
_OF_A_TRIAL = (
    "RoleArn",
    "AlgorithmSpecification",
    "InputDataConfig",
    "VpcConfig",
    "OutputDataConfig",
    "ResourceConfig",
    "StoppingCondition",
    "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining",
    "CheckpointConfig",
    "RetryStrategy",
    "Environment",
)
"""What a definition says that CreateTrainingJob takes by the same name."""
_RESOURCES = ("InstanceType", "InstanceCount", "VolumeSizeInGB", "VolumeKmsKeyId")
_ECHOED = (
    CONFIG,
    "TrainingJobDefinition",
    "TrainingJobDefinitions",
    "WarmStartConfig",
)


def order_from_request(params: Params, arn: str) -> Order:
    """What a CreateHyperParameterTuningJob request asks for.

    Args:
        params: the request.
        arn: of the tuning job, which its trials name.

    Raises:
        InvalidInput: a member is missing, out of its range, or not carried out here.
    """
    check_rules(params, _RULES)
    config, limits = params[CONFIG], params[CONFIG]["ResourceLimits"]
    criteria = config.get("TuningJobCompletionCriteria", {})
    name, strategy = params["HyperParameterTuningJobName"], config["Strategy"]
    stale = criteria.get("BestObjectiveNotImproving", {})
    seed = config.get("RandomSeed")
    parents = params.get("WarmStartConfig", {}).get("ParentHyperParameterTuningJobs", [])
    return Order(
        name=name,
        strategy=strategy,
        definitions=_definitions(params, arn),
        most_jobs=_limit(limits, "MaxNumberOfTrainingJobs", MOST_JOBS, _JOBS),
        most_parallel=_limit(limits, "MaxParallelTrainingJobs", MOST_PARALLEL, 1),
        max_runtime_s=limits.get("MaxRuntimeInSeconds"),
        early_stopping=config.get("TrainingJobEarlyStoppingType") == "Auto",
        seed=zlib.crc32(name.encode()) if seed is None else seed,
        target=criteria.get("TargetObjectiveMetricValue"),
        patience=stale.get("MaxNumberOfTrainingJobsNotImproving"),
        resource=_resource(config) if strategy == "Hyperband" else None,
        parents=tuple(parent["HyperParameterTuningJobName"] for parent in parents),
        given=params,
    )


def _limit(limits: Params, name: str, most: int, default: int) -> int:
    value = limits.get(name)
    if value is None:
        return default
    if not 1 <= value <= most:
        raise InvalidInput(f"{CONFIG}.ResourceLimits.{name}", value, f"1 to {most}")
    return int(value)


def _resource(config: Params) -> tuple[str, int, int]:
    given = config.get("StrategyConfig", {}).get("HyperbandStrategyConfig", {})
    least, most = given.get("MinResource", 1), given.get("MaxResource")
    path = f"{CONFIG}.StrategyConfig.HyperbandStrategyConfig"
    if most is None:
        raise InvalidInput(f"{path}.MaxResource", None, f"the most {_RESOURCE} of a training job")
    if not 1 <= least < most:
        raise InvalidInput(f"{path}.MinResource", least, f"1 to less than MaxResource, {most}")
    return _RESOURCE, least, most


def _definitions(params: Params, arn: str) -> tuple[Definition, ...]:
    one, several = params.get("TrainingJobDefinition"), params.get("TrainingJobDefinitions", [])
    if (one is None) == (not several):
        raise InvalidInput(
            "TrainingJobDefinition", one, "either this or TrainingJobDefinitions, and not both"
        )
    config = params[CONFIG]
    if one is not None:
        return (_definition(one, "TrainingJobDefinition", config, config, arn),)
    return tuple(
        _definition(given, f"TrainingJobDefinitions[{index}]", config, given, arn)
        for index, given in enumerate(several)
    )


def _definition(given: Params, path: str, config: Params, owner: Params, arn: str) -> Definition:
    """A definition, whose ranges and objective are its own or the whole job's (``owner``)."""
    check_rules(given, _DEFINITION_RULES, f"{path}.")
    objective = owner.get("TuningObjective") or owner.get("HyperParameterTuningJobObjective")
    objective = objective or config.get("HyperParameterTuningJobObjective")
    if objective is None:
        raise InvalidInput(f"{path}.TuningObjective", None, "a metric and Maximize or Minimize")
    ranges = _ranges(owner.get("HyperParameterRanges") or config.get("ParameterRanges") or {})
    static = given.get("StaticHyperParameters", {})
    if both := sorted(static.keys() & {one.name for one in ranges}):
        raise InvalidInput(
            f"{path}.StaticHyperParameters", both[0], "names that no range has: it is tuned"
        )
    if config["Strategy"] == "Grid" and any(one.kind != "categorical" for one in ranges):
        raise InvalidInput(f"{CONFIG}.Strategy", "Grid", "categorical ranges only, for a grid")
    if config["Strategy"] == "Hyperband" and any(one.name == _RESOURCE for one in ranges):
        raise InvalidInput("ParameterRanges", _RESOURCE, "others: Hyperband itself chooses it")
    # The SDK sends the second of these, whose members are the first's.
    resources = given.get("ResourceConfig") or given.get("HyperParameterTuningResourceConfig")
    if not resources or "InstanceCount" not in resources:
        raise InvalidInput(f"{path}.ResourceConfig", resources, "InstanceType and InstanceCount")
    request = {name: given[name] for name in _OF_A_TRIAL if name in given}
    request["ResourceConfig"] = {k: resources[k] for k in _RESOURCES if k in resources}
    return Definition(
        name=given.get("DefinitionName"),
        metric=objective["MetricName"],
        maximize=objective["Type"] == "Maximize",
        ranges=ranges,
        static=static,
        request=request | {"TuningJobArn": arn},
    )


def _ranges(given: Params) -> tuple[Range, ...]:
    members: tuple[tuple[Kind, str], ...] = (
        ("integer", "IntegerParameterRanges"),
        ("continuous", "ContinuousParameterRanges"),
    )
    found = [
        number_range(
            kind, one["Name"], one["MinValue"], one["MaxValue"], one.get("ScalingType", "Auto")
        )
        for kind, member in members
        for one in given.get(member, [])
    ]
    found += [
        Range(one["Name"], "categorical", values=tuple(one["Values"]))
        for one in given.get("CategoricalParameterRanges", [])
    ]
    names = [one.name for one in found]
    if not 1 <= len(names) <= MOST_RANGES:
        raise InvalidInput("ParameterRanges", len(names), f"1 to {MOST_RANGES} ranges")
    if twice := [name for name in names if names.count(name) > 1]:
        raise InvalidInput("ParameterRanges", twice[0], "each name once")
    return tuple(found)


def job_to_response(
    job: TuningJob, trials: Sequence[Trial], parents: Sequence[Trial], arn: str, trial_arn: Any
) -> Params:
    """A job as DescribeHyperParameterTuningJob shows it.

    Args:
        job: it.
        trials: its trials.
        parents: those of the jobs that it was warm-started from.
        arn: its ARN.
        trial_arn: from a training job's name to its ARN.
    """
    told = {
        "HyperParameterTuningJobName": job.name,
        "HyperParameterTuningJobArn": arn,
        "HyperParameterTuningJobStatus": job.status,
        **{name: job.order.given[name] for name in _ECHOED if name in job.order.given},
        **counters(trials),
        **_times(job),
    }
    if job.failure is not None:
        told["FailureReason"] = job.failure
    if (best := best_of(job.order, trials)) is not None:
        told["BestTrainingJob"] = trial_to_summary(job, best, trial_arn)
    if parents and (best := best_of(job.order, [*parents, *trials])) is not None:
        told["OverallBestTrainingJob"] = trial_to_summary(job, best, trial_arn)
    runtime_ms = sum(
        trial.ended_ms - trial.started_ms
        for trial in trials
        if trial.started_ms is not None and trial.ended_ms is not None
    )
    return told | {"ConsumedResources": {"RuntimeInSeconds": runtime_ms // 1000}}


def job_to_summary(job: TuningJob, trials: Sequence[Trial], arn: str) -> Params:
    """A job as ListHyperParameterTuningJobs shows it."""
    config = job.order.given[CONFIG]
    return {
        "HyperParameterTuningJobName": job.name,
        "HyperParameterTuningJobArn": arn,
        "HyperParameterTuningJobStatus": job.status,
        "Strategy": config["Strategy"],
        "ResourceLimits": config["ResourceLimits"],
        **counters(trials),
        **_times(job),
    }


def _times(job: TuningJob) -> Params:
    return moments(
        {
            "CreationTime": job.created_ms,
            "HyperParameterTuningEndTime": job.ended_ms,
            "LastModifiedTime": job.modified_ms,
        }
    )


def counters(trials: Sequence[Trial]) -> Params:
    """How many trials there are of each status, and of how many the objective is known."""
    statuses = [trial.status for trial in trials]
    objectives = [objective_status(trial) for trial in trials]
    return {
        "TrainingJobStatusCounters": {
            "Completed": statuses.count("Completed"),
            "InProgress": statuses.count("InProgress") + statuses.count("Stopping"),
            "RetryableError": 0,
            "NonRetryableError": statuses.count("Failed"),
            "Stopped": statuses.count("Stopped"),
        },
        "ObjectiveStatusCounters": {
            status: objectives.count(status) for status in ("Succeeded", "Pending", "Failed")
        },
    }


def objective_status(trial: Trial) -> str:
    """Whether a trial's objective is known."""
    if not trial.is_over:
        return "Pending"
    return "Failed" if trial.objective is None or trial.status == "Failed" else "Succeeded"


def trial_to_summary(job: TuningJob, trial: Trial, trial_arn: Any) -> Params:
    """A trial as ListTrainingJobsForHyperParameterTuningJob shows it."""
    definition = job.order.definitions[trial.definition]
    told: Params = {
        "TrainingJobName": trial.name,
        "TrainingJobArn": trial_arn(trial.name),
        "TrainingJobStatus": trial.status,
        "TunedHyperParameters": trial.values,
        "ObjectiveStatus": objective_status(trial),
        **moments(
            {
                "CreationTime": trial.created_ms,
                "TrainingStartTime": trial.started_ms,
                "TrainingEndTime": trial.ended_ms,
            }
        ),
    }
    if definition.name is not None:
        told["TrainingJobDefinitionName"] = definition.name
    if trial.failure is not None:
        told["FailureReason"] = trial.failure
    if trial.objective is not None:
        told["FinalHyperParameterTuningJobObjectiveMetric"] = {
            "Type": "Maximize" if definition.maximize else "Minimize",
            "MetricName": definition.metric,
            "Value": trial.objective,
        }
    return told
