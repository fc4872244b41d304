"""Who waits is held until there is something to tell, and nobody else is."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bakehouse import clock
from bakehouse.client_side.environment import FAST_POLLS_ID
from bakehouse.hosting import Hosting
from bakehouse.hosting.types import EndpointConfig
from bakehouse.registry import Tags
from bakehouse.services.sagemaker import aws_error
from bakehouse.services.sagemaker.endpoints import operations as endpoint_operations
from bakehouse.services.sagemaker.training import operations
from bakehouse.services.sagemaker.waiting import Pending, Waiting, is_waiter
from bakehouse.storage.memory import MemoryRecords
from bakehouse.wire.types import Answer, Call, Later, Params, Service
from support.doors import client, served
from support.hosting_parts import Place, Teller, create_model, load_teller, variant
from support.training_parts import FOREVER_PID, START, Parts, alive, named, parts

WAITER = "Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 m/B,E,b,N,Z cfg/retry-mode#legacy"
SDK = "Boto3/1.44.5 ua/2.1 m/E,b,N,Z lib/AWS-SageMaker-Python-SDK#2.257.7"
PLAIN = "Boto3/1.44.5 ua/2.1 m/E,b,N,Z"
WITH_A_B = "aws-sdk-js/3.1 m/b,E md/m/B"
HALF_A_SECOND = START + "time.sleep(0.5)\nprint('Epoch[0] Validation-accuracy=0.5')\n"
TALKS = START + "print('one', flush=True)\ntime.sleep(0.4)\nprint('two', flush=True)\ntime.sleep(9)"


def call_of(user_agent: str) -> Call:
    """A call of a client that names itself so."""
    headers = {"user-agent": user_agent}
    return Call("DescribeTrainingJob", "r-1", "123456789012", "us-east-1", "AKID", headers)


class Held:
    """A thing whose end is awaited; it notes what is waited for."""

    def __init__(self) -> None:
        self.waits: list[str] = []

    async def over(self, timeout_s: float) -> None:
        self.waits.append(f"its end, {timeout_s:g} s")

    async def changed(self, since: int, timeout_s: float) -> None:
        self.waits.append(f"news after {since}, {timeout_s:g} s")

    def pending(self, age_s: float) -> Pending:
        return Pending("job/1", age_s, dict, self.over, lambda: 7, self.changed)


def waited_for(user_agent: str, age_s: float, answered_s: float | None, limit_s: float = 20) -> str:
    """What the answer to a client waits for that was answered so many seconds ago, or never."""
    now = itertools.chain([0.0], itertools.repeat(answered_s or 0.0))
    waiting, held = Waiting(limit_s, lambda: next(now)), Held()
    if answered_s is not None:
        told(waiting.answer(call_of(user_agent), held.pending(age_s - answered_s)))
    told(waiting.answer(call_of(user_agent), held.pending(age_s)), held)
    return held.waits[0] if held.waits else "nothing"


def told(answer: Params | Answer, held: Held | None = None) -> None:
    """Let an answer leave, after what it waits for if that is to be known."""
    later = later_of(answer)
    if later is not None and held is not None:
        asyncio.run(_ready(later))
    if later is not None:
        later.tell()


async def _ready(later: Later) -> None:
    await later.ready()


@pytest.mark.parametrize(
    ("user_agent", "age_s", "answered_s", "expected"),
    [
        (WAITER, 0, None, "its end, 300 s"),
        (WAITER, 900, None, "its end, 300 s"),
        (WAITER, 900, 30, "its end, 300 s"),
        (WAITER, 900, 1, "nothing"),
        (SDK, 1, None, "nothing"),
        (SDK, 5, None, "its end, 20 s"),
        (SDK, 30.1, None, "its end, 20 s"),
        (SDK, 900, None, "nothing"),
        (SDK, 900, 30, "its end, 20 s"),
        (SDK, 900, 61, "nothing"),
        (SDK, 1, 0.5, "news after 7, 20 s"),
        (SDK, 900, 5, "news after 7, 20 s"),
        (f"{SDK} app/{FAST_POLLS_ID}", 900, 5, "nothing"),
        (f"{WAITER} app/{FAST_POLLS_ID}", 900, None, "its end, 300 s"),
        (PLAIN, 5, 5, "nothing"),
        (WITH_A_B, 5, 5, "nothing"),
        ("", 5, 5, "nothing"),
    ],
)
def test_who_is_held_and_for_what(
    user_agent: str, age_s: float, answered_s: float | None, expected: str
) -> None:
    """A waiter waits for the end; the SDK where it waits, for news where it shows the log."""
    assert waited_for(user_agent, age_s, answered_s) == expected


def test_two_waiters_with_one_key_are_both_held() -> None:
    """Who is still held has not been answered, so the other one is no quick second call."""
    waiting, held = Waiting(20), Held()
    for _ in range(2):
        assert later_of(waiting.answer(call_of(WAITER), held.pending(1))) is not None


@pytest.mark.parametrize("user_agent", [WAITER, SDK])
def test_long_polls_can_be_switched_off(user_agent: str) -> None:
    """With a limit of 0 nobody waits."""
    assert waited_for(user_agent, 5, 30, limit_s=0) == "nothing"


def test_what_is_remembered_is_bounded() -> None:
    """Things that were asked for long ago are forgotten before they fill the memory."""
    waiting = Waiting(20)
    for number in range(5000):
        waiting.answer(call_of(SDK), replace(Held().pending(1), key=f"job/{number}"))
    assert len(waiting._told) == 4096


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [(WAITER, True), ("x m/A,B", True), ("m/B", True), (SDK, False), ("m/AB", False), ("B", False)],
)
def test_a_waiter_is_known_by_its_feature(user_agent: str, expected: bool) -> None:
    """It is ``B`` among the features of ``m/…``, and nothing that looks alike."""
    assert is_waiter(user_agent) is expected


# Real waiting


def describer(house: Parts) -> Callable[[str, str], Awaitable[Params | Answer]]:
    """DescribeTrainingJob of a house, asked with a User-Agent."""
    describe = operations(house.jobs, Waiting(20), Tags(MemoryRecords()))["DescribeTrainingJob"]

    async def ask(user_agent: str, name: str) -> Params | Answer:
        return await describe(call_of(user_agent), {"TrainingJobName": name})

    return ask


def later_of(answer: Params | Answer) -> Later | None:
    """How an answer is held back, if it is."""
    return answer.later if isinstance(answer, Answer) else None


def order(name: str) -> Any:
    """The usual job with what its description echoes."""
    algorithm = {"TrainingImage": "script:1", "TrainingInputMode": "File"}
    output = {"S3OutputPath": "s3://results/models/"}
    return replace(
        named(name), given={"AlgorithmSpecification": algorithm, "OutputDataConfig": output}
    )


def test_the_sdk_that_asks_often_is_told_of_each_line(tmp_path: Path) -> None:
    """A held call ends when a line is stored, and the line is there to be read then."""
    house = parts(tmp_path, TALKS)

    async def body() -> list[str]:
        ask, seen = describer(house), list[str]()
        await house.jobs.create(order("talks"))
        while "two" not in seen:
            answer = await ask(SDK, "talks")
            if (later := later_of(answer)) is not None:
                await later.ready()
                assert later.tell()["TrainingJobStatus"] == "InProgress"
            seen = house.lines("talks")
        return seen

    assert alive(house, body(), 10) == ["one", "two"]


def test_a_wait_ends_at_its_time_out(tmp_path: Path) -> None:
    """Waiting for the end or for news of a job that goes on returns; for no job, at once."""
    house = parts(tmp_path, FOREVER_PID)

    async def body() -> str:
        await house.jobs.create(order("endless"))
        await house.jobs.settled("endless", 0.05)
        await house.jobs.changed("endless", since=1000, timeout_s=0.05)
        await house.jobs.settled("nobody", 60)
        await house.jobs.changed("nobody", since=0, timeout_s=60)
        return house.jobs.describe("endless").status

    assert alive(house, body(), 10) == "InProgress"


def test_all_lines_are_stored_before_the_job_is_over(tmp_path: Path) -> None:
    """Who sees that it Completed finds its whole log, however much came last."""
    house = parts(tmp_path, START + "print('\\n'.join(f'line {i}' for i in range(5000)))")

    async def body() -> int:
        await house.jobs.create(order("wordy"))
        later = later_of(await describer(house)(WAITER, "wordy"))
        assert later is not None
        await later.ready()
        assert later.tell()["TrainingJobStatus"] == "Completed"
        return len(house.lines("wordy"))

    assert alive(house, body(), 20) == 5000


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server whose jobs take half a second."""
    house = parts(tmp_path_factory.mktemp("house"), HALF_A_SECOND)
    table = operations(house.jobs, Waiting(20), Tags(MemoryRecords()))
    with served(
        [Service("sagemaker", "sagemaker", table, aws_error, "SageMaker")], [house.jobs]
    ) as address:
        yield address


def create(sagemaker: Any, name: str) -> None:
    sagemaker.create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={"TrainingInputMode": "File", "TrainingImage": "script:1"},
        RoleArn="arn:aws:iam::123456789012:role/service-role/Scones",
        OutputDataConfig={"S3OutputPath": "s3://results/models"},
        ResourceConfig={"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )


def test_boto3s_own_waiter_ends_with_the_job(url: str) -> None:
    """Its 120 s between two calls are never slept, and less than a second is added."""
    sagemaker = client("sagemaker", url)
    create(sagemaker, "waited-for")
    began = time.monotonic()
    sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName="waited-for")
    assert time.monotonic() - began < 10
    job = sagemaker.describe_training_job(TrainingJobName="waited-for")
    assert time.time() - job["TrainingEndTime"].timestamp() < 1


def test_a_plain_description_does_not_block(url: str) -> None:
    """boto3 outside a waiter is answered while the job is in progress."""
    sagemaker = client("sagemaker", url)
    create(sagemaker, "looked-at")
    assert (
        sagemaker.describe_training_job(TrainingJobName="looked-at")["TrainingJobStatus"]
        == "InProgress"
    )


async def _held_description(
    place: Place, hosting: Hosting, go: threading.Event, *, delete: bool
) -> Params:
    """What a waiter's held DescribeEndpoint says when the endpoint is up, or deleted."""
    table = endpoint_operations(hosting, Waiting(20), Tags(MemoryRecords()))
    await create_model(place, hosting, "Scones", b"[0.9, 0.1]")
    variants = (variant("AllTraffic", "Scones"),)
    await hosting.create_config(EndpointConfig("Scones", variants, None, clock.epoch_ms()))
    await hosting.create_endpoint("Scones", "Scones")
    answer = await table["DescribeEndpoint"](call_of(WAITER), {"EndpointName": "scones"})
    later = later_of(answer)
    assert later is not None
    ready = asyncio.ensure_future(later.ready())
    asyncio.get_running_loop().call_later(0.05, go.set)
    if delete:
        await hosting.delete_endpoint("Scones")
    await asyncio.wait_for(ready, 10)
    return later.tell()


@pytest.mark.parametrize(("delete", "status"), [(False, "InService"), (True, "Creating")])
def test_an_endpoints_waiter_is_held_until_it_is_up_or_gone(
    tmp_path: Path, delete: bool, status: str
) -> None:
    """A description that was begun says what was last true where the endpoint was deleted."""
    go = threading.Event()

    def load(image: str, folder: Path) -> Teller:
        go.wait(10)
        return load_teller(image, folder)

    async def run() -> str:
        place = Place(tmp_path)
        async with place.hosting(load) as hosting:
            told = await _held_description(place, hosting, go, delete=delete)
            return str(told["EndpointStatus"])

    assert asyncio.run(run()) == status
