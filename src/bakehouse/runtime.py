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
from functools import cache, partial
from pathlib import Path

from botocore.model import Shape

from bakehouse import clock, keys, lock
from bakehouse.algorithms import algorithm_for
from bakehouse.algorithms.types import Predictor
from bakehouse.faults import InvalidInput, Rejected
from bakehouse.functions.archives import UNZIPPED_BYTES
from bakehouse.functions.definition import spoken_name
from bakehouse.functions.functions import Functions
from bakehouse.hosting.hosting import Hosting
from bakehouse.notifications import Notifications
from bakehouse.notifications.targets import RunOperation
from bakehouse.registry import ModelPackages, Tags
from bakehouse.server import Server
from bakehouse.services import (
    cloudwatch,
    events,
    iam,
    lambda_,
    logs,
    s3,
    sagemaker,
    sagemaker_runtime,
    stepfunctions,
    sts,
)
from bakehouse.services.sts.callers import Callers
from bakehouse.settings import Settings
from bakehouse.storage.blobs import FileBlobs
from bakehouse.storage.logs import LogStore
from bakehouse.storage.metrics import MetricStore
from bakehouse.storage.objects import ObjectStore
from bakehouse.storage.records import Records
from bakehouse.storage.sqlite import SqliteRecords
from bakehouse.training import TrainingJobs
from bakehouse.transform import TransformJobs
from bakehouse.tuning import TuningJobs
from bakehouse.wire.door import House
from bakehouse.wire.memory import Memory
from bakehouse.wire.models import service_model
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
    notifications: Notifications


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
            self._keyring = keys.Keyring(settings.data)
            self._stores = stores = _open_stores(settings, self._call)
        except BaseException:
            self._lock.release()
            raise
        self._callers = Callers(self._keyring, settings.account_id, iam.DEFAULT_ROLE)
        training, hosting = self._training(), self._hosting()
        transform, tuning = self._transform(hosting), self._tuning(training)
        functions, workflows = self._functions(), self._workflows()
        self._parts = (
            training,
            tuning,
            hosting,
            transform,
            functions,
            workflows,
            stores.notifications,
        )
        tags = Tags(stores.records)
        services = (
            s3.service(stores.objects, knows_function=partial(_knows_function, functions)),
            sts.service(self._callers, partial(iam.longest_session_s, stores.records)),
            iam.service(stores.records),
            logs.service(stores.logs, settings.region),
            cloudwatch.service(stores.metrics),
            sagemaker.service(
                training,
                hosting,
                self._packages(),
                tags,
                transform,
                tuning,
                shape_of=sagemaker_shape,
                long_poll_s=settings.long_poll_s,
            ),
            sagemaker_runtime.service(hosting, settings),
            lambda_.service(functions),
            stepfunctions.service(workflows, tags),
            events.service(stores.notifications),
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
        return keys.client_environment(self._endpoint, self._keyring.own(), self._settings.region)

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

    def _transform(self, hosting: Hosting) -> TransformJobs:
        settings, stores = self._settings, self._stores
        return TransformJobs(
            stores.records,
            stores.objects,
            stores.logs,
            open_model=hosting.open_model,
            account_id=settings.account_id,
            region=settings.region,
        )

    def _tuning(self, training: TrainingJobs) -> TuningJobs:
        settings, stores = self._settings, self._stores
        return TuningJobs(
            stores.records,
            sagemaker.Trials(training, stores.metrics),
            account_id=settings.account_id,
            region=settings.region,
        )

    def _packages(self) -> ModelPackages:
        settings = self._settings
        return ModelPackages(
            self._stores.records, account_id=settings.account_id, region=settings.region
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
        settings = self._settings
        return House(
            settings.account_id,
            settings.region,
            Verifier(self._callers.find) if settings.auth else None,
            clock.now,
            settings.request_bytes,
            Memory(settings.request_memory_bytes),
        )

    async def _call(self, service: str, operation: str, params: Params) -> Params:
        return await self.server.call(service, operation, params)

    def _load_model(self, image_uri: str, folder: Path) -> Predictor:
        return algorithm_for(image_uri).load(folder, self._settings.image_pixels)

    def _job_environment(self) -> dict[str, str]:
        kept = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")
        environment = {name: os.environ[name] for name in kept if name in os.environ}
        environment["BAKEHOUSE_SEED"] = str(self._settings.seed)
        environment["BAKEHOUSE_PRETRAINED_MODEL"] = self._settings.pretrained_model
        if self._settings.strict_defaults:
            environment["BAKEHOUSE_STRICT_DEFAULTS"] = "1"
        return environment


@cache
def sagemaker_shape(name: str) -> Shape:
    """A shape of SageMaker's model; loading the model takes 60 ms, once."""
    return service_model("sagemaker").shape_for(name)


def _open_stores(settings: Settings, call: RunOperation) -> _Stores:
    """The stores; changes of objects are told by ``call``, which runs our own operations."""
    records = SqliteRecords(settings.data / "records.sqlite")
    logs, blobs = LogStore(records), FileBlobs(settings.data / "blobs")
    notifications = Notifications(
        records,
        call=call,
        append_log=logs.append,
        account_id=settings.account_id,
        region=settings.region,
    )
    objects = ObjectStore(records, blobs, object_bytes=settings.object_bytes, watch=notifications)
    return _Stores(records, objects, logs, MetricStore(records), notifications)


def _knows_function(functions: Functions, arn: str) -> bool:
    """Whether there is a function with this ARN."""
    try:
        functions.get(*spoken_name(arn))
    except Rejected:
        return False
    return True


def _check(settings: Settings) -> None:
    if not settings.auth and not _is_loopback(settings.host):
        allowed = "a loopback address such as 127.0.0.1 where signatures are not verified"
        raise InvalidInput("host", settings.host, allowed)


def _is_loopback(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"
