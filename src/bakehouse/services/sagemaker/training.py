"""Training jobs at SageMaker's door: CreateTrainingJob, Describe-, List- and StopTrainingJob."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bakehouse import clock
from bakehouse.faults import Conflict
from bakehouse.services.sagemaker.refusals import check_training_request
from bakehouse.training import Channel, Job, Order, TrainingJobs
from bakehouse.training.measures import Definition
from bakehouse.wire.types import AwsError, Call, Operation, Params

_DAY_S = 86_400
_VOLUME_GB = 30
_ECHOED = (
    "RoleArn",
    "HyperParameters",
    "InputDataConfig",
    "ResourceConfig",
    "VpcConfig",
    "DebugHookConfig",
    "ExperimentConfig",
    "ProfilerConfig",
    "ProfilerRuleConfigurations",
    "Environment",
)
"""What DescribeTrainingJob says as CreateTrainingJob was told."""


def operations(jobs: TrainingJobs) -> dict[str, Operation]:
    """The operations of training jobs, by name."""

    async def create_training_job(call: Call, params: Params) -> Params:
        check_training_request(params)
        job = await jobs.create(order_from_request(params))
        return {"TrainingJobArn": jobs.arn(job.name)}

    async def describe_training_job(call: Call, params: Params) -> Params:
        job = jobs.describe(params["TrainingJobName"])
        metrics = jobs.algorithm(job.order.image).metrics
        return job_to_response(job, jobs.arn(job.name), metrics)

    async def list_training_jobs(call: Call, params: Params) -> Params:
        return _list(jobs, params)

    async def stop_training_job(call: Call, params: Params) -> Params:
        try:
            await jobs.stop_job(params["TrainingJobName"])
        except Conflict as conflict:
            text = (
                f"The request was rejected because the training job is in status {conflict.state}."
            )
            raise AwsError("ValidationException", text) from conflict
        return {}

    return {
        "CreateTrainingJob": create_training_job,
        "DescribeTrainingJob": describe_training_job,
        "ListTrainingJobs": list_training_jobs,
        "StopTrainingJob": stop_training_job,
    }


def order_from_request(params: Params) -> Order:
    """What a CreateTrainingJob request asks for."""
    resources, stopping = params["ResourceConfig"], params.get("StoppingCondition", {})
    return Order(
        name=params["TrainingJobName"],
        image=params["AlgorithmSpecification"]["TrainingImage"],
        hyperparameters=params.get("HyperParameters", {}),
        channels=tuple(
            Channel(
                given["ChannelName"],
                given["DataSource"]["S3DataSource"]["S3Uri"],
                given.get("ContentType"),
            )
            for given in params.get("InputDataConfig", [])
        ),
        output_uri=params["OutputDataConfig"]["S3OutputPath"],
        instance_type=resources["InstanceType"],
        volume_bytes=(resources.get("VolumeSizeInGB") or _VOLUME_GB) * 1024**3,
        max_runtime_s=stopping.get("MaxRuntimeInSeconds", _DAY_S),
        environment=params.get("Environment", {}),
        given=params,
    )


def job_to_response(job: Job, arn: str, metrics: Sequence[Definition]) -> Params:
    """A job as DescribeTrainingJob shows it."""
    given = job.order.given
    algorithm = given["AlgorithmSpecification"] | {
        "MetricDefinitions": [{"Name": one.name, "Regex": one.regex} for one in metrics],
        "EnableSageMakerMetricsTimeSeries": False,
    }
    output = {"KmsKeyId": "", "CompressionType": "GZIP"} | given["OutputDataConfig"]
    return {
        "TrainingJobName": job.name,
        "TrainingJobArn": arn,
        "TrainingJobStatus": job.status,
        "SecondaryStatus": job.secondary_status,
        "AlgorithmSpecification": algorithm,
        **{name: given[name] for name in _ECHOED if given.get(name)},
        "OutputDataConfig": output,
        "StoppingCondition": {"MaxRuntimeInSeconds": job.order.max_runtime_s},
        "EnableNetworkIsolation": given.get("EnableNetworkIsolation", False),
        "EnableInterContainerTrafficEncryption": given.get(
            "EnableInterContainerTrafficEncryption", False
        ),
        "EnableManagedSpotTraining": False,
        **_times(job),
        **_outcome(job),
    }


def _times(job: Job) -> Params:
    transitions = [
        _moments({"StartTime": part.started_ms, "EndTime": part.ended_ms})
        | {"Status": part.status, "StatusMessage": part.message}
        for part in job.transitions
    ]
    times = _moments(
        {
            "CreationTime": job.created_ms,
            "LastModifiedTime": job.modified_ms,
            "TrainingStartTime": job.started_ms,
            "TrainingEndTime": job.ended_ms,
        }
    )
    return {**times, "SecondaryStatusTransitions": transitions}


def _outcome(job: Job) -> Params:
    """What there is to be told of a job that ended."""
    outcome: Params = {}
    if job.started_ms is not None and job.ended_ms is not None:
        seconds = max(1, round((job.ended_ms - job.started_ms) / 1000))
        outcome |= {"TrainingTimeInSeconds": seconds, "BillableTimeInSeconds": seconds}
    if job.artifact_uri is not None:
        outcome["ModelArtifacts"] = {"S3ModelArtifacts": job.artifact_uri}
    if job.failure is not None:
        outcome["FailureReason"] = job.failure
    if job.metrics:
        outcome["FinalMetricDataList"] = [
            {"MetricName": one.name, "Value": one.value, **_moments({"Timestamp": one.at_ms})}
            for one in job.metrics
        ]
    return outcome


def _moments(milliseconds: Mapping[str, int | None]) -> Params:
    """The times that are known, as AWS's timestamps."""
    return {
        name: clock.from_epoch_ms(value)
        for name, value in milliseconds.items()
        if value is not None
    }


def _list(jobs: TrainingJobs, params: Params) -> Params:
    found = [job for job in jobs.jobs() if _matches(job, params)]
    field = {"Name": "name", "Status": "status"}.get(params.get("SortBy", ""), "created_ms")
    found.sort(key=lambda job: (getattr(job, field), job.name))
    if params.get("SortOrder") == "Descending":
        found.reverse()
    limit, start = params.get("MaxResults", 10), _position(found, params.get("NextToken"))
    page = found[start : start + limit]
    more = {"NextToken": page[-1].name} if len(found) > start + limit else {}
    summaries = [job_to_summary(job, jobs.arn(job.name)) for job in page]
    return {"TrainingJobSummaries": summaries, **more}


def _matches(job: Job, params: Params) -> bool:
    created, modified = clock.from_epoch_ms(job.created_ms), clock.from_epoch_ms(job.modified_ms)
    return (
        params.get("NameContains", "").lower() in job.name.lower()
        and params.get("StatusEquals") in (None, job.status)
        and ("CreationTimeAfter" not in params or created > params["CreationTimeAfter"])
        and ("CreationTimeBefore" not in params or created < params["CreationTimeBefore"])
        and ("LastModifiedTimeAfter" not in params or modified > params["LastModifiedTimeAfter"])
        and ("LastModifiedTimeBefore" not in params or modified < params["LastModifiedTimeBefore"])
    )


def _position(found: list[Job], token: str | None) -> int:
    """The place behind the job that the token names."""
    if token is None:
        return 0
    names = [job.name for job in found]
    if token not in names:
        raise AwsError("ValidationException", "The NextToken is not one of this listing.")
    return names.index(token) + 1


def job_to_summary(job: Job, arn: str) -> Params:
    """A job as ListTrainingJobs shows it."""
    return {
        "TrainingJobName": job.name,
        "TrainingJobArn": arn,
        "TrainingJobStatus": job.status,
        "SecondaryStatus": job.secondary_status,
        **_moments(
            {
                "CreationTime": job.created_ms,
                "LastModifiedTime": job.modified_ms,
                "TrainingEndTime": job.ended_ms,
            }
        ),
    }
