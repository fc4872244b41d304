"""Buckets in host names."""

from __future__ import annotations

import pytest

from bakehouse.wire.hosts import bucket_in, in_path
from bakehouse.wire.types import Request
from support.bodies import Bytes


@pytest.mark.parametrize(
    ("host", "bucket"),
    [
        ("photos.localhost:4566", "photos"),
        ("photos.localhost", "photos"),
        ("my.photos.localhost:4566", "my.photos"),
        ("photos.s3.localhost:4566", "photos"),
        ("photos.s3.amazonaws.com", "photos"),
        ("photos.s3.eu-west-1.amazonaws.com", "photos"),
        ("photos.s3-eu-west-1.amazonaws.com", "photos"),
        ("photos.s3.dualstack.eu-west-1.amazonaws.com", "photos"),
        ("photos.s3.cn-north-1.amazonaws.com.cn", "photos"),
        ("my.s3.s3.us-east-1.amazonaws.com", "my.s3"),
        ("photos.127.0.0.1.nip.io:4566", "photos"),
        ("photos.s3.127.0.0.1.nip.io", "photos"),
        ("photos.127-0-0-1.sslip.io", "photos"),
        ("127.0.0.1:4566", None),
        ("localhost:4566", None),
        ("[::1]:4566", None),
        ("s3.localhost:4566", None),
        ("s3.amazonaws.com", None),
        ("s3.us-east-1.amazonaws.com", None),
        ("sts.us-east-1.amazonaws.com", None),
        ("127.0.0.1.nip.io", None),
        ("", None),
    ],
)
def test_a_host_names_a_bucket_or_none(host: str, bucket: str | None) -> None:
    """``s3`` is the service, and never a bucket: a bucket's name has three characters or more."""
    assert bucket_in(host) == bucket


@pytest.mark.parametrize(
    ("sent", "meant"), [("/", "/photos"), ("/a/b", "/photos/a/b"), ("//a", "/photos//a")]
)
def test_the_bucket_comes_before_the_path(sent: str, meant: str) -> None:
    """The request as it was sent stays at hand, because it is what was signed."""
    request = Request("GET", sent, "", {"host": "photos.localhost"}, Bytes(b""))
    translated = in_path(request)
    assert translated.path == meant
    assert translated.sent is request


def test_other_requests_are_as_they_were() -> None:
    """Most hosts name no bucket."""
    request = Request("GET", "/photos", "", {"host": "127.0.0.1:4566"}, Bytes(b""))
    assert in_path(request) is request
