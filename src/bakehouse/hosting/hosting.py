"""Endpoints with a life: made, invoked, recorded, changed, taken down, and there after a restart.

Everything here runs in one event loop. Loading and inference run on threads; what is acknowledged
is on the disk.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from bakehouse import clock
from bakehouse.faults import Conflict, InvalidInput, ModelFailed, NotFound
from bakehouse.hosting.capture import capture_line
from bakehouse.hosting.catalogue import Catalogue
from bakehouse.hosting.config import check_config, retained
from bakehouse.hosting.fleet import Fleet, Loaded, Loader
from bakehouse.hosting.fleets import Fleets, cancel
from bakehouse.hosting.inference import Inference
from bakehouse.hosting.tally import Tally
from bakehouse.hosting.types import (
    Deployment,
    Endpoint,
    EndpointConfig,
    Invocation,
    LoadModel,
    Model,
    Prediction,
    Predictor,
    Variant,
    config_from,
    endpoint_from,
    model_from,
)
from bakehouse.hosting.windows import Windows
from bakehouse.storage.logs import LogStore
from bakehouse.storage.metrics import MetricStore
from bakehouse.storage.objects import ObjectStore, parse_s3_uri
from bakehouse.storage.records import Records, Write


class Hosting:
    """All models, endpoint configurations and endpoints of a data folder.

    ``models``, ``configs`` and ``endpoints`` hold what there is; what changes more than a record is
    a method here.

    Args:
        records: where they are kept, and captured data until it is in S3.
        objects: where artifacts come from and captured data goes.
        metrics: gets each endpoint's invocations, errors and latencies.
        logs: gets each endpoint's lines, in the group ``/aws/sagemaker/Endpoints/<endpoint>``.
        folder: artifacts are unpacked below it; emptied at the start.
        load_model: makes a predictor of an image URI and the folder of an unpacked artifact.
        account_id: the account of the ARNs.
        region: the region of the ARNs.
        capture_window_s: the most seconds of traffic in one object of captured data.
        capture_idle_s: seconds without traffic after which such an object is written.
        archive_bytes: the most bytes of an artifact, unpacked.
        inference: where models run; by default on a thread for each core.
    """

    def __init__(
        self,
        records: Records,
        objects: ObjectStore,
        metrics: MetricStore,
        logs: LogStore,
        folder: Path,
        *,
        load_model: LoadModel,
        account_id: str,
        region: str,
        capture_window_s: float,
        capture_idle_s: float,
        archive_bytes: int,
        inference: Inference | None = None,
    ) -> None:
        self.account_id, self.region = account_id, region
        self.models = Catalogue[Model](records, "model", model_from)
        self.configs = Catalogue[EndpointConfig](records, "endpoint configuration", config_from)
        self.endpoints = Catalogue[Endpoint](records, "endpoint", endpoint_from)
        self._objects, self._logs, self._folder = objects, logs, folder
        self._inference = inference or Inference()
        self._loader = Loader(objects, folder, load_model, archive_bytes)
        self._fleets = Fleets(
            self._loader,
            self.endpoints,
            report=self._note_fleet,
            complain=lambda endpoint, sentence: self._note(endpoint, "deployment", sentence),
        )
        self._windows = Windows(
            records,
            objects,
            lambda endpoint, variant, text: self._note(endpoint, f"{variant}/data-capture", text),
            window_s=capture_window_s,
            idle_s=capture_idle_s,
        )
        self._tally = Tally(metrics)
        self._changing = asyncio.Lock()
        self._ticking: asyncio.Task[None] | None = None

    # Life

    async def start(self) -> None:
        """Begin to load the endpoints of an earlier run; returns at once."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        await self._windows.start()
        for endpoint in self.endpoints.all():
            if endpoint.status != "Failed":
                self._fleets.raise_one(endpoint)
        self._ticking = asyncio.create_task(self._tally.run(), name="endpoint metrics")

    async def stop(self) -> None:
        """Write out what was captured and counted, and let go of the models."""
        if self._ticking is not None:
            await cancel([self._ticking])
        self._inference.close()
        await self._windows.stop()
        await self._tally.store()
        await self._fleets.close()

    @contextmanager
    def open_model(self, name: str) -> Iterator[Predictor]:
        """Load a model outside of all endpoints, for as long as it is needed; blocks.

        Raises:
            NotFound: there is no model of that name.
            ModelFailed: its artifact cannot be had, or does not load.
        """
        model = self.models.find(name)
        variant = Variant(model.name, model.name, 1.0, 1, None)
        alone = Deployment(model.name, (variant,), (model.container,), None)
        fleet = self._loader.load(model.name, alone)
        try:
            yield fleet.loaded[0].predictor
        finally:
            fleet.close()

    # What there is

    def arn(self, kind: str, name: str) -> str:
        """The ARN of a ``model``, ``endpoint-config`` or ``endpoint``; the name in lower case."""
        return f"arn:aws:sagemaker:{self.region}:{self.account_id}:{kind}/{name.lower()}"

    async def create_model(self, model: Model, *beside: Write) -> None:
        """Store a model, with other writes in the same commit.

        Raises:
            InvalidInput: the name is none, or there is no artifact where it says.
            AlreadyExists: there is a model of that name.
        """
        url = model.container.model_data_url
        if url is not None:
            self._check_artifact(url)
        await self.models.add(model, *beside)

    async def create_config(self, config: EndpointConfig, *beside: Write) -> None:
        """Store an endpoint configuration, with other writes in the same commit.

        Raises:
            InvalidInput: something in it is not allowed.
            NotFound: there is no such model.
            AlreadyExists: there is a configuration of that name.
        """
        check_config(config)
        for variant in config.variants:
            self.models.find(variant.model_name)
        await self.configs.add(config, *beside)

    async def create_endpoint(self, name: str, config_name: str, *beside: Write) -> None:
        """Store an endpoint as Creating, with other writes in the same commit; begin to load it.

        Raises:
            NotFound: there is no such configuration, or one of its models is gone.
            AlreadyExists: there is an endpoint of that name.
        """
        now_ms = clock.epoch_ms()
        deployment = self._deployment(config_name)
        endpoint = Endpoint(name, "Creating", now_ms, now_ms, deployment)
        async with self._changing:
            await self.endpoints.add(endpoint, *beside)
            self._fleets.raise_one(endpoint)

    async def update_endpoint(
        self, name: str, config_name: str, *, retain: bool = False, excluded: Collection[str] = ()
    ) -> None:
        """Begin to load another configuration; the present one answers until that is done.

        Args:
            name: the endpoint.
            config_name: what it becomes.
            retain: keep weights, instance counts and data capture as they are now.
            excluded: which of ``DesiredWeight``, ``DesiredInstanceCount`` and ``DataCaptureConfig``
                are taken from the new configuration all the same.

        Raises:
            NotFound: there is no such endpoint or configuration.
            Conflict: the endpoint is not InService.
        """
        async with self._changing:
            endpoint = self.endpoints.find(name)
            if endpoint.status == "InService":  # perhaps it is still loaded after a restart
                await self._fleets.settle(endpoint.name)
                endpoint = self.endpoints.find(name)
            if endpoint.status != "InService":
                raise Conflict("endpoint", name, endpoint.status, "InService")
            upcoming = self._deployment(config_name)
            if retain:
                upcoming = retained(upcoming, endpoint.current, excluded)
            updating = replace(
                endpoint, status="Updating", modified_ms=clock.epoch_ms(), upcoming=upcoming
            )
            await self.endpoints.replace(updating)
            self._fleets.raise_one(updating)

    async def settled(self, name: str, timeout_s: float) -> None:
        """Wait until nothing is being loaded for an endpoint, or for some seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._fleets.settle(name), timeout_s)

    async def delete_endpoint(self, name: str, *beside: Write) -> None:
        """Remove an endpoint, whatever its state, and write out what it captured.

        Other writes join the commit that removes it.

        Raises:
            NotFound: there is no such endpoint.
        """
        async with self._changing:
            name = self.endpoints.find(name).name
            await self._fleets.drop(name)
            await self.endpoints.remove(name, *beside)
        await self._windows.flush(name)

    # Invocations

    async def invoke(self, name: str, asked: Invocation) -> Prediction:
        """Have an endpoint answer. What is to be captured of it is on the disk on return.

        Raises:
            NotFound: there is no such endpoint in service (names compare exactly here), or no such
                variant.
            ModelFailed: the model did not answer.
            Overloaded: too many invocations wait, or the endpoint is still being loaded.
        """
        began, at = time.perf_counter(), clock.now()
        fleet = await self._fleets.get(name)
        loaded = fleet.choose(asked.target_variant, random.random())  # noqa: S311  # no secret
        try:
            body, content_type, model_s = await self._inference.predict(loaded.predictor, asked)
        except ModelFailed as failed:
            self._tally.count(name, loaded.variant, at, failed.status)
            self._note(name, _stream(loaded), f"An invocation failed: {failed.status} {failed}")
            raise
        answered = Prediction(body, content_type, loaded.variant.name)
        await self._capture(fleet, asked, answered, at)
        overhead_s = time.perf_counter() - began - model_s
        self._tally.count(name, loaded.variant, at, 200, model_s=model_s, overhead_s=overhead_s)
        return answered

    async def _capture(
        self, fleet: Fleet, asked: Invocation, answered: Prediction, at: datetime
    ) -> None:
        capture = fleet.deployment.capture
        if capture is None or not capture.enabled:
            return
        if random.random() * 100 >= capture.percentage:  # noqa: S311  # a sample, no secret
            return
        line = capture_line(capture, asked, answered, at=at, event_id=str(uuid4()))
        kept = self._windows.add(fleet.endpoint, answered.variant, capture.destination, at, line)
        await asyncio.wrap_future(kept)

    # Inside

    def _check_artifact(self, url: str) -> None:
        try:
            self._objects.head(*parse_s3_uri(url))
        except NotFound as missing:
            message = f"Could not find model data at {url}."
            raise InvalidInput("modelDataUrl", url, "an object", message) from missing

    def _deployment(self, config_name: str) -> Deployment:
        config = self.configs.find(config_name)
        models = [self.models.find(variant.model_name) for variant in config.variants]
        containers = tuple(model.container for model in models)
        return Deployment(config.name, config.variants, containers, config.capture)

    def _note(self, endpoint: str, stream: str, text: str) -> None:
        group = f"/aws/sagemaker/Endpoints/{endpoint}"
        self._logs.append(group, stream, [(clock.epoch_ms(), text)])

    def _note_fleet(self, fleet: Fleet) -> None:
        for loaded in fleet.loaded:
            text = f"Serving model {loaded.variant.model_name}."
            self._note(fleet.endpoint, _stream(loaded), text)


def _stream(loaded: Loaded) -> str:
    return f"{loaded.variant.name}/{loaded.instance}"
