"""From a change of an object to its delivery: what is stored, tried again, and given up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bakehouse.faults import CallRefused, Conflict, LimitExceeded
from bakehouse.notifications import Notifications, outbox
from bakehouse.notifications.bucket_rules import BucketRules, FunctionRule, to_document
from bakehouse.notifications.inputs import Shape
from bakehouse.notifications.rules import MOST_RULES, Rule, Target
from bakehouse.storage.blobs import FileBlobs
from bakehouse.storage.memory import MemoryRecords
from bakehouse.storage.objects import ObjectStore
from bakehouse.storage.records import every

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:told"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:run"
SOON_S = 10.0
Answers = Callable[[int, str, dict[str, Any]], dict[str, Any]]


class Receiver:
    """What stands behind the targets: notes what comes, and answers as it is told to."""

    def __init__(self, answers: Answers = lambda count, operation, params: {}) -> None:
        self._answers = answers
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.reports: list[str] = []
        self.busiest = 0
        self._busy = 0
        self._changed = asyncio.Condition()

    async def call(self, service: str, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """Run an operation."""
        self._busy += 1
        self.busiest = max(self.busiest, self._busy)
        await asyncio.sleep(0)
        self._busy -= 1
        async with self._changed:
            self.calls.append((operation, params))
            self._changed.notify_all()
        return self._answers(len(self.calls), operation, params)

    def report(self, group: str, stream: str, events: Sequence[tuple[int, str]]) -> None:
        """Be told of what was given up."""
        self.reports += [text for _, text in events]

    async def received(self, count: int) -> list[Any]:
        """The first messages, once there are so many."""
        async with asyncio.timeout(SOON_S), self._changed:
            await self._changed.wait_for(lambda: len(self.calls) >= count)
        texts = [params.get("Payload") or params["input"] for _, params in self.calls]
        return [json.loads(text) for text in texts]


class Scene:
    """Notifications over a store with the bucket ``photos``."""

    def __init__(self, folder: Path, receiver: Receiver) -> None:
        self.records = MemoryRecords()
        self.receiver = receiver
        self.told = self.again()
        self.store = ObjectStore(self.records, FileBlobs(folder), watch=self.told)
        self.store.create_bucket("photos")

    def again(self) -> Notifications:
        """A new part over the same records, as after a restart."""
        return Notifications(
            self.records,
            call=self.receiver.call,
            append_log=self.receiver.report,
            account_id="123456789012",
            region="us-east-1",
        )

    async def telling(self, *functions: FunctionRule, to_bus: bool = False) -> None:
        """Let the bucket tell."""
        document = to_document(BucketRules(functions, to_bus))
        await self.store.set_setting_async("photos", "notification", document)

    def put(self, key: str, content: bytes = b"abc") -> None:
        """Write an object."""
        self.store.put("photos", key, content)

    def waiting(self) -> int:
        """How many messages are stored."""
        kinds = ("notifications/ready", "notifications/later")
        return sum(1 for kind in kinds for _ in every(self.records, kind))

    async def emptied(self) -> None:
        """Wait until nothing is stored any more."""
        async with asyncio.timeout(SOON_S):
            while self.waiting():
                await asyncio.sleep(0.01)


ALL = FunctionRule("all", FUNCTION, ("ObjectCreated:*",))


def play(
    folder: Path,
    act: Callable[[Scene], Awaitable[None]],
    answers: Answers = lambda count, operation, params: {},
) -> Scene:
    """Run a scene from start to stop."""

    async def run() -> Scene:
        scene = Scene(folder, Receiver(answers))
        await scene.told.start()
        try:
            await act(scene)
        finally:
            await scene.told.stop()
        return scene

    return asyncio.run(run())


def test_a_function_is_told_of_the_objects_that_its_rule_names(tmp_path: Path) -> None:
    """By events, prefix and suffix; in the form of S3's records."""

    async def act(scene: Scene) -> None:
        rule = FunctionRule("mine", FUNCTION, ("ObjectCreated:Put",), "in/", ".png")
        await scene.telling(rule)
        for key in ("out/a.png", "in/a.txt", "in/a b+ü.png"):
            await asyncio.to_thread(scene.put, key)
        (message,) = await scene.receiver.received(1)
        (record,) = message["Records"]
        assert (record["eventName"], record["eventVersion"]) == ("ObjectCreated:Put", "2.1")
        assert record["s3"]["configurationId"] == "mine"
        assert record["s3"]["bucket"]["name"] == "photos"
        told = record["s3"]["object"]
        assert (told["key"], told["size"]) == ("in/a+b%2B%C3%BC.png", 3)
        assert told["eTag"] == "900150983cd24fb0d6963f7d28e17f72"
        await scene.emptied()

    scene = play(tmp_path, act)
    assert [operation for operation, _ in scene.receiver.calls] == ["Invoke"]


def test_later_changes_have_greater_sequencers(tmp_path: Path) -> None:
    """So that a function knows the order, in which messages need not arrive."""

    async def act(scene: Scene) -> None:
        removed = FunctionRule("gone", FUNCTION, ("ObjectRemoved:Delete",))
        await scene.telling(ALL, removed)
        for content in (b"1", b"2"):
            await asyncio.to_thread(scene.put, "key", content)
        await asyncio.to_thread(scene.store.delete, "photos", "key", "never-there")
        messages = await scene.receiver.received(3)
        told = [message["Records"][0] for message in messages]
        told.sort(key=lambda record: record["s3"]["object"]["sequencer"])
        assert [record["eventName"] for record in told] == [
            "ObjectCreated:Put",
            "ObjectCreated:Put",
            "ObjectRemoved:Delete",
        ]
        assert "size" not in told[2]["s3"]["object"]

    play(tmp_path, act)


def test_a_machine_is_started_by_a_rule_of_the_bus(tmp_path: Path) -> None:
    """With what its target makes of the event; the execution has the message's own name."""

    async def act(scene: Scene) -> None:
        pattern = {"source": ["aws.s3"], "detail": {"object": {"key": [{"suffix": ".png"}]}}}
        await scene.told.rules.put(Rule("photos", json.dumps(pattern)))
        whole = Target("whole", MACHINE, "role")
        part = Target("part", MACHINE, "role", Shape(path="$.detail.object.key"))
        await scene.told.rules.add_targets("photos", [whole, part])
        await scene.telling(to_bus=True)
        for key in ("a.png", "a.txt"):
            await asyncio.to_thread(scene.put, key)
        received = await scene.receiver.received(2)
        event = next(one for one in received if one != "a.png")
        assert "a.png" in received
        assert event["detail-type"] == "Object Created"
        assert event["detail"]["bucket"] == {"name": "photos"}
        assert event["detail"]["reason"] == "PutObject"
        assert event["resources"] == ["arn:aws:s3:::photos"]
        await scene.emptied()
        names = {params["name"] for _, params in scene.receiver.calls}
        assert len(names) == 2
        assert all(name.startswith(event["id"]) for name in names)

    play(tmp_path, act)


def test_what_was_stored_is_delivered_after_a_restart(tmp_path: Path) -> None:
    """Also what was under way when the server ended: at least once."""

    async def run() -> None:
        scene = Scene(tmp_path, Receiver())
        await scene.telling(ALL)
        await asyncio.to_thread(scene.put, "before")
        assert scene.waiting() == 1
        later = scene.again()
        await later.start()
        (message,) = await scene.receiver.received(1)
        assert message["Records"][0]["s3"]["object"]["key"] == "before"
        await scene.emptied()
        await later.stop()

    asyncio.run(run())


def test_a_handler_that_fails_is_tried_three_times(tmp_path: Path) -> None:
    """Then the message is given up, and told of."""

    def fail(count: int, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        return {"FunctionError": "Unhandled", "Payload": b'{"errorMessage": "no"}'}

    async def act(scene: Scene) -> None:
        await scene.telling(ALL)
        await asyncio.to_thread(scene.put, "key")
        await scene.receiver.received(3)
        await scene.emptied()

    scene = play(tmp_path, act, fail)
    assert len(scene.receiver.calls) == 3
    (report,) = scene.receiver.reports
    assert "bucket photos" in report
    assert FUNCTION in report
    assert '"errorMessage": "no"' in report


@pytest.mark.parametrize(
    ("code", "status", "tried"),
    [("TooManyRequestsException", 429, 3), ("ResourceNotFoundException", 404, 1)],
)
def test_a_refusal_is_tried_again_if_it_may_pass(
    tmp_path: Path, code: str, status: int, tried: int
) -> None:
    """A busy function is waited for, one that is not there is not."""

    def refuse(count: int, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        if count < 3:
            raise CallRefused("lambda", code, status, "no", "id")
        return {}

    async def act(scene: Scene) -> None:
        await scene.telling(ALL)
        await asyncio.to_thread(scene.put, "key")
        await scene.receiver.received(tried)
        await scene.emptied()

    scene = play(tmp_path, act, refuse)
    assert len(scene.receiver.calls) == tried
    assert len(scene.receiver.reports) == (tried == 1)


def test_an_execution_that_is_there_already_is_no_failure(tmp_path: Path) -> None:
    """A message that is delivered twice starts one."""

    def taken(count: int, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        raise CallRefused("stepfunctions", "ExecutionAlreadyExists", 400, "there", "id")

    async def act(scene: Scene) -> None:
        await scene.told.rules.put(Rule("all", '{"source": ["mine"]}'))
        await scene.told.rules.add_targets("all", [Target("1", MACHINE, "role")])
        await scene.told.put_events([{"source": "mine", "detail": {}}])
        await scene.receiver.received(1)
        await scene.emptied()

    assert play(tmp_path, act, taken).receiver.reports == []


def test_a_targets_own_limit_of_attempts_holds(tmp_path: Path) -> None:
    """None after the first, where it says so."""

    def busy(count: int, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        raise CallRefused("lambda", "TooManyRequestsException", 429, "busy", "id")

    async def act(scene: Scene) -> None:
        await scene.told.rules.put(Rule("all", '{"source": ["mine"]}'))
        target = Target("1", FUNCTION, retry={"attempts": 0})
        await scene.told.rules.add_targets("all", [target])
        await scene.told.put_events([{"source": "mine", "detail": {}}])
        await scene.receiver.received(1)
        await scene.emptied()

    scene = play(tmp_path, act, busy)
    assert (len(scene.receiver.calls), len(scene.receiver.reports)) == (1, 1)


def test_only_so_many_are_under_way(tmp_path: Path) -> None:
    """However many wait; each is delivered once."""

    async def act(scene: Scene) -> None:
        await scene.told.rules.put(Rule("all", '{"source": ["mine"]}'))
        await scene.told.rules.add_targets("all", [Target("1", FUNCTION)])
        events = [{"source": "mine", "detail": {"n": n}} for n in range(100)]
        await scene.told.put_events(events)
        received = await scene.receiver.received(100)
        assert sorted(one["detail"]["n"] for one in received) == list(range(100))
        await scene.emptied()

    scene = play(tmp_path, act)
    assert len(scene.receiver.calls) == 100
    assert scene.receiver.busiest <= outbox.IN_FLIGHT


def test_a_disabled_rule_and_a_bad_template_send_nothing(tmp_path: Path) -> None:
    """The one says nothing, the other is told of."""

    async def act(scene: Scene) -> None:
        rules = scene.told.rules
        await rules.put(Rule("off", '{"source": ["mine"]}', is_enabled=False))
        await rules.add_targets("off", [Target("1", FUNCTION)])
        await rules.put(Rule("bad", '{"source": ["mine"]}'))
        shape = Shape(template="no JSON <id>", paths={"id": "$.id"})
        await rules.add_targets("bad", [Target("1", FUNCTION, shape=shape)])
        await scene.told.put_events([{"source": "mine", "detail": {}}])
        await scene.emptied()

    scene = play(tmp_path, act)
    assert scene.receiver.calls == []
    assert [report for report in scene.receiver.reports if "rule bad" in report]


def test_rules_have_limits(tmp_path: Path) -> None:
    """Their number, their targets, and what may be deleted."""

    async def act(scene: Scene) -> None:
        rules = scene.told.rules
        for number in range(MOST_RULES):
            await rules.put(Rule(f"r{number}", '{"source": ["x"]}'))
        with pytest.raises(LimitExceeded):
            await rules.put(Rule("one-more", '{"source": ["x"]}'))
        await rules.put(Rule("r0", '{"source": ["y"]}'))
        with pytest.raises(LimitExceeded):
            await rules.add_targets("r0", [Target(str(n), FUNCTION) for n in range(6)])
        await rules.add_targets("r0", [Target("1", FUNCTION)])
        with pytest.raises(Conflict):
            await rules.delete("r0")

    play(tmp_path, act)
