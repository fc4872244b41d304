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
from bakehouse.storage.sqlite import SqliteRecords
from bakehouse.training import TrainingJobs
from bakehouse.wire.door import House
from bakehouse.wire.signatures import Verifier
from bakehouse.wire.types import Params
from bakehouse.workflows import Workflows


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
        self._lock = lock.take(settings.data)
        self._settings, self._endpoint = settings, endpoint
        folder, account, region = settings.data, settings.account_id, settings.region
        self._keys = keys.load_or_make(folder)
        self._records = records = SqliteRecords(folder / "records.sqlite")
        objects = ObjectStore(
            records, FileBlobs(folder / "blobs"), object_bytes=settings.object_bytes
        )
        log_store, metrics = LogStore(records), MetricStore(records)
        training = TrainingJobs(
            records,
            objects,
            log_store,
            metrics,
            folder / "jobs",
            algorithm_for=algorithm_for,
            account_id=account,
            region=region,
            max_running=settings.training_jobs,
            environment=self._job_environment(),
        )
        hosting = Hosting(
            records,
            objects,
            metrics,
            log_store,
            folder / "models",
            load_model=self._load_model,
            account_id=account,
            region=region,
            capture_window_s=settings.capture_window_s,
            capture_idle_s=settings.capture_idle_s,
            archive_bytes=settings.archive_bytes,
        )
        functions = Functions(
            records,
            folder / "functions",
            append_log=log_store.append,
            read_object=lambda b, k: objects.read(b, k, limit_bytes=UNZIPPED_BYTES),
            environment=self.client_environment,
            account_id=account,
            region=region,
            sandboxes=settings.sandboxes,
            sandbox_idle_s=settings.sandbox_idle_s,
            payload_bytes=settings.invocation_bytes,
        )
        workflows = Workflows(
            records,
            run_task=self._call,
            account_id=account,
            region=region,
            max_running=settings.executions,
        )
        self._parts = (training, hosting, functions, workflows)
        verifier = Verifier({self._keys.access_key_id: self._keys.secret_access_key})
        house = House(
            account, region, verifier if settings.auth else None, clock.now, settings.request_bytes
        )
        services = (
            s3.service(objects),
            sts.service(iam.DEFAULT_ROLE),
            iam.service(records),
            logs.service(log_store),
            cloudwatch.service(metrics),
            sagemaker.service(training, hosting),
            sagemaker_runtime.service(hosting, settings),
            lambda_.service(functions),
            stepfunctions.service(workflows),
        )
        self.server = Server(services, house)
        """The ASGI callable."""

    async def start(self) -> None:
        """Start what runs by itself: jobs, endpoints, sandboxes and executions go on."""
        await iam.add_default_role(self._records, self._settings.account_id)
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
        self._records.close()
        self._lock.release()

    def client_environment(self) -> Mapping[str, str]:
        """The variables that make any AWS client speak to this server."""
        return keys.client_environment(self._endpoint, self._keys, self._settings.region)

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


def _check(settings: Settings) -> None:
    if not settings.auth and not _is_loopback(settings.host):
        allowed = "a loopback address such as 127.0.0.1 where signatures are not verified"
        raise InvalidInput("host", settings.host, allowed)
    if len(settings.account_id) != 12 or not settings.account_id.isdigit():
        raise InvalidInput("account_id", settings.account_id, "twelve digits")


def _is_loopback(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"
