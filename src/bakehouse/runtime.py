"""Bakehouse: opens a data folder, introduces the parts to each other, starts and stops them.

This is the only module that knows every part. What one part needs of another, such as "invoke this
function", is handed over here as a plain callable. Also to be used embedded::

    house = Bakehouse(settings, endpoint="http://127.0.0.1:4566")
    await house.start()
    ...  # serve house.server, an ASGI callable
    await house.stop()
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bakehouse import clock, keys, lock
from bakehouse.algorithms import algorithm_for
from bakehouse.algorithms.types import Predictor
from bakehouse.faults import InvalidInput
from bakehouse.functions.archives import UNZIPPED_BYTES
from bakehouse.functions.functions import Functions
from bakehouse.hosting.hosting import Hosting
from bakehouse.server import Server
from bakehouse.services import (
    cloudwatch,
    iam,
    lambda_,
    logs,
    s3,
    sagemaker,
    sagemaker_runtime,
    stepfunctions,
    sts,
)
from bakehouse.settings import Settings
from bakehouse.storage.blobs import FileBlobs
from bakehouse.storage.logs import LogStore
from bakehouse.storage.metrics import MetricStore
from bakehouse.storage.objects import ObjectStore
from bakehouse.storage.records import Records
from bakehouse.storage.sqlite import SqliteRecords
from bakehouse.training import TrainingJobs
from bakehouse.wire.door import House
from bakehouse.wire.signatures import Verifier
from bakehouse.wire.types import Params
from bakehouse.workflows import Workflows


@dataclass(frozen=True, slots=True)
class _Stores:
    """Where everything is kept."""

    records: Records
    objects: ObjectStore
    logs: LogStore
    metrics: MetricStore


class Bakehouse:
    """Everything that serves one data folder.

    Args:
        settings: what it was told; ``settings.data`` is made if it is not there (mode 0700).
        endpoint: the URL under which clients, functions' sandboxes among them, reach it.

    Raises:
        Conflict: another process has the data folder open.
        InvalidInput: the settings contradict each other.
        StorageFailed: the folder cannot be used.
    """

    def __init__(self, settings: Settings, endpoint: str) -> None:
        _check(settings)
        self._settings, self._endpoint = settings, endpoint
        self._lock = lock.take(settings.data)
        try:
            self._keys = keys.load_or_make(settings.data)
            self._stores = stores = _open_stores(settings)
        except BaseException:
            self._lock.release()
            raise
        training, hosting = self._training(), self._hosting()
        functions, workflows = self._functions(), self._workflows()
        self._parts = (training, hosting, functions, workflows)
        services = (
            s3.service(stores.objects),
            sts.service(iam.DEFAULT_ROLE),
            iam.service(stores.records),
            logs.service(stores.logs, settings.region),
            cloudwatch.service(stores.metrics),
            sagemaker.service(training, hosting),
            sagemaker_runtime.service(hosting, settings),
            lambda_.service(functions),
            stepfunctions.service(workflows),
        )
        self.server = Server(services, self._house())
        """The ASGI callable."""

    async def start(self) -> None:
        """Start what runs by itself: jobs, endpoints, sandboxes and executions go on."""
        await iam.add_default_role(self._stores.records, self._settings.account_id)
        for part in self._parts:
            await part.start()

    async def stop(self) -> None:
        """Stop everything in the reverse order and let go of the data folder.

        What fails to stop keeps nothing else from it; its error comes out at the end.
        """
        async with contextlib.AsyncExitStack() as ends:
            ends.push_async_callback(asyncio.to_thread, self.close)
            for part in self._parts:
                ends.push_async_callback(part.stop)

    def close(self) -> None:
        """Let go of a data folder whose parts do not run."""
        self._stores.records.close()
        self._lock.release()

    def client_environment(self) -> Mapping[str, str]:
        """The variables that make any AWS client speak to this server."""
        return keys.client_environment(self._endpoint, self._keys, self._settings.region)

    # The parts, each with what it needs of the others

    def _training(self) -> TrainingJobs:
        settings, stores = self._settings, self._stores
        return TrainingJobs(
            stores.records,
            stores.objects,
            stores.logs,
            stores.metrics,
            settings.data / "jobs",
            algorithm_for=algorithm_for,
            account_id=settings.account_id,
            region=settings.region,
            max_running=settings.training_jobs,
            environment=self._job_environment(),
        )

    def _hosting(self) -> Hosting:
        settings, stores = self._settings, self._stores
        return Hosting(
            stores.records,
            stores.objects,
            stores.metrics,
            stores.logs,
            settings.data / "models",
            load_model=self._load_model,
            account_id=settings.account_id,
            region=settings.region,
            capture_window_s=settings.capture_window_s,
            capture_idle_s=settings.capture_idle_s,
            archive_bytes=settings.archive_bytes,
        )

    def _functions(self) -> Functions:
        settings, stores = self._settings, self._stores
        return Functions(
            stores.records,
            settings.data / "functions",
            append_log=stores.logs.append,
            read_object=lambda b, k: stores.objects.read(b, k, limit_bytes=UNZIPPED_BYTES),
            environment=self.client_environment,
            account_id=settings.account_id,
            region=settings.region,
            sandboxes=settings.sandboxes,
            sandbox_idle_s=settings.sandbox_idle_s,
            payload_bytes=settings.invocation_bytes,
        )

    def _workflows(self) -> Workflows:
        return Workflows(
            self._stores.records,
            run_task=self._call,
            account_id=self._settings.account_id,
            region=self._settings.region,
            max_running=self._settings.state_tasks,
        )

    def _house(self) -> House:
        settings, pair = self._settings, self._keys
        verifier = Verifier({pair.access_key_id: pair.secret_access_key}) if settings.auth else None
        return House(
            settings.account_id, settings.region, verifier, clock.now, settings.request_bytes
        )

    async def _call(self, service: str, operation: str, params: Params) -> Params:
        return await self.server.call(service, operation, params)

    def _load_model(self, image_uri: str, folder: Path) -> Predictor:
        return algorithm_for(image_uri).load(folder, self._settings.image_pixels)

    def _job_environment(self) -> dict[str, str]:
        kept = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")
        environment = {name: os.environ[name] for name in kept if name in os.environ}
        environment["BAKEHOUSE_SEED"] = str(self._settings.seed)
        if self._settings.strict_defaults:
            environment["BAKEHOUSE_STRICT_DEFAULTS"] = "1"
        return environment


def _open_stores(settings: Settings) -> _Stores:
    records = SqliteRecords(settings.data / "records.sqlite")
    blobs = FileBlobs(settings.data / "blobs")
    objects = ObjectStore(records, blobs, object_bytes=settings.object_bytes)
    return _Stores(records, objects, LogStore(records), MetricStore(records))


def _check(settings: Settings) -> None:
    if not settings.auth and not _is_loopback(settings.host):
        allowed = "a loopback address such as 127.0.0.1 where signatures are not verified"
        raise InvalidInput("host", settings.host, allowed)


def _is_loopback(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"
