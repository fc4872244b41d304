"""Which operation a REST request means, over the real models."""

from __future__ import annotations

import functools

import pytest

from bakehouse.wire.models import service_model
from bakehouse.wire.routing import Router


@functools.cache
def router(service: str) -> Router:
    """The routes of a service."""
    return Router(service_model(service))


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "operation"),
    [
        ("GET", "/", {}, (), "ListBuckets"),
        ("PUT", "/b", {}, (), "CreateBucket"),
        ("PUT", "/b/", {}, (), "CreateBucket"),
        ("HEAD", "/b", {}, (), "HeadBucket"),
        ("GET", "/b", {"prefix": "x"}, (), "ListObjects"),
        ("GET", "/b", {"list-type": "2"}, (), "ListObjectsV2"),
        ("GET", "/b", {"location": ""}, (), "GetBucketLocation"),
        ("PUT", "/b/k", {}, (), "PutObject"),
        ("PUT", "/b/k", {}, ("x-amz-copy-source",), "CopyObject"),
        ("PUT", "/b/k", {"partNumber": "1", "uploadId": "u"}, (), "UploadPart"),
        ("GET", "/b/k", {"uploadId": "u"}, (), "ListParts"),
        ("GET", "/b/k", {"partNumber": "1"}, (), "GetObject"),
        ("POST", "/b", {"delete": ""}, (), "DeleteObjects"),
        ("POST", "/b/k", {"uploads": ""}, (), "CreateMultipartUpload"),
        ("POST", "/b/k", {"uploadId": "u"}, (), "CompleteMultipartUpload"),
        ("DELETE", "/b/k", {"uploadId": "u"}, (), "AbortMultipartUpload"),
    ],
)
def test_s3_requests_are_told_apart(
    method: str, path: str, query: dict[str, str], headers: tuple[str, ...], operation: str
) -> None:
    """What the query and the headers bring decides between operations of one path."""
    found = router("s3").match(method, path, query, headers)
    assert found is not None
    assert found[0] == operation


@pytest.mark.parametrize("key", ["a/b//c", "..", "a/../b", "dir/", "%E2%82%AC", "%2F", "a%20b"])
def test_a_key_is_everything_behind_the_bucket(key: str) -> None:
    """No part of a key is taken for a path to be tidied."""
    found = router("s3").match("GET", f"/bucket/{key}", {}, ())
    assert found is not None
    assert found[1]["Bucket"] == "bucket"
    assert found[1]["Key"] == {"%E2%82%AC": "€", "%2F": "/", "a%20b": "a b"}.get(key, key)


def test_a_name_that_is_an_arn_is_one_segment() -> None:
    """Colons, plain or escaped, belong to the function's name."""
    for name in ("arn:aws:lambda:r:1:function:f", "arn%3Aaws%3Alambda%3Ar%3A1%3Afunction%3Af"):
        path = f"/2015-03-31/functions/{name}/invocations"
        found = router("lambda").match("POST", path, {}, ())
        assert found == ("Invoke", {"FunctionName": "arn:aws:lambda:r:1:function:f"})


@pytest.mark.parametrize("path", ["/2015-03-31/functions", "/2015-03-31/functions/"])
def test_a_slash_at_the_end_changes_nothing(path: str) -> None:
    """Clients differ in whether they send one."""
    found = router("lambda").match("GET", path, {}, ())
    assert found is not None
    assert found[0] == "ListFunctions"


def test_what_no_operation_has_is_no_operation() -> None:
    """An unknown path or method matches nothing."""
    assert router("lambda").match("GET", "/2015-03-31/nothing", {}, ()) is None
    assert router("sagemaker-runtime").match("GET", "/endpoints/e/invocations", {}, ()) is None


@pytest.mark.parametrize("query", ["versioning", "location", "policyStatus", "uploads"])
def test_a_part_of_a_bucket_that_cannot_be_deleted_is_not_the_bucket(query: str) -> None:
    """``DELETE /bucket?versioning`` means no operation, least of all DeleteBucket."""
    router = Router(service_model("s3"))
    assert router.match("DELETE", "/bucket", {query: ""}, {}) is None
    assert router.match("DELETE", "/bucket", {}, {}) == ("DeleteBucket", {"Bucket": "bucket"})
