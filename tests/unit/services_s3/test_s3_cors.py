"""Requests of web pages of other origins, as browsers send them."""

from __future__ import annotations

from typing import Any

import pytest

from support.refusals import refused
from support.signed_s3 import SignedS3

RULES: list[dict[str, Any]] = [
    {"AllowedMethods": ["GET"], "AllowedOrigins": ["https://*.example.com"]},
    {
        "AllowedMethods": ["PUT", "POST"],
        "AllowedOrigins": ["https://write.example.org"],
        "AllowedHeaders": ["x-amz-*"],
        "ExposeHeaders": ["ETag"],
        "MaxAgeSeconds": 600,
    },
    {"AllowedMethods": ["DELETE"], "AllowedOrigins": ["*"]},
]


@pytest.fixture
def address(signed: SignedS3, own_bucket: str) -> str:
    """The URL of a bucket with RULES that everyone may read."""
    rules = {"CORSRules": RULES}
    signed.owner.put_bucket_cors(Bucket=own_bucket, CORSConfiguration=rules)
    signed.owner.put_bucket_acl(Bucket=own_bucket, ACL="public-read")
    return f"{signed.url}/{own_bucket}"


def asked(signed: SignedS3, url: str, origin: str, method: str, *headers: str) -> Any:
    """A preflight's answer."""
    more = {"Access-Control-Request-Headers": ", ".join(headers)} if headers else {}
    question = {"Origin": origin, "Access-Control-Request-Method": method}
    return signed.browser.request("OPTIONS", url, headers={**question, **more})


def test_rules_are_kept_and_taken_away(client: Any, bucket: str) -> None:
    """As they were written."""
    client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": RULES})
    assert client.get_bucket_cors(Bucket=bucket)["CORSRules"] == RULES
    client.delete_bucket_cors(Bucket=bucket)
    assert refused(client.get_bucket_cors, Bucket=bucket) == ("NoSuchCORSConfiguration", 404)


@pytest.mark.parametrize(
    "changed", [{"AllowedMethods": ["PATCH"]}, {"AllowedOrigins": ["http://*.*.com"]}]
)
def test_rules_that_s3_does_not_take(client: Any, bucket: str, changed: dict[str, Any]) -> None:
    """An unknown method, or two stars in one pattern."""
    given = {"CORSRules": [{**RULES[0], **changed}]}
    refusal = refused(client.put_bucket_cors, Bucket=bucket, CORSConfiguration=given)
    assert refusal == ("InvalidRequest", 400)


def test_a_page_may_see_what_a_rule_lets_it_see(signed: SignedS3, address: str) -> None:
    """Also an answer that refuses; nothing is said to a page that no rule is for."""
    for url, status in ((address, 200), (f"{address}/missing", 404)):
        got = signed.browser.request("GET", url, headers={"Origin": "https://a.example.com"})
        assert got.status == status
        assert got.headers["Access-Control-Allow-Origin"] == "https://a.example.com"
        assert got.headers["Access-Control-Allow-Methods"] == "GET"
        assert "Origin" in got.headers["Vary"]
    for origin in ("https://example.com", "http://a.example.com", "https://a.example.com.evil"):
        got = signed.browser.request("GET", address, headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in got.headers
    plain = signed.browser.request("GET", address)
    assert "Access-Control-Allow-Origin" not in plain.headers


def test_a_page_asks_before_it_writes(signed: SignedS3, address: str) -> None:
    """And is told what it may send, what it will see, and for how long that holds."""
    origin = "https://write.example.org"
    answer = asked(signed, f"{address}/key", origin, "PUT", "X-Amz-Meta-Who", "x-amz-date")
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert answer.headers["Access-Control-Allow-Methods"] == "PUT, POST"
    assert answer.headers["Access-Control-Allow-Headers"] == "x-amz-meta-who, x-amz-date"
    assert answer.headers["Access-Control-Expose-Headers"] == "ETag"
    assert answer.headers["Access-Control-Max-Age"] == "600"
    anywhere = asked(signed, f"{address}/key", "https://somewhere", "DELETE")
    assert anywhere.headers["Access-Control-Allow-Origin"] == "*"


def test_a_page_that_may_not_is_told_so(signed: SignedS3, address: str) -> None:
    """For its origin, its method or a header; and where a bucket has no rules at all."""
    good = "https://write.example.org"
    for origin, method, headers in (
        ("https://read.example.org", "PUT", ()),
        (good, "GET", ()),
        (good, "PUT", ("authorization",)),
    ):
        answer = asked(signed, address, origin, method, *headers)
        assert (answer.status, b"AccessForbidden" in answer.data) == (403, True)
    assert asked(signed, f"{signed.url}/there-is-none/key", good, "PUT").status == 403


def test_a_question_must_be_one(signed: SignedS3, address: str) -> None:
    """400 without an origin or a method."""
    for headers in ({}, {"Origin": "https://a.example.com"}):
        assert signed.browser.request("OPTIONS", address, headers=headers).status == 400
