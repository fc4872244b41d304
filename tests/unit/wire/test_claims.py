"""What requests say of their signatures, whatever they hold."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakehouse.wire.claims import claim_of, in_headers
from bakehouse.wire.hosts import in_path
from bakehouse.wire.refusals import spelled
from bakehouse.wire.signature_v2 import SignatureV2
from bakehouse.wire.signatures import Signature, Unreadable, Verifier
from bakehouse.wire.types import AwsError, Caller, Request
from support.bodies import Bytes

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SCOPE = "AKIA/20261123/us-east-1/s3/aws4_request"
V4 = (
    f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={SCOPE}&X-Amz-Date=20261123T115900Z"
    "&X-Amz-Expires=600&X-Amz-SignedHeaders=host&X-Amz-Signature=00"
)
V2 = "AWSAccessKeyId=AKIA&Signature=AAAA&Expires=1795435200"
VERIFIER = Verifier(lambda key, token, now: Caller(key, "secret", "arn", "id", key))


def asked(query: str = "", **headers: str) -> Request:
    """A request with this query and these headers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("GET", "/bucket/k", query, {"host": "h.localhost", **named}, Bytes(b""))


def test_a_claim_is_read_from_wherever_it_stands() -> None:
    """Header or query, of version 4 or 2."""
    header = f"AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=a;host, Signature=00"
    in_header = claim_of(asked(authorization=header, x_amz_date="20261123T115900Z"))
    assert isinstance(in_header, Signature)
    assert in_header.signed_headers == ("a", "host")
    assert in_header.expires_s is None
    in_query = claim_of(asked(V4))
    assert isinstance(in_query, Signature)
    assert in_query.expires_s == 600
    assert in_query.stamp == in_header.stamp
    assert claim_of(asked(authorization="AWS AKIA:AAAA")) == SignatureV2("AKIA", "AAAA")
    assert claim_of(asked(V2)) == SignatureV2("AKIA", "AAAA", "", "1795435200")
    assert claim_of(asked("prefix=Signature")) is None


def test_two_claims_are_one_too_many() -> None:
    """Nobody can say which of them holds."""
    claim = claim_of(asked(V4, authorization="AWS AKIA:AAAA"))
    assert isinstance(claim, Unreadable)
    assert "Only one auth mechanism allowed" in claim.error.message


def test_parameters_that_stand_for_headers_become_headers() -> None:
    """Those of the signature do not, and what was sent as a header wins."""
    request = asked(V4 + "&x-amz-meta-a=1&X-Amz-Acl=private&x-amz-meta-b=2", x_amz_meta_b="3")
    told = in_headers(request)
    assert told.sent is request
    assert told.headers == {
        "host": "h.localhost",
        "x-amz-meta-a": "1",
        "x-amz-acl": "private",
        "x-amz-meta-b": "3",
    }
    assert in_headers(asked(V4)) == asked(V4) or in_headers(asked(V4)).sent is None


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        (("600", "x"), "should be a number"),
        (("600", "-1"), "must be non-negative"),
        (("600", "9" * 400), "less than a week"),
        (("X-Amz-Date", "X-Amz-Day"), "requires the X-Amz-Algorithm"),
        (("us-east-1/", ""), "mal-formed"),
        (("HMAC-SHA256", "HMAC-MD5"), "only supports"),
    ],
)
def test_a_url_that_cannot_be_one_says_why(changed: tuple[str, str], text: str) -> None:
    """With Amazon's sentence."""
    claim = claim_of(asked(V4.replace(*changed)))
    assert isinstance(claim, Unreadable)
    assert text in claim.error.message


def outcome(request: Request) -> str:
    """The code with which a request is refused; nothing else may come of it."""
    claim = claim_of(request)
    if claim is not None and "authorization" not in request.headers:
        request = in_headers(request)
    request = in_path(request)
    try:
        caller = VERIFIER.admit(claim, NOW)
        assert claim is not None
        VERIFIER.verify(request, claim, caller, "00", encode_twice=False, now=NOW)
    except AwsError as error:
        return spelled(error, "rest-xml").code
    return "verified"


ANYTHING = st.text(st.characters(max_codepoint=255), max_size=40)
PARTS = st.lists(
    st.one_of(
        ANYTHING,
        st.sampled_from(V4.split("&") + V2.split("&")),
        st.tuples(st.sampled_from((V4 + "&" + V2).split("&")), ANYTHING).map("".join),
    ),
    max_size=9,
)


@given(PARTS, st.dictionaries(st.sampled_from(["x-amz-date", "date", "x-amz-a"]), ANYTHING))
def test_any_query_is_refused_and_nothing_worse(parts: list[str], headers: dict[str, str]) -> None:
    """A query of any text never ends in anything but a refusal in Amazon's words."""
    request = Request("GET", "/a", "&".join(parts), {"host": "a", **headers}, Bytes(b""))
    assert outcome(request) != "verified"


@given(
    st.one_of(
        ANYTHING,
        st.tuples(st.sampled_from(["AWS ", "AWS4-HMAC-SHA256 "]), ANYTHING).map("".join),
        st.tuples(ANYTHING, ANYTHING, ANYTHING).map(
            lambda t: (
                f"AWS4-HMAC-SHA256 Credential={t[0]}/20261123/us-east-1/s3/aws4_request,"
                f"SignedHeaders=host;{t[1]},Signature={t[2]}"
            )
        ),
    ),
    ANYTHING,
    ANYTHING,
)
def test_any_header_is_refused_and_nothing_worse(header: str, stamp: str, path: str) -> None:
    """The same for the header, with any date and any path."""
    headers = {"host": "bücket.localhost", "authorization": header, "x-amz-date": stamp}
    assert outcome(Request("GET", f"/{path}", "", headers, Bytes(b""))) != "verified"
    del headers["x-amz-date"]
    assert outcome(Request("GET", "/", "", headers | {"date": stamp}, Bytes(b""))) != "verified"
