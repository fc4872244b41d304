"""The S3 door with signatures verified, over a real socket and on a real disk."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
import urllib3
import uvicorn
from botocore import UNSIGNED
from botocore.config import Config

from bakehouse import clock
from bakehouse.server import Server
from bakehouse.services import s3
from bakehouse.storage.blobs import FileBlobs
from bakehouse.storage.objects import ObjectStore
from bakehouse.storage.sqlite import SqliteRecords
from bakehouse.wire.door import House
from bakehouse.wire.signatures import Verifier
from bakehouse.wire.types import AwsError, Caller

ACCESS_KEY, SECRET_KEY = "AKIAIOSFODNN7EXAMPLE", "secret"
_CALLER = Caller(ACCESS_KEY, SECRET_KEY, "arn:aws:iam::123456789012:root", "user", ACCESS_KEY)


@dataclass(frozen=True, slots=True)
class SignedS3:
    """A running door and those who knock: the owner, somebody without keys, a browser."""

    url: str
    owner: Any
    anyone: Any
    browser: urllib3.PoolManager


@contextmanager
def signed_s3(folder: Path) -> Iterator[SignedS3]:
    """The S3 door, as long as the block lasts."""
    records = SqliteRecords(folder / "records.db")
    store = ObjectStore(records, FileBlobs(folder / "blobs"))
    house = House("123456789012", "us-east-1", Verifier(_find), clock.now, request_bytes=10**6)
    app = Server([s3.service(store)], house)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", ws="none", log_level="error"))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    owner, anyone = _client(url), _client(url, signature_version=UNSIGNED)
    browser = urllib3.PoolManager(retries=False)
    yield SignedS3(url, owner, anyone, browser)
    browser.clear()
    for client in (owner, anyone):
        client.close()
    server.should_exit = True
    thread.join()
    listening.close()
    records.close()


def _find(access_key_id: str, token: str, now: datetime) -> Caller:
    if access_key_id != ACCESS_KEY:
        raise AwsError("key", "The key is not known.", 403)
    return _CALLER


def _client(url: str, **changed: Any) -> Any:
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, **changed)
    return boto3.session.Session().client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=config,
    )
