"""Wire values that are none: refused as malformed, never an error of ours."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from bakehouse.wire.json_values import JsonReaders, load_json
from bakehouse.wire.models import service_model
from bakehouse.wire.parsing import request_reader, rest_reader
from bakehouse.wire.text_values import Malformed, read_timestamp
from bakehouse.wire.types import Request
from bakehouse.wire.xml_values import load_xml
from support.bodies import Bytes

DOCTYPE = '<!DOCTYPE a [<!ENTITY b "bb">]><a>&b;</a>'


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_a_moment_out_of_the_calendar_is_no_timestamp(text: str) -> None:
    """A time that only its offset takes out of the years 1 to 9999 is refused."""
    with pytest.raises(Malformed):
        read_timestamp(text, "iso8601", "At")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-32"])
def test_a_document_type_is_refused_in_any_encoding(encoding: str) -> None:
    """Entities cannot hide behind an encoding in which nobody looks for them."""
    with pytest.raises(Malformed):
        load_xml(DOCTYPE.encode(encoding))


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 2**63])
def test_an_integer_of_more_than_32_bits_is_refused(value: int) -> None:
    """A number that the service's own type cannot hold gets no further."""
    shape = service_model("sagemaker").operation_model("ListTrainingJobs").input_shape
    with pytest.raises(Malformed, match="out of range"):
        JsonReaders().reader(shape)({"MaxResults": value}, "")


@pytest.mark.parametrize("text", ["1_0", "\u0661", "abc", "", "2147483648"])
def test_only_ascii_digits_are_a_number(text: str) -> None:
    """What only Python reads as a number is refused in a query."""
    read: Any = rest_reader(service_model("s3").operation_model("ListObjectsV2").input_shape)
    assert read({}, {"max-keys": ["10"]}, {})["MaxKeys"] == 10
    with pytest.raises(Malformed):
        read({}, {"max-keys": [text]}, {})


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("DeleteObjects", b"<Delete><Object><VersionId>v</VersionId></Object></Delete>"),
        ("DeleteObjects", b"<Delete></Delete>"),
        ("DeleteObjects", b""),
        ("PutBucketTagging", b"<Tagging><TagSet><Tag><Key>k</Key></Tag></TagSet></Tagging>"),
        ("PutBucketVersioning", b""),
    ],
)
def test_xml_without_what_is_required_is_malformed(operation: str, body: bytes) -> None:
    """S3 holds documents against its schema before it looks at them."""
    model = service_model("s3").operation_model(operation)
    request = Request("POST", "/b", "", {}, Bytes(b""))
    with pytest.raises(Malformed, match=r"has no|is empty"):
        request_reader(model, "rest-xml")(request, {"Bucket": "b"}, {}, body)


def test_a_required_blob_without_bytes_is_there() -> None:
    """An empty body is an empty blob, where the operation needs one."""
    model = service_model("sagemaker-runtime").operation_model("InvokeEndpoint")
    request = Request("POST", "/endpoints/e/invocations", "", {}, Bytes(b""))
    read = request_reader(model, "rest-json")(request, {"EndpointName": "e"}, {}, b"")
    assert read == {"EndpointName": "e", "Body": b""}


@pytest.mark.parametrize(
    ("load", "body"),
    [
        (load_xml, b"<a>" * 2_000_000),
        (load_xml, b"<a>" + b"<b/>" * 2_000_000 + b"</a>"),
        (load_json, b"[" + b"[]," * 2_000_000 + b"[]]"),
        (load_json, b"[" + b"0," * 2_000_000 + b"0]"),
    ],
)
def test_a_few_megabytes_do_not_become_gigabytes(load: Callable[[bytes], Any], body: bytes) -> None:
    """Bodies of very many small values are refused before one of them is made."""
    started = time.perf_counter()
    with pytest.raises(Malformed, match="more than"):
        load(body)
    assert time.perf_counter() - started < 1


def test_a_large_body_of_few_values_is_read() -> None:
    """Code in base64 and long log lines have their size for another reason."""
    assert len(load_json(b'{"ZipFile": "' + b"A" * 20_000_000 + b'"}')["ZipFile"]) == 20_000_000
