"""Endpoints: brought up, invoked, updated, restored after a restart, taken down."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bakehouse import clock
from bakehouse.faults import AlreadyExists, Conflict, InvalidInput, ModelFailed, NotFound
from bakehouse.hosting import inference
from bakehouse.hosting.inference import Inference
from bakehouse.hosting.types import (
    Container,
    EndpointConfig,
    Invocation,
    Model,
    Overloaded,
    Prediction,
)
from bakehouse.hosting.windows import JOURNALS
from support.hosting_parts import (
    BUCKET,
    CAPTURE,
    IMAGE,
    Place,
    Teller,
    create_endpoint,
    create_model,
    gather_all,
    load_teller,
    settled,
    tar_gz,
    until,
    variant,
)

PICTURE = Invocation(b"picture", "image/png")


def test_an_endpoint_answers_with_its_model(tmp_path: Path) -> None:
    """An artifact is fetched, unpacked and loaded; the answer names the variant."""

    async def scenario() -> None:
        place = Place(tmp_path)
        async with place.hosting() as hosting:
            endpoint = await create_endpoint(place, hosting, answer=b"[1.0, 0.0]")
            assert (endpoint.status, endpoint.failure_reason) == ("InService", None)
            answered = await hosting.invoke("Scones", PICTURE)
            assert answered == Prediction(b"[1.0, 0.0]", "application/json", "AllTraffic")
            assert place.logged("Scones") == ["Serving model Scones."]

    asyncio.run(scenario())


def test_names_compare_without_case_but_not_in_invocations(tmp_path: Path) -> None:
    """`scones` cannot be made beside `Scones`, finds it, and cannot invoke it."""

    async def scenario() -> None:
        place = Place(tmp_path)
        async with place.hosting() as hosting:
            await create_endpoint(place, hosting, "Scones")
            with pytest.raises(AlreadyExists, match="scones"):
                await hosting.create_endpoint("scones", "scones")
            assert hosting.endpoints.find("SCONES").name == "Scones"
            with pytest.raises(NotFound):
                await hosting.invoke("scones", PICTURE)
            assert hosting.arn("endpoint", "Scones").endswith(":endpoint/scones")

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        (tar_gz({"answer.txt": b"broken"}), "did not pass the ping health check.*answer.txt"),
        (tar_gz({"other.txt": b""}), "did not pass the ping health check.*FileNotFoundError"),
        (b"no archive", "valid tar.gz archive.*gzip"),
        (None, "Failed to download model data"),
    ],
    ids=["does not load", "raises", "no archive", "gone"],
)
def test_a_model_that_cannot_be_loaded_fails_the_endpoint(
    archive: bytes | None, reason: str, tmp_path: Path
) -> None:
    """The endpoint is Failed, says why, is not invocable, leaves no files, and can be deleted."""

    async def scenario() -> None:
        place = Place(tmp_path)
        async with place.hosting() as hosting:
            await create_model(place, hosting, "m", b"x")
            if archive is None:
                place.objects.delete(BUCKET, "m/model.tar.gz")
            else:
                place.objects.put(BUCKET, "m/model.tar.gz", archive)
            await hosting.create_config(
                EndpointConfig("c", (variant("AllTraffic", "m"),), None, clock.epoch_ms())
            )
            await hosting.create_endpoint("e", "c")
            endpoint = await settled(hosting, "e")
            assert endpoint.status == "Failed"
            assert endpoint.failure_reason is not None
            with pytest.raises(ModelFailed, match=f"(?s){reason}"):
                raise ModelFailed(500, endpoint.failure_reason)
            assert place.logged("e") == [endpoint.failure_reason]
            with pytest.raises(NotFound):
                await hosting.invoke("e", PICTURE)
            assert list((tmp_path / "hosting").iterdir()) == []
            await hosting.delete_endpoint("e")
            with pytest.raises(NotFound):
                hosting.endpoints.find("e")

    asyncio.run(scenario())


def test_traffic_is_shared_by_weight(tmp_path: Path) -> None:
    """Variants answer in proportion to their weights; a target is reached whatever its weight."""

    async def scenario() -> None:
        place = Place(tmp_path)
        async with place.hosting() as hosting:
            for name in ("a", "b", "c"):
                await create_model(place, hosting, name, name.encode())
            variants = (variant("A", "a", 3.0), variant("B", "b", 1.0), variant("C", "c", 0.0))
            await hosting.create_config(EndpointConfig("abc", variants, None, 0))
            await hosting.create_endpoint("abc", "abc")
            await settled(hosting, "abc")
            answers = [await hosting.invoke("abc", PICTURE) for _ in range(400)]
            shares = Counter(answer.body for answer in answers)
            assert 240 <= shares[b"a"] <= 355
            assert shares[b"a"] + shares[b"b"] == 400
            target = replace(PICTURE, target_variant="C")
            assert (await hosting.invoke("abc", target)).body == b"c"
            with pytest.raises(NotFound, match="'D'"):
                await hosting.invoke("abc", replace(PICTURE, target_variant="D"))

    asyncio.run(scenario())


def test_a_configuration_is_checked(tmp_path: Path) -> None:
    """Names, weights, percentages, modes, destinations and models must be what they should."""
    good = variant("AllTraffic", "m")
    wrong = [
        EndpointConfig("-c", (good,), None, 0),
        EndpointConfig("c" * 64, (good,), None, 0),
        EndpointConfig("c", (), None, 0),
        EndpointConfig("c", (good, good), None, 0),
        EndpointConfig("c", (replace(good, weight=float("nan")),), None, 0),
        EndpointConfig("c", (replace(good, weight=-1.0),), None, 0),
        EndpointConfig("c", (replace(good, instance_count=0),), None, 0),
        EndpointConfig("c", (replace(good, name="a b"),), None, 0),
        EndpointConfig("c", (good,), replace(CAPTURE, percentage=101), 0),
        EndpointConfig("c", (good,), replace(CAPTURE, modes=()), 0),
        EndpointConfig("c", (good,), replace(CAPTURE, destination="https://bakery/x"), 0),
        EndpointConfig("c", (good,), replace(CAPTURE, destination=f"s3://{'b' * 600}"), 0),
    ]

    async def scenario() -> None:
        place = Place(tmp_path)
        async with place.hosting() as hosting:
            await create_model(place, hosting, "m", b"x")
            for config in wrong:
                with pytest.raises(InvalidInput):
                    await hosting.create_config(config)
            with pytest.raises(NotFound, match="model"):
                await hosting.create_config(EndpointConfig("c", (variant("A", "n"),), None, 0))
            with pytest.raises(InvalidInput, match="Could not find model data at s3://bakery/no"):
                await hosting.create_model(Model("n", Container(IMAGE, "s3://bakery/no"), None, 0))
            assert hosting.configs.all() == []

    asyncio.run(scenario())


def test_an_endpoint_does_not_need_its_configuration(tmp_path: Path) -> None:
    """Deleting the model and the configuration leaves the endpoint as it is, also later."""

    async def scenario() -> None:
        place = Place(tmp_path)
        async with place.hosting() as hosting:
            await create_endpoint(place, hosting)
            await hosting.configs.remove("Scones")
            await hosting.models.remove("Scones")
        async with place.hosting() as hosting:
            assert (await hosting.invoke("Scones", PICTURE)).body == b"[0.9, 0.1]"

    asyncio.run(scenario())


def test_an_update_never_stops_the_traffic(tmp_path: Path) -> None:
    """The old model answers until the new one is loaded, then the new one does."""

    async def scenario() -> None:
        place = Place(tmp_path)
        async with place.hosting() as hosting:
            await create_endpoint(place, hosting, answer=b"old")
            await create_model(place, hosting, "new", b"new")
            await hosting.create_config(EndpointConfig("new", (variant("V", "new"),), CAPTURE, 0))
            await hosting.update_endpoint("Scones", "new")
            assert hosting.endpoints.find("Scones").status == "Updating"
            with pytest.raises(Conflict, match="Updating"):
                await hosting.update_endpoint("Scones", "new")
            seen = []
            while hosting.endpoints.find("Scones").status == "Updating":
                seen.append((await hosting.invoke("Scones", PICTURE)).body)
            seen.append((await hosting.invoke("Scones", PICTURE)).body)
            assert seen[0] == b"old"
            assert seen[-1] == b"new"
            assert hosting.endpoints.find("Scones").current.config_name == "new"
            assert len(list((tmp_path / "hosting").iterdir())) == 1

    asyncio.run(scenario())


def test_an_update_that_fails_leaves_the_endpoint_as_it_was(tmp_path: Path) -> None:
    """Status InService again, with the reason; the old model goes on to answer."""

    async def scenario() -> None:
        place = Place(tmp_path)
        async with place.hosting() as hosting:
            await create_endpoint(place, hosting, answer=b"old")
            await create_model(place, hosting, "new", b"broken")
            await hosting.create_config(EndpointConfig("new", (variant("V", "new"),), None, 0))
            await hosting.update_endpoint("Scones", "new")
            endpoint = await settled(hosting, "Scones")
            assert (endpoint.status, endpoint.current.config_name) == ("InService", "Scones")
            assert "variant V did not pass" in (endpoint.failure_reason or "")
            assert (await hosting.invoke("Scones", PICTURE)).body == b"old"

    asyncio.run(scenario())


def test_an_update_may_keep_weights_and_capture(tmp_path: Path) -> None:
    """Retained properties come from the present deployment, but for the excluded ones."""

    async def scenario() -> None:
        place = Place(tmp_path)
        async with place.hosting() as hosting:
            await create_endpoint(place, hosting, capture=CAPTURE)
            other = replace(variant("AllTraffic", "Scones", 5.0), instance_count=2)
            await hosting.create_config(EndpointConfig("new", (other,), None, 0))
            await hosting.update_endpoint(
                "Scones", "new", retain=True, excluded=["DesiredInstanceCount"]
            )
            current = (await settled(hosting, "Scones")).current
            assert current.capture == CAPTURE
            assert (current.variants[0].weight, current.variants[0].instance_count) == (1.0, 2)
            await hosting.update_endpoint(
                "Scones", "new", retain=True, excluded=["DataCaptureConfig", "DesiredWeight"]
            )
            current = (await settled(hosting, "Scones")).current
            assert (current.capture, current.variants[0].weight) == (None, 5.0)

    asyncio.run(scenario())


def test_invocations_wait_for_an_endpoint_that_is_loaded_again(tmp_path: Path) -> None:
    """After a restart the start does not wait for models, and no invocation is refused."""
    slow = Teller(b"")

    def load_late(image: str, folder: Path) -> Teller:
        slow.released.wait(10)
        return load_teller(image, folder)

    async def scenario() -> None:
        place = Place(tmp_path)
        async with place.hosting() as hosting:
            await create_endpoint(place, hosting)
        async with place.hosting(load_late) as hosting:
            asked = asyncio.create_task(hosting.invoke("Scones", PICTURE))
            await asyncio.sleep(0)
            assert not asked.done()
            slow.released.set()
            assert (await asked).body == b"[0.9, 0.1]"

    asyncio.run(scenario())


def test_what_was_under_way_is_taken_up_after_a_restart(tmp_path: Path) -> None:
    """A creation and an update that a stop interrupted are completed by the next start."""
    stuck = Teller(b"")

    def load_stuck(image: str, folder: Path) -> Teller:
        stuck.released.wait(10)
        return load_teller(image, folder)

    async def scenario() -> None:
        place = Place(tmp_path)
        async with place.hosting() as hosting:
            await create_endpoint(place, hosting, answer=b"old")
            await create_model(place, hosting, "new", b"new")
            await hosting.create_config(EndpointConfig("new", (variant("V", "new"),), None, 0))
        async with place.hosting(load_stuck) as hosting:
            await hosting.create_endpoint("Fresh", "new")
            asyncio.get_running_loop().call_later(0.05, stuck.released.set)
        async with place.hosting() as hosting:
            assert (await settled(hosting, "Fresh")).status == "InService"
            await hosting.invoke("Scones", PICTURE)
            await hosting.update_endpoint("Scones", "new")
        async with place.hosting() as hosting:
            await settled(hosting, "Scones")
            assert (await hosting.invoke("Scones", PICTURE)).body == b"new"
            assert (await hosting.invoke("Fresh", PICTURE)).body == b"new"

    asyncio.run(scenario())


def test_an_endpoint_whose_artifact_is_gone_fails_after_a_restart(tmp_path: Path) -> None:
    """What cannot be loaded again is Failed, with the reason, and not found when invoked."""

    async def scenario() -> None:
        place = Place(tmp_path)
        async with place.hosting() as hosting:
            await create_endpoint(place, hosting)
        place.objects.delete(BUCKET, "Scones/model.tar.gz")
        async with place.hosting() as hosting:
            with pytest.raises(NotFound):
                await hosting.invoke("Scones", PICTURE)
            assert hosting.endpoints.find("Scones").status == "Failed"

    asyncio.run(scenario())


def test_deleting_an_endpoint_frees_its_model(tmp_path: Path) -> None:
    """A deleted endpoint is gone, also while it is being created, and its folder with it."""
    stuck = Teller(b"")

    def load_stuck(image: str, folder: Path) -> Teller:
        stuck.released.wait(10)
        return load_teller(image, folder)

    async def scenario() -> None:
        place = Place(tmp_path)
        async with place.hosting(load_stuck) as hosting:
            await create_model(place, hosting, "m", b"x")
            await hosting.create_config(EndpointConfig("c", (variant("V", "m"),), None, 0))
            await hosting.create_endpoint("e", "c")
            await until(lambda: any((tmp_path / "hosting").iterdir()))
            await hosting.delete_endpoint("e")
            stuck.released.set()
            await until(lambda: not any((tmp_path / "hosting").iterdir()))
            assert hosting.endpoints.all() == []
            await hosting.create_endpoint("e", "c")
            assert (await settled(hosting, "e")).status == "InService"
            await hosting.delete_endpoint("e")
            assert not any((tmp_path / "hosting").iterdir())

    asyncio.run(scenario())


def test_a_failed_invocation_is_logged_and_not_captured(tmp_path: Path) -> None:
    """A refusal keeps the model's status; what a model raises otherwise is a 500."""

    async def scenario() -> None:
        place = Place(tmp_path)
        async with place.hosting() as hosting:
            await create_endpoint(place, hosting, capture=CAPTURE)
            with pytest.raises(ModelFailed, match="unable to evaluate payload provided") as bad:
                await hosting.invoke("Scones", replace(PICTURE, body=b"bad"))
            with pytest.raises(ModelFailed, match="ZeroDivisionError: nothing to divide") as bug:
                await hosting.invoke("Scones", replace(PICTURE, body=b"bug"))
            assert (bad.value.status, bug.value.status) == (400, 500)
        assert place.captured() == []
        assert "An invocation failed: 400 unable to" in "\n".join(place.logged("Scones"))

    asyncio.run(scenario())


def test_a_model_that_is_late_fails_with_status_0(tmp_path: Path) -> None:
    """After the time limit the caller is told; the thread ends when the model does."""
    teller = Teller(b"late")

    async def scenario() -> None:
        place = Place(tmp_path)
        async with place.hosting(
            lambda image, folder: teller, inference=Inference(threads=1, answer_s=0.05)
        ) as hosting:
            await create_endpoint(place, hosting)
            with pytest.raises(ModelFailed, match="Your invocation timed out") as late:
                await hosting.invoke("Scones", replace(PICTURE, body=b"slow"))
            assert late.value.status == 0
            teller.released.set()

    asyncio.run(scenario())


def test_too_many_invocations_are_refused(tmp_path: Path) -> None:
    """Beyond the limit an invocation is refused at once, and the others are answered."""
    teller = Teller(b"x")

    async def scenario() -> None:
        place = Place(tmp_path)
        async with place.hosting(
            lambda image, folder: teller, inference=Inference(threads=2)
        ) as hosting:
            await create_endpoint(place, hosting)
            slow = replace(PICTURE, body=b"slow")
            calls = [hosting.invoke("Scones", slow) for _ in range(inference.WAITING + 5)]
            together = asyncio.create_task(gather_all(list(calls)))
            await asyncio.sleep(0.1)
            teller.released.set()
            answers = await together
            assert sum(isinstance(one, Overloaded) for one in answers) == 5
            assert sum(isinstance(one, Prediction) for one in answers) == inference.WAITING

    asyncio.run(scenario())


def test_metrics_tell_of_invocations_and_errors(tmp_path: Path) -> None:
    """Counts, errors and latencies in microseconds reach the store, summed by minute."""

    async def scenario() -> None:
        place = Place(tmp_path)
        async with place.hosting() as hosting:
            await create_endpoint(place, hosting)
            for body in (b"x", b"x", b"x", b"bad"):
                await gather_all([hosting.invoke("Scones", replace(PICTURE, body=body))])
        now = datetime.now(UTC)

        def total(name: str) -> tuple[float, float]:
            found = place.metrics.statistics(
                "AWS/SageMaker",
                name,
                (("EndpointName", "Scones"), ("VariantName", "AllTraffic")),
                start=now - timedelta(minutes=5),
                end=now + timedelta(minutes=5),
            )
            return sum(one.count for one in found), sum(one.total for one in found)

        assert total("Invocations") == (4, 4)
        assert total("InvocationsPerInstance") == (4, 4)
        assert total("Invocation4XXErrors") == (4, 1)
        assert total("Invocation5XXErrors") == (4, 0)
        assert total("InvocationModelErrors") == (4, 1)
        assert total("ModelLatency")[0] == 3
        assert 0 < total("OverheadLatency")[1] < 3_000_000

    asyncio.run(scenario())


def test_captured_data_reaches_s3(tmp_path: Path) -> None:
    """Every answered invocation is one line of one object, and its journal is gone."""

    async def scenario() -> None:
        place = Place(tmp_path)
        async with place.hosting(idle_s=0.05) as hosting:
            await create_endpoint(place, hosting, capture=CAPTURE)
            for number in range(5):
                await hosting.invoke("Scones", replace(PICTURE, inference_id=str(number)))
            assert len(place.records.journals(JOURNALS)) == 1
            await until(lambda: len(place.captured_keys()) == 1)
            await until(lambda: place.records.journals(JOURNALS) == [])
        lines = place.captured()
        assert len(lines) == 5
        assert all(line.endswith(b'"eventVersion":"0"}\n') for line in lines)
        assert place.captured_keys()[0].startswith("captured/Scones/AllTraffic/20")

    asyncio.run(scenario())


def test_a_share_of_the_traffic_is_captured(tmp_path: Path) -> None:
    """Sampling is by request; 0 per cent, or capture that is off, records nothing."""

    async def scenario() -> None:
        place = Place(tmp_path)
        async with place.hosting() as hosting:
            shares = {"half": 50, "none": 0}
            for name, percentage in shares.items():
                capture = replace(CAPTURE, percentage=percentage)
                await create_endpoint(place, hosting, name, capture=capture)
            await create_endpoint(place, hosting, "off", capture=replace(CAPTURE, enabled=False))
            for _ in range(300):
                await asyncio.gather(
                    *(hosting.invoke(name, PICTURE) for name in ("half", "none", "off"))
                )
        assert {key.split("/")[1] for key in place.captured_keys()} == {"half"}
        assert 100 < len(place.captured()) < 200

    asyncio.run(scenario())


def test_deleting_an_endpoint_writes_out_what_it_captured(tmp_path: Path) -> None:
    """When the deletion returns, the records are in S3."""

    async def scenario() -> None:
        place = Place(tmp_path)
        async with place.hosting() as hosting:
            await create_endpoint(place, hosting, capture=CAPTURE)
            await hosting.invoke("Scones", PICTURE)
            await hosting.delete_endpoint("Scones")
            assert len(place.captured()) == 1

    asyncio.run(scenario())
