"""Tuning jobs through boto3, over real training jobs that are scripts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.sagemaker_parts import ROLE, Workshop, arn, job_request
from support.training_parts import START

SCRIPT = (
    START
    + """
given = json.loads((root / "input/config/hyperparameters.json").read_text())
rate, epochs = float(given["rate"]), int(given.get("epochs", "1"))
if given.get("kind") == "broken":
    (root / "output/failure").write_text("This kind is broken.")
    os._exit(1)
if "forever" in os.environ["TRAINING_JOB_NAME"]:
    print("begun", flush=True)
    time.sleep(60)
for epoch in range(epochs):
    print(f"Validation-accuracy={(1 - abs(rate - 0.3)) * (epoch + 1) / epochs}", flush=True)
    if epochs > 1:
        time.sleep(0.15)
(root / "model/w").write_text("w")
"""
)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("tuning"), script=SCRIPT)


@pytest.fixture(scope="module")
def sagemaker(workshop: Workshop) -> Iterator[Any]:
    with workshop.open() as asking:
        yield asking


RATE = {"Name": "rate", "MinValue": "0.0", "MaxValue": "1.0", "ScalingType": "Linear"}


def request(name: str, **config: Any) -> dict[str, Any]:
    """Four trials, two at a time, of a rate between 0 and 1."""
    job = job_request("x")
    left_out = ("TrainingJobName", "HyperParameters", "ResourceConfig")
    definition = {k: v for k, v in job.items() if k not in left_out}
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {
                "Type": "Maximize",
                "MetricName": "validation:accuracy",
            },
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": {"ContinuousParameterRanges": [RATE]},
            "RandomSeed": 3,
            **config,
        },
        "TrainingJobDefinition": {
            **definition,
            "StaticHyperParameters": {"layers": "7"},
            "HyperParameterTuningResourceConfig": job["ResourceConfig"],  # as the SDK says it
            "RoleArn": ROLE,
        },
    }


def ended(sagemaker: Any, name: str) -> dict[str, Any]:
    """The description of a tuning job that is over."""
    while True:
        found: dict[str, Any] = sagemaker.describe_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=name
        )
        if found["HyperParameterTuningJobStatus"] in ("Completed", "Failed", "Stopped"):
            return found


def trials(sagemaker: Any, name: str, **more: Any) -> list[dict[str, Any]]:
    pages = sagemaker.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job").paginate(
        HyperParameterTuningJobName=name, PaginationConfig={"PageSize": 3}, **more
    )
    return [one for page in pages for one in page["TrainingJobSummaries"]]


def test_the_best_training_job_is_real(sagemaker: Any) -> None:
    """Four trials run; the best is a training job with its values, objective and ARN."""
    created = sagemaker.create_hyper_parameter_tuning_job(**request("random"))
    assert created["HyperParameterTuningJobArn"] == arn("hyper-parameter-tuning-job/random")
    job = ended(sagemaker, "random")
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["TrainingJobStatusCounters"]["Completed"] == 4
    assert job["ObjectiveStatusCounters"] == {"Succeeded": 4, "Pending": 0, "Failed": 0}
    found = trials(sagemaker, "random")
    assert [one["TrainingJobName"][:10] for one in found] == [f"random-00{i}" for i in range(1, 5)]
    by_objective = trials(
        sagemaker, "random", SortBy="FinalObjectiveMetricValue", SortOrder="Descending"
    )
    assert job["BestTrainingJob"] == by_objective[0]
    best = by_objective[0]
    value = best["FinalHyperParameterTuningJobObjectiveMetric"]
    rate = float(best["TunedHyperParameters"]["rate"])
    assert value["MetricName"] == "validation:accuracy"
    assert value["Value"] == pytest.approx(1 - abs(rate - 0.3), abs=1e-6)
    trained = sagemaker.describe_training_job(TrainingJobName=best["TrainingJobName"])
    assert trained["TrainingJobStatus"] == "Completed"
    assert trained["TuningJobArn"] == created["HyperParameterTuningJobArn"]
    assert trained["HyperParameters"] == {"layers": "7", **best["TunedHyperParameters"]}
    assert trained["TrainingJobArn"] == best["TrainingJobArn"]
    listed = sagemaker.list_hyper_parameter_tuning_jobs(NameContains="random")
    (summary,) = listed["HyperParameterTuningJobSummaries"]
    assert summary["Strategy"] == "Random"


def test_a_target_ends_the_search(sagemaker: Any) -> None:
    """When the objective is reached no further trial begins."""
    limits = {"MaxNumberOfTrainingJobs": 30, "MaxParallelTrainingJobs": 1}
    criteria = {"TargetObjectiveMetricValue": 0.6}
    sagemaker.create_hyper_parameter_tuning_job(
        **request("target", ResourceLimits=limits, TuningJobCompletionCriteria=criteria)
    )
    job = ended(sagemaker, "target")
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    found = trials(sagemaker, "target")
    values = [one["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for one in found]
    assert values[-1] >= 0.6
    assert all(value < 0.6 for value in values[:-1])


def test_hyperband_cuts_poor_trials_short(sagemaker: Any) -> None:
    """Trials get the most epochs, and the poorer ones are stopped at a rung with what they had."""
    limits = {"MaxNumberOfTrainingJobs": 8, "MaxParallelTrainingJobs": 2}
    band = {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 9}}
    sagemaker.create_hyper_parameter_tuning_job(
        **request("band", Strategy="Hyperband", StrategyConfig=band, ResourceLimits=limits)
    )
    job = ended(sagemaker, "band")
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    found = trials(sagemaker, "band")
    stopped = [one for one in found if one["TrainingJobStatus"] == "Stopped"]
    assert 1 <= len(stopped) < 8
    assert all(one["ObjectiveStatus"] == "Succeeded" for one in stopped)
    one = sagemaker.describe_training_job(TrainingJobName=found[0]["TrainingJobName"])
    assert one["HyperParameters"]["epochs"] == "9"


def test_trials_that_all_fail_fail_the_job(sagemaker: Any) -> None:
    """The reason is AWS's sentence, and each trial has its own."""
    wanted = request("broken", ResourceLimits={
        "MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 2,
    })  # fmt: skip
    wanted["TrainingJobDefinition"]["StaticHyperParameters"] = {"kind": "broken"}
    sagemaker.create_hyper_parameter_tuning_job(**wanted)
    job = ended(sagemaker, "broken")
    assert job["HyperParameterTuningJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("All training jobs failed.")
    assert {one["FailureReason"] for one in trials(sagemaker, "broken")} == {
        "ClientError: This kind is broken."
    }
    assert "BestTrainingJob" not in job


def test_stop_ends_the_trials_and_a_job_can_be_deleted(sagemaker: Any) -> None:
    """Stopping leaves nothing running; deleting forgets the job and not its training jobs."""
    sagemaker.create_hyper_parameter_tuning_job(**request("forever"))
    while len(trials(sagemaker, "forever", StatusEquals="InProgress")) < 2:
        pass
    with pytest.raises(ClientError, match="InProgress"):
        sagemaker.delete_hyper_parameter_tuning_job(HyperParameterTuningJobName="forever")
    sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="forever")
    job = ended(sagemaker, "forever")
    assert job["HyperParameterTuningJobStatus"] == "Stopped"
    assert job["TrainingJobStatusCounters"]["InProgress"] == 0
    names = [one["TrainingJobName"] for one in trials(sagemaker, "forever")]
    sagemaker.delete_hyper_parameter_tuning_job(HyperParameterTuningJobName="forever")
    with pytest.raises(ClientError) as missing:
        sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="forever")
    assert missing.value.response["Error"]["Code"] == "ResourceNotFound"
    assert (
        sagemaker.describe_training_job(TrainingJobName=names[0])["TrainingJobStatus"] == "Stopped"
    )


def test_a_warm_start_knows_its_parents_trials(sagemaker: Any) -> None:
    """The best of all is told beside the best of its own."""
    wanted = request("child", Strategy="Bayesian")
    wanted["WarmStartConfig"] = {
        "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "random"}],
        "WarmStartType": "IdenticalDataAndAlgorithm",
    }
    sagemaker.create_hyper_parameter_tuning_job(**wanted)
    job = ended(sagemaker, "child")
    own = job["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
    overall = job["OverallBestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
    assert overall >= own


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ParameterRanges": {}}, "1 to 30 ranges"),
        ({"ParameterRanges": {"ContinuousParameterRanges": [RATE, RATE]}}, "each name once"),
        ({"Strategy": "Grid"}, "categorical ranges only"),
        ({"Strategy": "Hyperband"}, "MaxResource"),
        (
            {"HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "f1"}},
            "one of the algorithm's metrics: validation:accuracy",
        ),
        ({"ResourceLimits": {"MaxParallelTrainingJobs": 101}}, "1 to 100"),
    ],
)
def test_what_no_trial_could_run_is_refused_at_once(
    sagemaker: Any, change: dict[str, Any], message: str
) -> None:
    """The member and what is allowed are in a ValidationException."""
    with pytest.raises(ClientError, match=message) as refused:
        sagemaker.create_hyper_parameter_tuning_job(**request("refused", **change))
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_a_tuning_job_goes_on_after_a_restart(tmp_path: Path) -> None:
    """Trials that were under way run again, and no number is used twice."""
    workshop = Workshop(tmp_path, script=SCRIPT.replace("0.15", "0.4"))
    wanted = request("again")
    wanted["TrainingJobDefinition"]["StaticHyperParameters"] = {"epochs": "3"}
    with workshop.open() as sagemaker:
        sagemaker.create_hyper_parameter_tuning_job(**wanted)
        while not trials(sagemaker, "again", StatusEquals="InProgress"):
            pass
    with workshop.open() as sagemaker:
        job = ended(sagemaker, "again")
        assert job["HyperParameterTuningJobStatus"] == "Completed"
        numbers = [one["TrainingJobName"].split("-")[1] for one in trials(sagemaker, "again")]
        assert numbers == ["001", "002", "003", "004"]
        assert job["TrainingJobStatusCounters"]["Completed"] == 4
