"""Invocations of an endpoint against ONNX Runtime alone, in the same run, as ratios.

    python benchmarks/endpoint.py [--seconds 1.5] [--rounds 3]

The model is the algorithm's own network with random weights; the picture a PNG of 32 x 32. *Raw* is
decode + run on plain threads: one for one caller, one for each core for eight. *Endpoint* is
`Hosting.invoke` over SQLite, without and with capture of both sides of every request; *commit* is
what capture cannot do without, one durable record of that size for each call. All take turns, so
that a busy machine is busy for all; each figure is the median of the rounds. CPU is that of the
process, all threads, which a busy machine changes least. Needs the `train` extra, for the network.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import statistics
import tarfile
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from bakehouse import clock
from bakehouse.algorithms.image_classification.artifact import Metadata, sha256, write_metadata
from bakehouse.algorithms.image_classification.graph import to_onnx
from bakehouse.algorithms.image_classification.networks import small_network
from bakehouse.algorithms.image_classification.plan import WIDTHS
from bakehouse.algorithms.image_classification.serving import load
from bakehouse.hosting import Hosting
from bakehouse.hosting.types import (
    Capture,
    Container,
    EndpointConfig,
    Invocation,
    Model,
    Predictor,
    Variant,
)
from bakehouse.storage.blobs import FileBlobs
from bakehouse.storage.logs import LogStore
from bakehouse.storage.metrics import MetricStore
from bakehouse.storage.objects import ObjectStore
from bakehouse.storage.records import Append, commit_async
from bakehouse.storage.sqlite import SqliteRecords

SHAPE = (3, 32, 32)
Timed = tuple[list[float], float, float]
"""The seconds of each call, the seconds of all, and the CPU seconds of all."""


def write_artifact(folder: Path, widths: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    mean, deviation = torch.full((3,), 120.0), torch.full((3,), 60.0)
    graph = to_onnx(small_network(SHAPE, 2, widths, mean, deviation).eval(), SHAPE, 2, mirror=True)
    (folder / "model.onnx").write_bytes(graph)
    write_metadata(folder, Metadata(SHAPE, 2, sha256(graph), None, {}, {}, {}, {}))


def picture() -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 4), np.uint8)
    pixels[..., 3] = 255
    encoded = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(encoded, "PNG")
    return encoded.getvalue()


def packed(folder: Path) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, path.name)
    return archive.getvalue()


def raw(predictor: Predictor, body: bytes, threads: int, seconds: float) -> Timed:
    """Decode and run on so many threads."""
    spans: list[float] = []

    def run(end: float) -> None:
        while (began := time.perf_counter()) < end:
            predictor.predict(body, "image/png", None)
            spans.append(time.perf_counter() - began)

    began, cpu = time.perf_counter(), time.process_time()
    running = [threading.Thread(target=run, args=(began + seconds,)) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return spans, time.perf_counter() - began, time.process_time() - cpu


async def together(call: Callable[[], Awaitable[object]], callers: int, seconds: float) -> Timed:
    """So many callers, each with one call at a time."""
    spans: list[float] = []

    async def run(end: float) -> None:
        while (began := time.perf_counter()) < end:
            await call()
            spans.append(time.perf_counter() - began)

    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(run(began + seconds) for _ in range(callers)))
    return spans, time.perf_counter() - began, time.process_time() - cpu


@asynccontextmanager
async def opened(folder: Path, records: SqliteRecords, artifact: bytes) -> AsyncIterator[Hosting]:
    """A hosting with the endpoints `plain` and `captured`."""
    objects = ObjectStore(records, FileBlobs(folder / "blobs"))
    objects.create_bucket("bench")
    objects.put("bench", "model.tar.gz", artifact)
    hosting = Hosting(
        records,
        objects,
        MetricStore(records),
        LogStore(records),
        folder / "models",
        load_model=lambda image, where: load(where, 1_000_000),
        account_id="123456789012",
        region="us-east-1",
        capture_window_s=60.0,
        capture_idle_s=1.0,
        archive_bytes=1 << 28,
    )
    await hosting.start()
    container = Container("image-classification", "s3://bench/model.tar.gz")
    await hosting.create_model(Model("m", container, None, clock.epoch_ms()))
    capture = Capture(
        True, 100, "s3://bench/captured", ("Input", "Output"), (), ("application/json",)
    )
    for name, kept in {"plain": None, "captured": capture}.items():
        variants = (Variant("AllTraffic", "m", 1.0, 1, None),)
        await hosting.create_config(EndpointConfig(name, variants, kept, clock.epoch_ms()))
        await hosting.create_endpoint(name, name)
        while hosting.endpoints.find(name).status == "Creating":
            await asyncio.sleep(0.01)
        assert hosting.endpoints.find(name).status == "InService", hosting.endpoints.find(name)
    yield hosting
    await hosting.stop()


def row(label: str, timed: list[Timed], base: float) -> tuple[str, float]:
    """A line of the table, and calls/s: medians of the rounds."""
    rate = statistics.median(len(spans) / wall for spans, wall, _ in timed)
    middle = statistics.median(statistics.median(spans) * 1000 for spans, _, _ in timed)
    cpu = statistics.median(cpu * 1000 / len(spans) for spans, _, cpu in timed)
    return f"{label:24}{rate:9.0f}{rate / (base or rate):9.0%}{middle:9.2f}{cpu:13.2f}", rate


async def measure(folder: Path, seconds: float, rounds: int) -> None:
    artifact = folder / "artifact"
    artifact.mkdir()
    write_artifact(artifact, WIDTHS)
    predictor, body = load(artifact, 1_000_000), picture()
    cores, records = os.cpu_count() or 1, SqliteRecords(folder / "records.db")
    asked, entry = Invocation(body, "image/png"), {"line": "x" * (len(body) * 4 // 3 + 400)}
    async with opened(folder, records, packed(artifact)) as hosting:
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "endpoint": lambda: hosting.invoke("plain", asked),
            "endpoint, capture": lambda: hosting.invoke("captured", asked),
            "commit": lambda: commit_async(records, Append("bench", [entry])),
        }
        print(f"load {os.getloadavg()[0]:.1f}, {cores} cores, {rounds} rounds of {seconds:g} s")
        print(f"{'callers':24}{'calls/s':>9}{'of raw':>9}{'p50 ms':>9}{'CPU ms/call':>13}")
        for callers, threads in ((1, 1), (8, cores)):
            raws: list[Timed] = []
            timed: dict[str, list[Timed]] = {label: [] for label in calls}
            for _ in range(rounds):
                raws.append(await asyncio.to_thread(raw, predictor, body, threads, seconds))
                for label, call in calls.items():
                    timed[label].append(await together(call, callers, seconds))
            line, base = row(f"{callers} raw", raws, 0)
            print(line)
            for label, taken in timed.items():
                print(row(f"{callers} {label}", taken, base)[0])
    records.close()
    print(f"load {os.getloadavg()[0]:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1.5, help="of each round")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), chosen.seconds, chosen.rounds))


if __name__ == "__main__":
    main()
