"""The S3 door alone, over a real socket and on a real disk, with a real boto3 client."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import uvicorn
from botocore.config import Config

from bakehouse import clock
from bakehouse.server import Server
from bakehouse.services import s3
from bakehouse.storage.blobs import FileBlobs
from bakehouse.storage.objects import ObjectStore
from bakehouse.storage.sqlite import SqliteRecords
from bakehouse.wire.door import House
from support.signed_s3 import SignedS3, signed_s3

OBJECT_BYTES = 20 * 1024**2
_numbers = itertools.count()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("s3")


@pytest.fixture(scope="session")
def endpoint(folder: Path) -> Iterator[str]:
    records = SqliteRecords(folder / "records.db")
    store = ObjectStore(records, FileBlobs(folder / "blobs"), object_bytes=OBJECT_BYTES)
    house = House("123456789012", "us-east-1", None, clock.now, request_bytes=10**6)
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        Server([s3.service(store)], house), lifespan="off", ws="none", log_level="error"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    listening.close()
    records.close()


@pytest.fixture(scope="session")
def client(endpoint: str) -> Iterator[Any]:
    made = boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}),
    )
    yield made
    made.close()


@pytest.fixture
def bucket(client: Any) -> str:
    """The name of an empty bucket that no other test uses."""
    name = f"bucket-{next(_numbers)}"
    client.create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="session")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignedS3]:
    """The door with signatures verified, and who knocks."""
    with signed_s3(tmp_path_factory.mktemp("signed")) as door:
        yield door


@pytest.fixture
def own_bucket(signed: SignedS3) -> str:
    """The name of an empty bucket there that no other test uses."""
    name = f"signed-{next(_numbers)}"
    signed.owner.create_bucket(Bucket=name)
    return name
