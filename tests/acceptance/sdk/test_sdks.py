"""SageMaker's own Python SDKs, unmodified, each in an environment of its own, under ``exec``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bakehouse.datasets.drawn import draw_vehicles
from bakehouse.datasets.folders import write_folder
from support.client_environments import NotToBeHad, python_of
from support.drawn_archive import drawn_archive

HERE = Path(__file__).parent
TEST_IMAGES = 50
EPOCHS = "16"
LEAST_ACCURACY = 0.75
"""Of two classes; what is drawn reaches .96 here, and photographs .93."""


@dataclass(frozen=True)
class Ran:
    """A script that ran to its end: everything that it printed, what it found, its folder."""

    output: str
    outcome: dict[str, Any]
    folder: Path


def run(script: str, environment: str, folder: Path, *words: str) -> Ran:
    """Run a user's script under ``bakehouse exec``, with a server and a data folder of its own."""
    try:
        python = python_of(environment)
    except NotToBeHad as reason:
        pytest.skip(str(reason))
    surroundings = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        "BAKEHOUSE_PORT": "0",
        "MPLCONFIGDIR": str(folder / "matplotlib"),
    }
    exec_words = [sys.executable, "-m", "bakehouse", "exec", "--data", str(folder / "data"), "--"]
    done = subprocess.run(
        [*exec_words, "python", str(HERE / script), *words],
        cwd=folder,
        env=surroundings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    outcome = json.loads((folder / "outcome.json").read_text())
    return Ran(done.stdout, outcome, folder)


def drawn_pictures(folder: Path) -> tuple[str, str]:
    """What a script of the whole workflow is told: an archive, and the passes over it."""
    pictures = drawn_archive(folder / "cifar-100-python.tar.gz", train=100, test=TEST_IMAGES // 2)
    return str(pictures), EPOCHS


# One run is one test: tests of a module may be shared out among processes.


@pytest.mark.timeout(600)
def test_the_notebook_runs_unmodified(tmp_path: Path) -> None:
    """Every step of it does with version 2 of the SDK what it does on AWS."""
    ran = run("notebook_v2.py", "sagemaker-2.257.7", tmp_path, *drawn_pictures(tmp_path))
    it_trains_a_model(ran)
    it_deploys_and_predicts(ran)
    it_finds_what_was_captured(ran)
    it_changes_and_deletes_endpoints(ran)
    assert ran.outcome["fit_adds_s"] < 3
    assert ran.outcome["deploy_adds_s"] < 2


def it_trains_a_model(ran: Ran) -> None:
    """Session, role, lists, fit and its log, the artifact, metrics and attach are as on AWS."""
    told, account = ran.outcome, "123456789012"
    assert (told["bucket"], told["account"]) == (f"sagemaker-us-east-1-{account}", account)
    assert told["role"].startswith(f"arn:aws:iam::{account}:role/")
    assert told["model_data"].endswith(f"/models/image_model/{told['job']}/output/model.tar.gz")
    assert told["attached"][0] == told["model_data"]
    assert told["attached"][1]["image_shape"] == "3,32,32"
    assert max(told["metrics"]["validation:accuracy"]) >= LEAST_ACCURACY
    assert "Epoch[0] Validation-accuracy=" in ran.output
    assert "Training job completed" in ran.output
    assert "Billable seconds:" in ran.output


def it_deploys_and_predicts(ran: Ran) -> None:
    """The endpoint answers with a list of two probabilities, and better than by chance."""
    told = ran.outcome
    assert told["endpoint"][1] == "InService"
    assert told["accuracy"] >= LEAST_ACCURACY
    probabilities = json.loads(told["last_inference"])
    assert len(probabilities) == 2
    assert sum(probabilities) == pytest.approx(1, abs=1e-5)
    assert told["same_inference"] == told["last_inference"]


def it_finds_what_was_captured(ran: Ran) -> None:
    """Each prediction is one record, and the plot has as many points."""
    told = ran.outcome
    assert told["captured"] == told["plotted"] == TEST_IMAGES
    assert told["test_keys"] == TEST_IMAGES + 1, "without a slash the prefix finds test.lst as well"
    assert told["test_case"].startswith("test/")
    assert all(f"/{told['endpoint'][0]}/AllTraffic/" in key for key in told["capture_keys"])
    assert (ran.folder / "inferences.png").stat().st_size > 10_000


def it_changes_and_deletes_endpoints(ran: Ran) -> None:
    """Captures and instances are updated in place, and nothing is left."""
    told = ran.outcome
    assert told["updated_capture"] == f"s3://{told['bucket']}/data_capture_2"
    assert told["instances"] == 2
    assert told["endpoints_left"] == 0
    assert told["uploaded"] == [told["uploaded"][0], [told["uploaded"][0]]]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_notebook_with_photographs(tmp_path: Path) -> None:
    """With the official archive and no hyperparameter more than AWS needs it is as accurate."""
    official = os.environ.get("BAKEHOUSE_CIFAR100")
    if official is None:
        pytest.skip("BAKEHOUSE_CIFAR100 does not say where the official archive is")
    told = run("notebook_v2.py", "sagemaker-2.257.7", tmp_path, official).outcome
    assert told["accuracy"] >= LEAST_ACCURACY
    assert told["captured"] == told["plotted"] == 200
    assert told["fit_adds_s"] < 3


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_else_notebooks_do_with_version_2(tmp_path: Path) -> None:
    """Background jobs, other ways to an endpoint, the registry, and errors in AWS's words."""
    write_folder(tmp_path / "pictures", draw_vehicles(seed=1, train=50, test=20))
    told = run("habits_v2.py", "sagemaker-2.257.7", tmp_path, str(tmp_path / "pictures")).outcome
    assert (told["uploaded"], told["list"]) == (100, ["0", "0"])
    assert told["begun_s"] < 5
    assert told["looked_s"] < 1
    assert told["first_status"] == "InProgress"
    assert len(set(told["model_data"])) == 1
    assert {"train:accuracy:epoch", "validation:accuracy"} <= set(told["metrics"])
    assert "(ResourceInUse)" in told["same_name"]
    assert "Reason: ClientError: No value(s) were specified for 'num_classes'" in told["failed"]
    assert told["waited_for"] == "InService"
    assert any(line.startswith("Serving model ") for line in told["endpoint_log"])
    assert "Cannot create already existing" in told["taken"]
    assert "Received client error (400) from primary" in told["no_picture"]
    assert "Could not find endpoint" in told["missing"]
    assert len(told["answers"]) == 3
    assert len(set(told["answers"])) == 1, "one artifact answers alike, however it was deployed"
    assert told["stopped"] == "Stopped"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_data_science_sdk_runs_a_workflow(tmp_path: Path) -> None:
    """Its definitions with Lambda steps are created, executed, waited for, listed and deleted."""
    told = run("workflow_ds.py", "sagemaker-2.257.7", tmp_path).outcome
    assert told["arn"].endswith(":stateMachine:counting")
    assert told["output"] == {"n": 3}
    assert told["events"][0] == "ExecutionStarted"
    assert told["events"][-1] == "ExecutionSucceeded"
    assert told["refused"] == ["FAILED", "TooMany"]
    assert told["executions"] == 2
    assert told["attached"] == "counting"
    assert told["listed"] == ["counting"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_steps_run_with_version_3(tmp_path: Path) -> None:
    """ModelTrainer, ModelBuilder and Endpoint.invoke do the whole of it, and lists find it."""
    told = run("steps_v3.py", "sagemaker-3.27.0", tmp_path, *drawn_pictures(tmp_path)).outcome
    assert told["status"] == "Completed"
    assert told["model_data"].endswith(f"/{told['job']}/output/model.tar.gz")
    assert told["metrics"]["validation:accuracy"] == pytest.approx(told["validation"][-1])
    assert told["endpoint"] == ["scones", "InService"]
    assert told["accuracy"] >= LEAST_ACCURACY
    assert told["captured"] == told["test_keys"] == TEST_IMAGES
    assert told["job"] in told["jobs"]
    assert told["models"] == ["scones"]
    assert told["capture"] == f"s3://{told['bucket']}/data_capture"
    assert told["endpoints_left"] == []
    assert told["train_adds_s"] < 3
    assert told["deploy_adds_s"] < 2
    assert told["unwaited_s"] < 5, "what nobody waits for is not held"
    assert told["stopped"] == "Stopped"
