"""Training jobs at SageMaker's door: CreateTrainingJob, Describe-, List- and StopTrainingJob."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from bakehouse import clock
from bakehouse.faults import Conflict
from bakehouse.registry import Tags
from bakehouse.services.sagemaker.listing import Row, page
from bakehouse.services.sagemaker.refusals import check_training_request
from bakehouse.services.sagemaker.shapes import moments
from bakehouse.services.sagemaker.tags import first_tags
from bakehouse.services.sagemaker.waiting import Pending, Waiting
from bakehouse.training import Channel, Job, Order, TrainingJobs
from bakehouse.training.measures import Definition
from bakehouse.wire.types import Answer, AwsError, Call, Operation, Params

_DAY_S = 86_400
_FOREIGN_FILTERS = frozenset(("TrainingPlanArnEquals", "WarmPoolStatusEquals"))
"""Filters of ListTrainingJobs that no job here meets: there are no plans and no warm pools."""
_VOLUME_GB = 30
_ECHOED = (
    "RoleArn",
    "HyperParameters",
    "InputDataConfig",
    "ResourceConfig",
    "VpcConfig",
    "CheckpointConfig",
    "TuningJobArn",
    "DebugHookConfig",
    "ExperimentConfig",
    "ProfilerConfig",
    "ProfilerRuleConfigurations",
    "Environment",
)
"""What DescribeTrainingJob says as CreateTrainingJob was told."""


def operations(jobs: TrainingJobs, waiting: Waiting, tags: Tags) -> dict[str, Operation]:
    """The operations of training jobs, by name."""

    async def create_training_job(call: Call, params: Params) -> Params:
        check_training_request(params)
        order = order_from_request(params)
        arn = jobs.arn(order.name)
        await jobs.create(order, first_tags(tags, arn, params))
        return {"TrainingJobArn": arn}

    async def describe_training_job(call: Call, params: Params) -> Params | Answer:
        job = jobs.describe(params["TrainingJobName"])
        return job_as_told(jobs, job) if job.is_over else waiting.answer(call, _pending(jobs, job))

    async def list_training_jobs(call: Call, params: Params) -> Params:
        return await asyncio.to_thread(_list, jobs, params)  # there may be thousands

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


def _pending(jobs: TrainingJobs, job: Job) -> Pending:
    """A job's end as something to wait for."""
    name = job.name
    return Pending(
        f"training-job/{name}",
        (clock.epoch_ms() - job.created_ms) / 1000,
        tell=lambda: job_as_told(jobs, jobs.describe(name)),
        over=partial(jobs.settled, name),
        news=partial(jobs.news, name),
        changed=partial(jobs.changed, name),
    )


def job_as_told(jobs: TrainingJobs, job: Job) -> Params:
    """DescribeTrainingJob's answer."""
    return job_to_response(job, jobs.arn(job.name), jobs.algorithm(job.order.image).metrics)


def order_from_request(params: Params) -> Order:
    """What a CreateTrainingJob request asks for."""
    resources, stopping = params["ResourceConfig"], params.get("StoppingCondition", {})
    return Order(
        name=params["TrainingJobName"],
        image=params["AlgorithmSpecification"]["TrainingImage"],
        hyperparameters=params.get("HyperParameters", {}),
        channels=tuple(_channel(params, given) for given in params.get("InputDataConfig", [])),
        output_uri=params["OutputDataConfig"]["S3OutputPath"],
        instance_type=resources["InstanceType"],
        volume_bytes=(resources.get("VolumeSizeInGB") or _VOLUME_GB) * 1024**3,
        max_runtime_s=stopping.get("MaxRuntimeInSeconds", _DAY_S),
        environment=params.get("Environment", {}),
        given=params,
        instances=resources["InstanceCount"],
        checkpoint_uri=params.get("CheckpointConfig", {}).get("S3Uri"),
    )


def _channel(params: Params, given: Params) -> Channel:
    """One of the request's inputs."""
    source = given["DataSource"]["S3DataSource"]
    mode = given.get("InputMode") or params["AlgorithmSpecification"]["TrainingInputMode"]
    return Channel(
        name=given["ChannelName"],
        uri=source["S3Uri"],
        content_type=given.get("ContentType"),
        data_type=source["S3DataType"],
        sharded=source.get("S3DataDistributionType") == "ShardedByS3Key",
        attributes=tuple(source.get("AttributeNames", ())),
        input_mode=mode,
        record_wrapper=given.get("RecordWrapperType") or "None",
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
        moments({"StartTime": part.started_ms, "EndTime": part.ended_ms})
        | {"Status": part.status, "StatusMessage": part.message}
        for part in job.transitions
    ]
    times = moments(
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
            {"MetricName": one.name, "Value": one.value, **moments({"Timestamp": one.at_ms})}
            for one in job.metrics
        ]
    return outcome


def _list(jobs: TrainingJobs, params: Params) -> Params:
    rows = [_row(job, jobs.arn(job.name)) for job in jobs.jobs()]
    if _FOREIGN_FILTERS.intersection(params):
        rows = []
    return page(params, "TrainingJobSummaries", rows, order="Ascending")


def _row(job: Job, arn: str) -> Row:
    """A job as ListTrainingJobs filters, sorts and shows it."""
    show = partial(job_to_summary, job, arn)
    return Row(job.name, job.created_ms, show, job.modified_ms, job.status)


def job_to_summary(job: Job, arn: str) -> Params:
    """A job as ListTrainingJobs shows it."""
    return {
        "TrainingJobName": job.name,
        "TrainingJobArn": arn,
        "TrainingJobStatus": job.status,
        "SecondaryStatus": job.secondary_status,
        **moments(
            {
                "CreationTime": job.created_ms,
                "LastModifiedTime": job.modified_ms,
                "TrainingEndTime": job.ended_ms,
            }
        ),
    }
