"""Hyperparameter tuning at SageMaker's door."""

from __future__ import annotations

import asyncio
from functools import partial

from bakehouse import clock
from bakehouse.faults import Conflict, InvalidInput
from bakehouse.registry import Tags
from bakehouse.services.sagemaker.listing import Row, page
from bakehouse.services.sagemaker.refusals import check_training_request
from bakehouse.services.sagemaker.tags import first_tags
from bakehouse.services.sagemaker.tuning_shapes import (
    job_to_response,
    job_to_summary,
    order_from_request,
    trial_to_summary,
)
from bakehouse.services.sagemaker.waiting import Pending, Waiting
from bakehouse.training import TrainingJobs
from bakehouse.tuning import Order, Trial, TuningJob, TuningJobs
from bakehouse.wire.types import Answer, AwsError, Call, Operation, Params

_NAME = "HyperParameterTuningJobName"


def operations(
    jobs: TuningJobs, training: TrainingJobs, waiting: Waiting, tags: Tags
) -> dict[str, Operation]:
    """The operations of tuning jobs, by name."""

    async def create_tuning_job(call: Call, params: Params) -> Params:
        arn = jobs.arn(params[_NAME])
        order = order_from_request(params, arn)
        _check_trials(order, training)
        await jobs.create(order, first_tags(tags, arn, params))
        return {"HyperParameterTuningJobArn": arn}

    async def describe_tuning_job(call: Call, params: Params) -> Params | Answer:
        job = jobs.describe(params[_NAME])
        if job.is_over:
            return _told(jobs, training, job.name)
        return waiting.answer(call, _pending(jobs, training, job))

    async def list_tuning_jobs(call: Call, params: Params) -> Params:
        return await asyncio.to_thread(_list, jobs, params)

    async def list_trials(call: Call, params: Params) -> Params:
        job = jobs.describe(params[_NAME])
        return _list_trials(job, jobs.trials(job.name), training, params)

    async def stop_tuning_job(call: Call, params: Params) -> Params:
        try:
            await jobs.stop_job(params[_NAME])
        except Conflict as conflict:
            text = f"The request was rejected because the tuning job is {conflict.state}."
            raise AwsError("ValidationException", text) from conflict
        return {}

    async def delete_tuning_job(call: Call, params: Params) -> Params:
        await jobs.delete(params[_NAME])
        return {}

    return {
        "CreateHyperParameterTuningJob": create_tuning_job,
        "DescribeHyperParameterTuningJob": describe_tuning_job,
        "ListHyperParameterTuningJobs": list_tuning_jobs,
        "ListTrainingJobsForHyperParameterTuningJob": list_trials,
        "StopHyperParameterTuningJob": stop_tuning_job,
        "DeleteHyperParameterTuningJob": delete_tuning_job,
    }


def _check_trials(order: Order, training: TrainingJobs) -> None:
    """Refuse now what every trial would be refused for.

    Raises:
        InvalidInput: a definition asks for what is not carried out, or its objective is no metric
            of the algorithm.
        NotFound: its image is of no algorithm that there is here.
    """
    for definition in order.definitions:
        check_training_request(definition.request)
        algorithm = training.algorithm(
            definition.request["AlgorithmSpecification"]["TrainingImage"]
        )
        metrics = [one.name for one in algorithm.metrics]
        if definition.metric not in metrics:
            raise InvalidInput(
                "HyperParameterTuningJobObjective.MetricName",
                definition.metric,
                f"one of the algorithm's metrics: {', '.join(metrics)}",
            )


def _told(jobs: TuningJobs, training: TrainingJobs, name: str) -> Params:
    job = jobs.describe(name)
    parents = [
        trial
        for parent in job.order.parents
        if jobs.exists(parent)
        for trial in jobs.trials(parent)
    ]
    return job_to_response(job, jobs.trials(name), parents, jobs.arn(name), training.arn)


def _pending(jobs: TuningJobs, training: TrainingJobs, job: TuningJob) -> Pending:
    """A job's end as something to wait for."""
    name = job.name
    return Pending(
        f"tuning-job/{name}",
        (clock.epoch_ms() - job.created_ms) / 1000,
        tell=lambda: _told(jobs, training, name),
        over=partial(jobs.settled, name),
        news=partial(jobs.news, name),
        changed=partial(jobs.changed, name),
    )


def _list(jobs: TuningJobs, params: Params) -> Params:
    rows = [_row(jobs, job) for job in jobs.jobs()]
    return page(params, "HyperParameterTuningJobSummaries", rows)


def _row(jobs: TuningJobs, job: TuningJob) -> Row:
    """A job as ListHyperParameterTuningJobs filters, sorts and shows it."""

    def show() -> Params:
        return job_to_summary(job, jobs.trials(job.name), jobs.arn(job.name))

    return Row(job.name, job.created_ms, show, job.modified_ms, job.status)


def _list_trials(
    job: TuningJob, trials: list[Trial], training: TrainingJobs, params: Params
) -> Params:
    """The trials of a job, by number unless something else is asked for."""
    by_objective = params.get("SortBy") == "FinalObjectiveMetricValue"
    judged = [trial for trial in trials if not by_objective or trial.objective is not None]
    # What is sorted by the objective has it in the place of the time.
    rows = [
        Row(
            trial.name,
            trial.objective if by_objective and trial.objective is not None else trial.number,
            partial(trial_to_summary, job, trial, training.arn),
            status=trial.status,
        )
        for trial in judged
    ]
    return page(params, "TrainingJobSummaries", rows, order="Ascending")
