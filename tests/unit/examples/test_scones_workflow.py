"""The pieces of the workflow that can be tried without a server."""

from __future__ import annotations

import argparse
import ast
import io
import json
import sys
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import numpy as np
import pytest
from botocore.stub import Stubber
from PIL import Image

SCONES = Path(__file__).parents[3] / "examples" / "scones"
GROUP = "/aws/sagemaker/TrainingJobs"


@pytest.fixture
def client(environment: pytest.MonkeyPatch) -> Callable[[str], Any]:
    def make(service: str) -> Any:
        return boto3.client(service)

    return make


# --- The state machine ----------------------------------------------------------------------------


def definition() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((SCONES / "state_machine.asl.json").read_text())
    return loaded


def test_each_task_retries_the_service_errors_of_lambda_only() -> None:
    """A handler's own exception is not tried again; a fault of the Lambda service is."""
    tasks = [s for s in definition()["States"].values() if s["Type"] == "Task"]
    assert len(tasks) == 3
    for task in tasks:
        (retry,) = task["Retry"]
        assert all(error.startswith("Lambda.") for error in retry["ErrorEquals"])
        assert task["Resource"] == "arn:aws:states:::lambda:invoke"


def test_only_the_gates_own_error_leads_to_the_rejected_state(
    handler: Callable[[str], Any],
) -> None:
    """The one Catch names the very exception that the filter raises."""
    catches = {name: s["Catch"] for name, s in definition()["States"].items() if "Catch" in s}
    (catch,) = catches["Filter"]
    assert (list(catches), catch["Next"]) == (["Filter"], "Rejected")
    assert catch["ErrorEquals"] == [handler("filter").ThresholdNotMet.__name__]


def test_the_machine_is_created_with_the_functions_arns(
    workflow: Any, client: Callable[[str], Any]
) -> None:
    """No placeholder is left in the definition that is sent, and it is the file's otherwise."""
    machines = client("stepfunctions")
    run = SimpleNamespace(machines=machines, role="arn:aws:iam::123456789012:role/r")
    arns = {name: f"arn:{name}" for name in ("serialize", "classify", "filter")}
    arn = "arn:aws:states:us-east-1:123456789012:stateMachine:scones"
    sent: list[dict[str, Any]] = []
    machines.meta.events.register(
        "provide-client-params.stepfunctions.CreateStateMachine",
        lambda params, **_: sent.append(json.loads(params["definition"])),
    )
    with Stubber(machines) as stub:
        stub.add_response(
            "create_state_machine",
            {"stateMachineArn": arn, "creationDate": datetime(2026, 11, 23, tzinfo=UTC)},
        )
        assert workflow.create_machine(run, arns) == arn
    functions = {
        name: s["Parameters"]["FunctionName"]
        for name, s in sent[0]["States"].items()
        if s["Type"] == "Task"
    }
    assert functions == {"Serialize": "arn:serialize", "Classify": "arn:classify",
                         "Filter": "arn:filter"}  # fmt: skip
    assert "${" not in json.dumps(sent)


# --- Functions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["serialize", "classify", "filter"])
def test_a_function_without_dependencies_is_zipped_as_it_is(workflow: Any, name: str) -> None:
    """Two times the same bytes, with the handler at the root."""
    package = workflow.package_of(None, name)
    assert package == workflow.package_of(None, name)
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        assert archive.namelist() == ["lambda_function.py"]
        source = (SCONES / "functions" / name / "lambda_function.py").read_bytes()
        assert archive.read("lambda_function.py") == source


def test_a_package_that_was_built_before_is_taken(workflow: Any, tmp_path: Path) -> None:
    """`--packages DIR` holds NAME.zip for each function."""
    (tmp_path / "filter.zip").write_bytes(b"built")
    assert workflow.package_of(tmp_path, "filter") == b"built"


def test_a_missing_package_comes_to_light_before_anything_is_sent(
    workflow: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without its package a run ends before the first step, with exit code 1."""
    (tmp_path / "labels.json").write_text('["bicycle", "motorcycle"]')
    for split in ("train", "test"):
        (tmp_path / f"{split}.lst").write_text("")
    arguments = ["--data", str(tmp_path), "--out", str(tmp_path), "--packages", str(tmp_path)]
    assert workflow.main(arguments) == 1
    printed = capsys.readouterr()
    assert (printed.out, "serialize.zip" in printed.err) == ("", True)


# --- Training -------------------------------------------------------------------------------------


def test_the_log_of_a_job_is_read_once_and_in_order(
    training_log: Any, client: Callable[[str], Any]
) -> None:
    """Pages are read until the token stays the same; the next read goes on from there."""
    logs = client("logs")
    stream = {"logStreams": [{"logStreamName": "job/algo-1-1"}]}
    query = {"logGroupName": GROUP, "logStreamName": "job/algo-1-1", "startFromHead": True}
    with Stubber(logs) as stub:
        stub.add_client_error("describe_log_streams", "ResourceNotFoundException")
        for text, token, known in (
            ("one\n", "f/1", None),
            ("two", "f/2", "f/1"),
            ("", "f/2", "f/2"),
        ):
            if known is None:
                stub.add_response("describe_log_streams", stream)
            events = [{"message": text, "timestamp": 1}] if text else []
            stub.add_response(
                "get_log_events",
                {"events": events, "nextForwardToken": token},
                query | ({"nextToken": known} if known else {}),
            )
        log = training_log.JobLog(logs, "job")
        assert log.read() == []  # the group does not exist before the first job
        assert log.read() == ["one", "two"]


def test_log_lines_are_shown_without_what_nobody_reads(training_log: Any) -> None:
    """Date, level and thread go; the escape that AWS's log has for a tab becomes one."""
    bare = training_log.JobLog.bare
    line = "[11/23/2026 04:00:00 INFO 140] Epoch[0] Batch [20]#011Speed: 119.985 samples/sec"
    assert bare(line) == "Epoch[0] Batch [20]\tSpeed: 119.985 samples/sec"
    assert bare("Docker entrypoint called") == "Docker entrypoint called"


def test_progress_follows_the_epochs_in_the_log(training_log: Any) -> None:
    """Lines of the algorithm's log become a share and a text; other lines are passed over."""
    progress = training_log.TrainingProgress()
    lines = ("epochs: 30", "Epoch[11] Train-accuracy=0.9", "Epoch[11] Validation-accuracy=0.890625")
    news = [progress.see(line) for line in lines]
    assert news == [None, None, (0.4, "epoch 12 of 30, validation accuracy 0.891")]


def test_a_region_without_a_registry_is_an_error_that_names_it(workflow: Any) -> None:
    """The algorithm's image is looked up for the region that the session is in."""
    assert workflow.image_uri(SimpleNamespace(region="us-west-2")) == (
        "433757028032.dkr.ecr.us-west-2.amazonaws.com/image-classification:1"
    )
    with pytest.raises(workflow.WorkflowFailed, match="region mars-north-1"):
        workflow.image_uri(SimpleNamespace(region="mars-north-1"))


def test_lists_are_read_with_their_images(workflow: Any, tmp_path: Path) -> None:
    """Labels may be written as 1 or 1.0; each line brings the bytes of its image."""
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "a.png").write_bytes(b"A")
    (tmp_path / "test" / "b.png").write_bytes(b"B")
    (tmp_path / "test.lst").write_text("16\t0\ta.png\n30\t1.0\tb.png\n")
    listed = workflow.read_listed(tmp_path, "test")
    assert [(i.label, i.name, i.content) for i in listed] == [
        (0, "a.png", b"A"),
        (1, "b.png", b"B"),
    ]


@pytest.mark.parametrize("line", ["16\t0", "16 0 a.png", "16\tbike\ta.png", ""])
def test_a_bad_line_in_a_list_is_named(workflow: Any, tmp_path: Path, line: str) -> None:
    """The error says which line of which file, and what was expected there."""
    (tmp_path / "test.lst").write_text(f"{line}\n")
    with pytest.raises(workflow.WorkflowFailed, match=r"test\.lst, line 1: expected index, label"):
        workflow.read_listed(tmp_path, "test")


# --- Waiting, telling -----------------------------------------------------------------------------


def test_waiting_ends_with_the_answer_or_says_what_came_last(workflow: Any) -> None:
    """The last answer is returned; when time is up the error shows it."""
    answers = iter(range(4))
    wait = workflow.wait_for
    assert wait(lambda: next(answers), lambda a: a == 3, timeout_s=5, first_s=0.001) == 3
    with pytest.raises(workflow.WorkflowFailed, match="'Creating'"):
        wait(lambda: {"Status": "Creating"}, lambda _: False, timeout_s=0, first_s=0.001)


def test_steps_are_announced_in_one_form(workflow: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """`step 3/9 train` when it starts; its seconds are kept when it ends well."""
    steps = workflow.Steps()
    with steps.step("train"):
        assert capsys.readouterr().out == "step 3/9 train\n"
    assert [s["name"] for s in steps.taken] == ["train"]


@pytest.mark.parametrize("text", ["0.4", "1", "1.5", "-1", "nan", "high"])
def test_a_threshold_outside_its_range_is_refused(
    workflow: Any, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The threshold is at least 0.5 and below 1; anything else ends with exit code 2."""
    with pytest.raises(SystemExit) as ended:
        workflow.parse(["--data", "d", "--out", "o", f"--threshold={text}"])
    assert ended.value.code == 2
    assert "--threshold" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--images=0", "--images=-3", "--picture=/no/such/file.png"])
def test_other_bad_arguments_are_refused(
    workflow: Any, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """No images, or a picture that is not there, end with exit code 2 and the option's name."""
    with pytest.raises(SystemExit) as ended:
        workflow.parse(["--data", "d", "--out", "o", option])
    assert ended.value.code == 2
    assert option.partition("=")[0] in capsys.readouterr().err


def test_a_failed_workflow_ends_with_one_sentence(
    workflow: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A data folder that is not there is exit code 1 and a line on stderr, not a traceback."""
    assert workflow.main(["--data", str(tmp_path / "none"), "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("failed: ")


def test_images_are_chosen_by_seed_and_never_twice(workflow: Any) -> None:
    """One seed gives one choice; more images than there are gives all of them."""
    test = [SimpleNamespace(label=0, name=f"{n}.png", content=b"") for n in range(50)]
    chosen = [[s.name for s in workflow.choose_images(test, 20, seed)] for seed in (1, 1, 2)]
    assert chosen[0] == chosen[1] != chosen[2]
    assert len(set(chosen[0])) == 20
    assert len({s.name for s in workflow.choose_images(test, 99, 0)}) == 50


# --- Probes ---------------------------------------------------------------------------------------


def picture(level: int) -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.full((32, 32, 3), level, np.uint8)).save(content, "PNG")
    return content.getvalue()


def brightness_model(steepness: float) -> Callable[[bytes, str], tuple[float, float]]:
    """A model that tells dark from bright, and changes its mind near grey level 100."""

    def ask(content: bytes, _: str) -> tuple[float, float]:
        level = float(np.asarray(Image.open(io.BytesIO(content)), float).mean())
        bright = 1 / (1 + np.exp(-steepness * (level - 100.5)))
        return 1 - bright, bright

    return ask


@pytest.mark.parametrize("steepness", [0.05, 0.5, 2.0])
def test_blends_make_even_a_confident_model_hesitate(probes: Any, steepness: float) -> None:
    """The search ends where the model changes its mind, however suddenly it does."""
    ask = brightness_model(steepness)
    made = probes.make_probes(ask, [picture(10), picture(20), picture(240)], 0.93, seed=0)
    blends = [p for p in made if p.name.startswith("blend")]
    assert len(blends) == probes.BLENDS
    assert len(made) == probes.BLENDS + probes.NOISES
    assert len({p.inference_id for p in made}) == len(made)
    for blend in blends:
        assert max(ask(blend.picture, "")) < 0.93
        assert blend.is_probe


def test_pictures_of_one_class_give_no_blends(probes: Any) -> None:
    """Where nothing changes the model's mind, the search ends, and there is only noise."""
    made = probes.make_probes(brightness_model(1), [picture(10), picture(20)], 0.93, seed=0)
    assert [p.note for p in made] == ["noise"] * probes.NOISES


# --- Arguments that the command line of the demo relies on ----------------------------------------


def test_the_options_have_their_documented_defaults(workflow: Any) -> None:
    """`--data` and `--out` are enough."""
    options = workflow.parse(["--data", "d", "--out", "o"])
    assert options == argparse.Namespace(
        data=Path("d"), out=Path("o"), packages=None, bucket=None, role=None, images=120,
        threshold=0.93, seed=0, picture=None, keep=False,
    )  # fmt: skip


def test_the_example_needs_only_what_any_user_of_aws_has() -> None:
    """Its files import boto3, the scientific libraries and each other: nothing of bakehouse."""
    paths = sorted(SCONES.rglob("*.py"))
    allowed = {"boto3", "botocore", "numpy", "matplotlib", "PIL"} | {p.stem for p in paths}
    imported = {
        name.partition(".")[0]
        for path in paths
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for name in imports_of(node)
    }
    assert len(paths) >= 8
    assert imported - set(sys.stdlib_module_names) <= allowed


def imports_of(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []
