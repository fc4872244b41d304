"""Clients that speak a protocol of our choice, as older and newer SDKs do of themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import botocore.loaders
import botocore.session
from botocore.config import Config


def client_speaking(
    service: str,
    protocol: str,
    url: str,
    folder: Path,
    keys: tuple[str, str] = ("AKIDEXAMPLE", "secret"),
) -> Any:
    """A boto3 client of a service that knows one protocol only.

    Args:
        service: botocore's name of it.
        protocol: the model's name of it (``smithy-rpc-v2-cbor``).
        url: where the server is.
        folder: an empty one, for a model that says so.
        keys: id and secret of the access key.
    """
    loader = botocore.loaders.Loader()
    model = loader.load_service_model(service, "service-2")
    model["metadata"] |= {"protocols": [protocol], "protocol": protocol}
    version = loader.determine_latest_version(service, "service-2")
    (folder / service / version).mkdir(parents=True)
    (folder / service / version / "service-2.json").write_text(json.dumps(model))
    session = botocore.session.Session()
    session.get_component("data_loader").search_paths.insert(0, str(folder))
    session.set_credentials(*keys)
    return boto3.Session(botocore_session=session).client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        config=Config(retries={"total_max_attempts": 1}),
    )
