"""A small hosting to test with: real storage, real archives, and a model that is a text file."""

from __future__ import annotations

import asyncio
import gzip
import io
import tarfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from bakehouse import clock
from bakehouse.faults import InvalidInput, ModelFailed
from bakehouse.hosting import Hosting
from bakehouse.hosting.inference import Inference
from bakehouse.hosting.types import (
    Capture,
    Container,
    Endpoint,
    EndpointConfig,
    LoadModel,
    Model,
    Variant,
)
from bakehouse.storage.blobs import MemoryBlobs
from bakehouse.storage.logs import LogStore
from bakehouse.storage.memory import MemoryRecords
from bakehouse.storage.metrics import MetricStore
from bakehouse.storage.objects import ObjectStore
from bakehouse.storage.records import Records

IMAGE = "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1"
BUCKET = "bakery"
CAPTURE = Capture(
    enabled=True,
    percentage=100,
    destination=f"s3://{BUCKET}/captured",
    modes=("Input", "Output"),
    csv_types=("text/csv",),
    json_types=("application/json",),
)


def tar_gz(files: Mapping[str, bytes]) -> bytes:
    """A model.tar.gz with these files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def tar_gz_of(*entries: tarfile.TarInfo) -> bytes:
    """A model.tar.gz with these headers and no content."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for entry in entries:
            archive.addfile(entry)
    return gzip.compress(packed.getvalue(), 1)


@dataclass
class Teller:
    """A model that answers with what its artifact says, and fails for the body ``bad``."""

    answer: bytes
    released: threading.Event = field(default_factory=threading.Event)

    def predict(self, body: bytes, content_type: str, accept: str | None) -> tuple[bytes, str]:
        if body == b"bad":
            raise ModelFailed(400, "unable to evaluate payload provided")
        if body == b"bug":
            raise ZeroDivisionError("nothing to divide by")
        if body == b"slow":
            self.released.wait(10)
        return self.answer, accept or "application/json"


def load_teller(image: str, folder: Path) -> Teller:
    """The model of an unpacked artifact; one that is ``broken`` does not load."""
    answer = (folder / "answer.txt").read_bytes()
    if answer == b"broken":
        raise InvalidInput("answer.txt", "broken", "an answer")
    return Teller(answer)


@dataclass
class Place:
    """What survives a restart: storage, and the folder that hosting may use."""

    folder: Path
    records: Records = field(default_factory=MemoryRecords)

    def __post_init__(self) -> None:
        self.objects = ObjectStore(self.records, MemoryBlobs())
        self.metrics, self.logs = MetricStore(self.records), LogStore(self.records)
        if not self.objects.buckets():
            self.objects.create_bucket(BUCKET)

    @asynccontextmanager
    async def hosting(
        self,
        load: LoadModel = load_teller,
        *,
        window_s: float = 60.0,
        idle_s: float = 30.0,
        inference: Inference | None = None,
    ) -> AsyncIterator[Hosting]:
        """A started hosting, stopped at the end."""
        hosting = Hosting(
            self.records,
            self.objects,
            self.metrics,
            self.logs,
            self.folder / "hosting",
            load_model=load,
            account_id="123456789012",
            region="us-east-1",
            capture_window_s=window_s,
            capture_idle_s=idle_s,
            archive_bytes=1 << 20,
            inference=inference,
        )
        await hosting.start()
        try:
            yield hosting
        finally:
            await hosting.stop()

    def put_model(self, key: str, answer: bytes) -> str:
        """Store an artifact; its URI."""
        self.objects.put(BUCKET, key, tar_gz({"answer.txt": answer}))
        return f"s3://{BUCKET}/{key}"

    def captured_keys(self) -> list[str]:
        """The names of the objects with captured data."""
        return [info.key for info in self.objects.listing(BUCKET, prefix="captured/").objects]

    def captured(self) -> list[bytes]:
        """Every captured line, object after object."""
        contents = [
            self.objects.read(BUCKET, key, limit_bytes=1 << 30) for key in self.captured_keys()
        ]
        return [line for content in contents for line in content.splitlines(keepends=True)]

    def logged(self, endpoint: str) -> list[str]:
        group = f"/aws/sagemaker/Endpoints/{endpoint}"
        streams = self.logs.streams(group)
        return [
            event.message
            for stream in streams
            for event in self.logs.events(group, stream.name).events
        ]


async def create_model(place: Place, hosting: Hosting, name: str, answer: bytes) -> None:
    """A model with an artifact that answers so."""
    url = place.put_model(f"{name}/model.tar.gz", answer)
    await hosting.create_model(Model(name, Container(IMAGE, url), None, clock.epoch_ms()))


def variant(name: str, model: str, weight: float = 1.0) -> Variant:
    return Variant(name, model, weight, 1, "ml.m5.large")


async def create_endpoint(
    place: Place,
    hosting: Hosting,
    name: str = "Scones",
    *,
    answer: bytes = b"[0.9, 0.1]",
    capture: Capture | None = None,
) -> Endpoint:
    """Model, configuration and endpoint of one name; waits until it is up or Failed."""
    await create_model(place, hosting, name, answer)
    variants = (variant("AllTraffic", name),)
    await hosting.create_config(EndpointConfig(name, variants, capture, clock.epoch_ms()))
    await hosting.create_endpoint(name, name)
    return await settled(hosting, name)


async def settled(hosting: Hosting, name: str) -> Endpoint:
    """The endpoint as soon as nothing is under way for it."""
    await until(lambda: hosting.endpoints.find(name).status not in ("Creating", "Updating"))
    return hosting.endpoints.find(name)


async def until(is_so: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Wait for something that only the outside tells, as a client that polls does."""
    async with asyncio.timeout(timeout_s):
        while not is_so():
            await asyncio.sleep(0.005)


async def gather_all(answers: list[Awaitable[object]]) -> list[object]:
    return list(await asyncio.gather(*answers, return_exceptions=True))


def record(line: bytes) -> dict[str, Any]:
    """A captured line as a document."""
    parsed: dict[str, Any] = orjson.loads(line)
    return parsed
