"""Training jobs from request to artifact, with real child processes."""

from __future__ import annotations

import asyncio
import io
import os
import select
import subprocess
import sys
import tarfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bakehouse import clock
from bakehouse.faults import AlreadyExists, Conflict, InvalidInput, NotFound
from bakehouse.storage.sqlite import SqliteRecords
from bakehouse.training import Channel, Job
from bakehouse.training.work import LOG_GROUP
from support.training_parts import (
    FOREVER_PID,
    ORDER,
    START,
    TRAIN,
    alive,
    named,
    parts,
    run_job,
)

FOREVER = START + "print('ready', flush=True)\ntime.sleep(60)\n"


def statuses(job: Job) -> list[str]:
    return [transition.status for transition in job.transitions]


def test_job_runs_to_its_artifact(tmp_path: Path) -> None:
    """A job goes through SageMaker's statuses and leaves the model at the documented place."""
    house = parts(tmp_path, TRAIN)
    job = run_job(house)
    assert job.status == "Completed"
    assert statuses(job) == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert all(part.ended_ms is not None for part in job.transitions)
    assert job.artifact_uri == "s3://results/models/job-1/output/model.tar.gz"
    packed = house.objects.read("results", "models/job-1/output/model.tar.gz", limit_bytes=1 << 20)
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        assert tar.getnames() == ["weights.bin"]
    assert list(house.folder.iterdir()) == []


def test_transitions_tell_what_the_sdk_prints(tmp_path: Path) -> None:
    """The sentences beside the statuses are those of SageMaker."""
    job = run_job(parts(tmp_path, TRAIN))
    assert [transition.message for transition in job.transitions] == [
        "Preparing the instances for training",
        "Downloading input data",
        "Training image download completed. Training in progress.",
        "Uploading generated training model",
        "Training job completed",
    ]


def test_child_finds_the_container_contract(tmp_path: Path) -> None:
    """Configuration, channels and variables lie where SageMaker's containers have them."""
    script = (
        START
        + """
config = root / "input/config"
for name in ("hyperparameters", "inputdataconfig", "resourceconfig"):
    print(json.dumps(json.loads((config / f"{name}.json").read_text()), sort_keys=True))
data = root / "input/data"
print(sorted(str(p.relative_to(data)) for p in data.rglob("*") if p.is_file()))
print(os.environ["TRAINING_JOB_NAME"], os.environ["FLAVOUR"], os.getcwd() == str(root))
"""
    )
    house = parts(tmp_path, script)
    assert run_job(house).status == "Completed"
    assert house.lines("job-1") == [
        '{"num_classes": "2"}',
        '{"train": {"ContentType": "application/x-image", "RecordWrapperType": "None", '
        '"S3DistributionType": "FullyReplicated", "TrainingInputMode": "File"}, "train_lst": '
        '{"ContentType": "application/x-image", "RecordWrapperType": "None", '
        '"S3DistributionType": "FullyReplicated", "TrainingInputMode": "File"}}',
        '{"current_host": "algo-1", "current_instance_type": "ml.p3.2xlarge", "hosts": ["algo-1"], '
        '"network_interface_name": "lo"}',
        "['train/a.png', 'train/deep/b.png', 'train_lst/train.lst']",
        "job-1 plum True",
    ]


def test_metrics_come_out_of_the_log(tmp_path: Path) -> None:
    """Each value reaches CloudWatch at the time of its line; the last one is the job's own."""
    house = parts(tmp_path, TRAIN)
    job = run_job(house)
    assert [(one.name, one.value) for one in job.metrics] == [("validation:accuracy", 0.75)]
    now, dimensions = clock.now(), (("TrainingJobName", "job-1"),)
    found = house.metrics.statistics(
        LOG_GROUP, "validation:accuracy", dimensions, start=now - timedelta(hours=1), end=now
    )
    assert [one.total for one in found] == [0.5, 0.75]


def test_lines_arrive_while_the_job_runs(tmp_path: Path) -> None:
    """A line can be read long before the process ends, and soon after it was printed."""
    house = parts(tmp_path, START + "print('ready', time.time(), flush=True)\ntime.sleep(60)\n")

    async def follow() -> float:
        await house.jobs.create(ORDER)
        while not (lines := house.lines("job-1")):
            await asyncio.sleep(0.005)
        seen = time.time()
        assert house.jobs.describe("job-1").secondary_status == "Training"
        return seen - float(lines[0].split()[1])

    assert alive(house, follow()) < 1.0


def test_everything_printed_is_stored_before_the_end(tmp_path: Path) -> None:
    """A job that floods its log and ends at once loses none of its lines, in order."""
    house = parts(tmp_path, START + "for n in range(5000): print(n)\n")
    assert run_job(house).status == "Completed"
    assert house.lines("job-1") == [str(n) for n in range(5000)]


def test_endless_line_is_cut(tmp_path: Path) -> None:
    """Output without a line's end does not grow in memory; it is stored in pieces."""
    house = parts(tmp_path, START + "sys.stdout.write('x' * 300_000)\n")
    run_job(house)
    lines = house.lines("job-1")
    assert "".join(lines) == "x" * 300_000
    assert max(map(len, lines)) == 65_536


def test_client_error_has_the_text_of_the_failure_file(tmp_path: Path) -> None:
    """Exit code 1 with a reason is the user's fault, in the algorithm's words, at most 1,024."""
    script = START + "(root / 'output/failure').write_text('Bad data. ' * 200)\nsys.exit(1)\n"
    job = run_job(parts(tmp_path, script))
    assert (job.status, job.secondary_status) == ("Failed", "Failed")
    assert job.failure is not None
    assert job.failure.startswith("ClientError: Bad data. Bad data.")
    assert len(job.failure) == 1024


@pytest.mark.parametrize(
    ("ending", "failure"),
    [
        ("(root / 'output/failure').write_text('Oops'); sys.exit(3)", "Oops, exit code: 3"),
        ("sys.exit(1)", "The algorithm did not say why it ended, exit code: 1"),
        ("sys.stdout.flush(); os.kill(os.getpid(), signal.SIGKILL)", "ended, exit code: 137"),
    ],
)
def test_algorithm_error_has_the_exit_code(tmp_path: Path, ending: str, failure: str) -> None:
    """Any other end is the algorithm's fault; a signal counts as 128 and its number."""
    job = run_job(parts(tmp_path, START + ending))
    assert job.failure is not None
    assert job.failure.startswith("AlgorithmError: ")
    assert job.failure.endswith(failure)
    assert job.artifact_uri is None


@pytest.mark.parametrize("uri", ["s3://data/nothing", "s3://no-such-bucket/train"])
def test_nothing_at_a_channel_fails_the_job(tmp_path: Path, uri: str) -> None:
    """A channel without objects is named in the reason, and the process never starts."""
    house = parts(tmp_path, TRAIN)
    job = run_job(house, replace(ORDER, channels=(Channel("train", uri),)))
    assert job.failure is not None
    assert job.failure.startswith(
        f'ClientError: Data download failed:No S3 objects found under S3 URL "{uri}"'
    )
    assert house.lines("job-1") == []


def test_missing_output_bucket_fails_before_training(tmp_path: Path) -> None:
    """Nobody waits for a model that could not be stored."""
    house = parts(tmp_path, TRAIN)
    job = run_job(house, replace(ORDER, output_uri="s3://nowhere/models"))
    assert job.failure is not None
    assert job.failure.startswith("ClientError: Artifact upload failed:")
    assert "s3://nowhere/models" in job.failure
    assert statuses(job) == ["Starting", "Downloading", "Failed"]


def test_time_limit_ends_the_process(tmp_path: Path) -> None:
    """A job that overruns is Stopped as MaxRuntimeExceeded, even where SIGTERM is ignored."""
    script = START + "signal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)\n"
    job = run_job(parts(tmp_path, script), replace(ORDER, max_runtime_s=1))
    assert (job.status, job.secondary_status) == ("Stopped", "MaxRuntimeExceeded")
    assert job.failure is None


def test_stopped_job_keeps_the_model_that_it_saved(tmp_path: Path) -> None:
    """SIGTERM leaves time to save; what was saved is stored."""
    script = (
        START
        + """
def save(*_):
    (root / "model/half.bin").write_bytes(b"half")
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
print("ready", flush=True)
time.sleep(60)
"""
    )
    house = parts(tmp_path, script)

    async def stop() -> Job:
        await house.jobs.create(ORDER)
        await house.until_printed("job-1", "ready")
        await house.jobs.stop_job("job-1")
        assert house.jobs.describe("job-1").status == "Stopping"
        return await house.jobs.wait("job-1")

    job = alive(house, stop())
    assert job.status == "Stopped"
    assert statuses(job)[-3:] == ["Stopping", "Uploading", "Stopped"]
    assert job.artifact_uri is not None


def test_only_so_many_run_at_once(tmp_path: Path) -> None:
    """A job beyond the limit waits as Starting, can be stopped there, and never ran."""
    house = parts(tmp_path, FOREVER, max_running=1)

    async def queue() -> Job:
        await house.jobs.create(ORDER)
        await house.until_printed("job-1", "ready")
        await house.jobs.create(named("job-2"))
        waiting = house.jobs.describe("job-2")
        assert (waiting.status, waiting.secondary_status) == ("InProgress", "Starting")
        await house.jobs.stop_job("job-2")
        return await house.jobs.wait("job-2")

    job = alive(house, queue())
    assert statuses(job) == ["Starting", "Stopping", "Stopped"]
    assert (job.started_ms, job.ended_ms) == (None, None)


def test_next_job_takes_the_place_of_one_that_failed(tmp_path: Path) -> None:
    """A place is free again however its job ended."""
    house = parts(tmp_path, START + "sys.exit(2)", max_running=1)

    async def three() -> list[str]:
        for name in ("a", "b", "c"):
            await house.jobs.create(named(name))
        return [(await house.jobs.wait(name)).status for name in ("a", "b", "c")]

    assert alive(house, three()) == ["Failed"] * 3


def test_what_a_process_leaves_behind_is_killed(tmp_path: Path) -> None:
    """A process's own children do not outlive it, and do not keep the job from ending."""
    script = (
        START
        + """
pid = os.fork()
if pid == 0:
    time.sleep(60)
print(pid, flush=True)
os._exit(0)
"""
    )
    house = parts(tmp_path, script)
    job = run_job(house)
    assert job.status == "Completed"
    assert job.ended_ms is not None
    assert job.started_ms is not None
    assert job.ended_ms - job.started_ms < 20_000
    assert not is_running(int(house.lines("job-1")[0]))


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_names_are_taken_once(tmp_path: Path) -> None:
    """A second job of a name is refused, also when the first is over."""
    house = parts(tmp_path, TRAIN)

    async def twice() -> None:
        await house.jobs.create(ORDER)
        with pytest.raises(AlreadyExists):
            await house.jobs.create(ORDER)
        await house.jobs.wait("job-1")
        with pytest.raises(AlreadyExists):
            await house.jobs.create(ORDER)
        with pytest.raises(Conflict):
            await house.jobs.stop_job("job-1")

    alive(house, twice())


@pytest.mark.parametrize(
    "change",
    [
        {"name": "../up"},
        {"name": "a" * 64},
        {"channels": (Channel("..", "s3://data/train"),)},
        {"channels": (Channel("a/b", "s3://data/train"),)},
        {"channels": (Channel("a", "s3://data/train"),) * 2},
        {"channels": (Channel("a", "https://in/train"),)},
        {"output_uri": "/tmp/models"},
        {"environment": {"A": "nul\x00"}},
        {"environment": {"A=B": "c"}},
    ],
)
def test_bad_names_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    """What cannot be a path's part, a URI or a variable makes no job."""
    house = parts(tmp_path, TRAIN)
    order = replace(ORDER, **change)
    with pytest.raises(InvalidInput):
        alive(house, house.jobs.create(order))
    assert house.jobs.jobs() == []


def test_unknown_image_is_refused(tmp_path: Path) -> None:
    """There is no job for an image that nothing here runs."""
    house = parts(tmp_path, TRAIN)
    with pytest.raises(NotFound, match="image"):
        alive(house, house.jobs.create(replace(ORDER, image="xgboost:1")))


def test_stop_kills_what_runs(tmp_path: Path) -> None:
    """A server that ends in order leaves no process behind."""
    house = parts(tmp_path, FOREVER_PID)

    async def begin() -> None:
        await house.jobs.create(ORDER)
        while not house.lines("job-1"):
            await asyncio.sleep(0.005)

    alive(house, begin())
    assert not is_running(int(house.lines("job-1")[0]))
    assert house.jobs.describe("job-1").status == "InProgress"


SERVER = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from support.training_parts import FOREVER_PID, ORDER, parts
from bakehouse.storage.sqlite import SqliteRecords

async def main():
    folder = Path({folder!r})
    house = parts(folder, FOREVER_PID, records=SqliteRecords(folder / "records.sqlite"))
    await house.jobs.start()
    await house.jobs.create(ORDER)
    while not house.lines("job-1"):
        await asyncio.sleep(0.005)
    print(house.lines("job-1")[0], flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def test_kill_of_the_server_ends_the_child_and_the_next_one_runs_the_job_again(
    tmp_path: Path,
) -> None:
    """After kill -9 the child is gone; the next server begins anew, with the checkpoints."""
    text = SERVER.format(tests=str(Path(__file__).parents[2]), folder=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        child = os.pidfd_open(int(server.stdout.readline()))
        server.kill()
    ended, _, _ = select.select([child], [], [], 10)
    os.close(child)
    assert ended
    (tmp_path / "jobs/job-1/algo-1/checkpoints/state").write_text("half way")
    (tmp_path / "jobs/job-1/algo-1/model/old").write_text("half a model")
    (tmp_path / "jobs/nobodys").mkdir()
    records = SqliteRecords(tmp_path / "records.sqlite")
    script = TRAIN + 'print((root / "checkpoints/state").read_text())\n'
    house = parts(tmp_path, script, records=records)
    assert house.jobs.describe("job-1").status == "InProgress"
    job = alive(house, house.jobs.wait("job-1"))
    records.close()
    assert job.status == "Completed"
    assert job.restarts == 1
    assert statuses(job) == [
        "Starting",
        "Downloading",
        "Training",
        "Restarting",
        "Downloading",
        "Training",
        "Uploading",
        "Completed",
    ]
    streams = house.logs.streams(LOG_GROUP, prefix="job-1/algo-1-")
    lines = [
        event.message
        for stream in streams
        for event in house.logs.events(LOG_GROUP, stream.name).events
    ]
    assert "half way" in lines
    packed = house.objects.read("results", "models/job-1/output/model.tar.gz", limit_bytes=1 << 20)
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        assert tar.getnames() == ["weights.bin"]
    assert list(house.folder.iterdir()) == []


def test_a_job_that_meets_its_servers_end_again_and_again_fails(tmp_path: Path) -> None:
    """Three restarts, then the reason says what happened and what to do."""
    house = parts(tmp_path, FOREVER)

    async def until_training() -> None:
        while house.jobs.describe("job-1").secondary_status != "Training":
            await asyncio.sleep(0.005)

    async def begin() -> None:
        await house.jobs.create(ORDER)
        await until_training()

    alive(house, begin())
    for _ in range(3):
        alive(house, until_training())

    async def look() -> Job:
        return house.jobs.describe("job-1")

    job = alive(house, look())
    assert job.status == "Failed"
    assert job.failure is not None
    assert job.failure.startswith("InternalServerError: ")
    assert "start it again" in job.failure


HOSTS = (
    START
    + """
config = json.loads((root / "input/config/resourceconfig.json").read_text())
print(config["current_host"], config["hosts"], os.environ["BAKEHOUSE_RENDEZVOUS"].split(":")[0])
print("Validation-accuracy=0." + config["current_host"][-1])
(root / "model" / config["current_host"]).write_text("mine")
(root / "model/shared").write_text(config["current_host"])
"""
)


def test_each_instance_is_a_process_with_its_own_stream(tmp_path: Path) -> None:
    """Hosts know each other; the artifact holds what all wrote, the first one's before others'."""
    house = parts(tmp_path, HOSTS)
    job = run_job(house, replace(ORDER, instances=3))
    assert job.status == "Completed"
    streams = house.logs.streams(LOG_GROUP, prefix="job-1/")
    assert [stream.name.rsplit("-", 1)[0] for stream in streams] == [
        "job-1/algo-1",
        "job-1/algo-2",
        "job-1/algo-3",
    ]
    first = [event.message for event in house.logs.events(LOG_GROUP, streams[1].name).events]
    assert first[0] == "algo-2 ['algo-1', 'algo-2', 'algo-3'] 127.0.0.1"
    assert [(one.name, one.value) for one in job.metrics] == [("validation:accuracy", 0.1)]
    packed = house.objects.read("results", "models/job-1/output/model.tar.gz", limit_bytes=1 << 20)
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        assert tar.getnames() == ["algo-1", "algo-2", "algo-3", "shared"]
        shared = tar.extractfile("shared")
        assert shared is not None
        assert shared.read() == b"algo-1"


def test_an_instance_that_fails_ends_the_others(tmp_path: Path) -> None:
    """Its reason is the job's; nobody waits for those that would have gone on."""
    script = (
        START
        + """
host = json.loads((root / "input/config/resourceconfig.json").read_text())["current_host"]
if host == "algo-2":
    (root / "output/failure").write_text("Host two has no images.")
    os._exit(1)
time.sleep(60)
"""
    )
    job = run_job(parts(tmp_path, script), replace(ORDER, instances=3), limit_s=20)
    assert job.status == "Failed"
    assert job.failure == "ClientError: Host two has no images."


def test_checkpoints_are_kept_in_s3_and_given_to_the_next_job(tmp_path: Path) -> None:
    """What the algorithm leaves in its folder is under the URI, and there for another job."""
    script = (
        START
        + """
folder = root / "checkpoints"
print(sorted(path.name for path in folder.iterdir()))
(folder / "deep").mkdir(exist_ok=True)
(folder / "deep/epoch-3").write_text("weights")
(folder / "torn.partial").write_text("half")
"""
    )
    house = parts(tmp_path, script)
    kept = replace(ORDER, checkpoint_uri="s3://results/kept/run")
    assert run_job(house, kept).status == "Completed"
    found = house.objects.listing("results", prefix="kept/").objects
    assert [info.key for info in found] == ["kept/run/deep/epoch-3"]
    assert run_job(house, replace(kept, name="job-2")).status == "Completed"
    assert house.lines("job-2") == ["['deep']"]
    job = run_job(house, replace(kept, name="job-3", checkpoint_uri="s3://nobody/x"))
    assert job.status == "Failed"
    assert "CheckpointConfig.S3Uri is s3://nobody/x" in str(job.failure)
