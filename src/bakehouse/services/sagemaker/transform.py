"""Batch transform at SageMaker's door: Create-, Describe-, List- and StopTransformJob."""

from __future__ import annotations

import asyncio
import os
from functools import partial

from bakehouse import clock
from bakehouse.faults import Conflict, InvalidInput
from bakehouse.hosting import Hosting
from bakehouse.registry import Tags
from bakehouse.services.sagemaker.listing import Row, page
from bakehouse.services.sagemaker.refusals import Rule, check_rules
from bakehouse.services.sagemaker.shapes import moments
from bakehouse.services.sagemaker.tags import first_tags
from bakehouse.services.sagemaker.waiting import Pending, Waiting
from bakehouse.transform import Order, TransformJob, TransformJobs
from bakehouse.wire.types import Answer, AwsError, Call, Operation, Params

_MEGABYTE = 1 << 20
_PAYLOAD_MB = 6
_MOST_MB = 100
"""Of all requests at the same time together."""
_MOST_INSTANCES = 20
_ABSENT = "nothing: bakehouse does not do this yet"
_RULES = (
    Rule("TransformInput.DataSource.S3DataSource.S3DataType", ("S3Prefix", "ManifestFile"),
         "one of S3Prefix, ManifestFile"),
    Rule("TransformInput.SplitType", (None, "None", "Line"), "one of None, Line"),
    Rule("TransformOutput.KmsKeyId", (None, ""), _ABSENT),
    Rule("TransformResources.InstanceCount", tuple(range(1, _MOST_INSTANCES + 1)),
         f"1 to {_MOST_INSTANCES}"),
    Rule("DataProcessing.InputFilter", (None, "$"), "$"),
    Rule("DataProcessing.OutputFilter", (None, "$"), "$"),
    Rule("DataProcessing.JoinSource", (None, "None"), "None"),
    Rule("DataCaptureConfig", (None,), _ABSENT),
)  # fmt: skip
_ECHOED = (
    "ModelName",
    "MaxConcurrentTransforms",
    "MaxPayloadInMB",
    "BatchStrategy",
    "ModelClientConfig",
    "Environment",
    "TransformInput",
    "TransformOutput",
    "TransformResources",
    "DataProcessing",
    "ExperimentConfig",
)
"""What DescribeTransformJob says as CreateTransformJob was told."""


def operations(
    jobs: TransformJobs, models: Hosting, waiting: Waiting, tags: Tags
) -> dict[str, Operation]:
    """The operations of transform jobs, by name."""

    async def create_transform_job(call: Call, params: Params) -> Params:
        check_rules(params, _RULES)
        models.models.find(params["ModelName"])
        order = order_from_request(params)
        arn = jobs.arn(order.name)
        await jobs.create(order, first_tags(tags, arn, params))
        return {"TransformJobArn": arn}

    async def describe_transform_job(call: Call, params: Params) -> Params | Answer:
        job = jobs.describe(params["TransformJobName"])
        if job.is_over:
            return job_to_response(job, jobs.arn(job.name))
        return waiting.answer(call, _pending(jobs, job))

    async def list_transform_jobs(call: Call, params: Params) -> Params:
        return await asyncio.to_thread(_list, jobs, params)  # there may be thousands

    async def stop_transform_job(call: Call, params: Params) -> Params:
        try:
            await jobs.stop_job(params["TransformJobName"])
        except Conflict as conflict:
            text = (
                f"The request was rejected because the transform job is in status {conflict.state}."
            )
            raise AwsError("ValidationException", text) from conflict
        return {}

    return {
        "CreateTransformJob": create_transform_job,
        "DescribeTransformJob": describe_transform_job,
        "ListTransformJobs": list_transform_jobs,
        "StopTransformJob": stop_transform_job,
    }


def order_from_request(params: Params) -> Order:
    """What a CreateTransformJob request asks for.

    Raises:
        InvalidInput: the requests at the same time may be too large together.
    """
    source, output = params["TransformInput"], params["TransformOutput"]
    megabytes = params.get("MaxPayloadInMB") or _PAYLOAD_MB
    given = params.get("MaxConcurrentTransforms") or 0
    concurrent = given or max(1, min(os.cpu_count() or 1, _MOST_MB // megabytes))
    if concurrent * megabytes > _MOST_MB:
        raise InvalidInput(
            "MaxConcurrentTransforms",
            concurrent,
            f"at most {_MOST_MB} MB for all of them, by MaxPayloadInMB {megabytes}",
        )
    return Order(
        name=params["TransformJobName"],
        model_name=params["ModelName"],
        input_uri=source["DataSource"]["S3DataSource"]["S3Uri"],
        data_type=source["DataSource"]["S3DataSource"]["S3DataType"],
        content_type=source.get("ContentType"),
        split=source.get("SplitType") or "None",
        compressed=source.get("CompressionType") == "Gzip",
        output_uri=output["S3OutputPath"],
        accept=output.get("Accept"),
        assemble=output.get("AssembleWith") or "None",
        together=params.get("BatchStrategy") != "SingleRecord",
        payload_bytes=megabytes * _MEGABYTE,
        concurrent=concurrent,
        instances=params["TransformResources"]["InstanceCount"],
        given=params,
    )


def job_to_response(job: TransformJob, arn: str) -> Params:
    """A job as DescribeTransformJob shows it."""
    given = job.order.given
    told = {
        "TransformJobName": job.name,
        "TransformJobArn": arn,
        "TransformJobStatus": job.status,
        **{name: given[name] for name in _ECHOED if name in given},
        **moments(
            {
                "CreationTime": job.created_ms,
                "TransformStartTime": job.started_ms,
                "TransformEndTime": job.ended_ms,
            }
        ),
    }
    return told if job.failure is None else told | {"FailureReason": job.failure}


def _pending(jobs: TransformJobs, job: TransformJob) -> Pending:
    """A job's end as something to wait for."""
    name = job.name
    return Pending(
        f"transform-job/{name}",
        (clock.epoch_ms() - job.created_ms) / 1000,
        tell=lambda: job_to_response(jobs.describe(name), jobs.arn(name)),
        over=partial(jobs.settled, name),
        news=partial(jobs.news, name),
        changed=partial(jobs.changed, name),
    )


def _list(jobs: TransformJobs, params: Params) -> Params:
    return page(params, "TransformJobSummaries", [_row(jobs, job) for job in jobs.jobs()])


def _row(jobs: TransformJobs, job: TransformJob) -> Row:
    """A job as ListTransformJobs filters, sorts and shows it."""
    show = partial(_summary, job, jobs.arn(job.name))
    return Row(job.name, job.created_ms, show, job.modified_ms, job.status)


def _summary(job: TransformJob, arn: str) -> Params:
    told: Params = {
        "TransformJobName": job.name,
        "TransformJobArn": arn,
        "TransformJobStatus": job.status,
        **moments(
            {
                "CreationTime": job.created_ms,
                "TransformEndTime": job.ended_ms,
                "LastModifiedTime": job.modified_ms,
            }
        ),
    }
    return told if job.failure is None else told | {"FailureReason": job.failure}
