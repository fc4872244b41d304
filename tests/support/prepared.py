"""Requests as boto3 would send them, before they are signed."""

from __future__ import annotations

from typing import Any

import botocore.serialize
from botocore.awsrequest import create_request_object, prepare_request_dict
from botocore.model import OperationModel

from bakehouse.wire import models

BOTOCORE_NAME = {family: name for name, family in models.FAMILIES.items()}
"""Our name of a protocol family → the model's."""


def request_by_botocore(operation: OperationModel, family: str, params: dict[str, Any]) -> Any:
    """A request as boto3 would send it."""
    serializer = botocore.serialize.create_serializer(BOTOCORE_NAME[family], False)
    prepared = serializer.serialize_to_request(params, operation)
    prepared["context"] = {}
    prepare_request_dict(prepared, "http://127.0.0.1:4566", context={})
    return create_request_object(prepared).prepare()
