"""Presigned URLs, chunked bodies and buckets in host names, on a real server."""

from __future__ import annotations

import base64
import hashlib
import http.client
import re
import urllib.error
import urllib.request
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import S3SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from bakehouse import keys
from support import chunks
from support.server import ServerProcess

BUCKET = "signed-bucket"
SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


@pytest.fixture(autouse=True)
def bucket(server: ServerProcess) -> None:
    """The bucket of these tests."""
    server.client("s3").create_bucket(Bucket=BUCKET)


def presigner(server: ServerProcess, version: str, **changed: Any) -> Any:
    """A client that makes URLs in a version of the signature."""
    return server.client("s3", config=Config(signature_version=version), **changed)


def fetch(url: str, method: str = "GET", body: bytes | None = None) -> tuple[int, bytes]:
    """What a client without keys gets for a URL."""
    request = urllib.request.Request(url, body, {"Content-Type": ""}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def code_of(body: bytes) -> str:
    """The code of an XML error."""
    found = re.search(rb"<Code>(.*)</Code>", body)
    assert found, body
    return found[1].decode()


@pytest.mark.parametrize("version", ["s3", "s3v4"])
@pytest.mark.parametrize("key", ["plain", "a b/ü+&=(1).txt"])
def test_a_presigned_url_works_without_keys(server: ServerProcess, version: str, key: str) -> None:
    """One to write and one to read, in both versions, for any key."""
    s3, where = presigner(server, version), {"Bucket": BUCKET, "Key": f"{version}/{key}"}
    content = f"written with {version}".encode()
    put = s3.generate_presigned_url("put_object", where)
    assert fetch(put, "PUT", content)[0] == 200
    assert fetch(s3.generate_presigned_url("get_object", where)) == (200, content)
    assert fetch(s3.generate_presigned_url("delete_object", where), "DELETE")[0] == 204
    assert fetch(s3.generate_presigned_url("get_object", where))[0] == 404


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_url_can_say_how_to_answer(server: ServerProcess, version: str) -> None:
    """The overrides of headers are signed, and heeded."""
    s3 = presigner(server, version)
    s3.put_object(Bucket=BUCKET, Key="typed", Body=b"x")
    url = s3.generate_presigned_url(
        "get_object",
        {"Bucket": BUCKET, "Key": "typed", "ResponseContentType": "text/x; charset=utf-8"},
    )
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert answer.headers["Content-Type"] == "text/x; charset=utf-8"
    assert fetch(url.replace("text%2Fx", "text%2Fy"))[0] == 403


def test_older_urls_carry_headers_in_their_query(server: ServerProcess) -> None:
    """Metadata that boto3 puts into a URL of version 2 is kept with the object."""
    s3 = presigner(server, "s3")
    where = {"Bucket": BUCKET, "Key": "described", "Metadata": {"a": "b"}}
    url = s3.generate_presigned_url("put_object", where)
    assert "x-amz-meta-a=b" in url
    assert fetch(url, "PUT", b"x")[0] == 200
    assert s3.head_object(Bucket=BUCKET, Key="described")["Metadata"] == {"a": "b"}
    assert fetch(url.replace("x-amz-meta-a=b", "x-amz-meta-a=c"), "PUT", b"x")[0] == 403


@pytest.mark.parametrize(
    "added", ["%61cl", "version%49d=null", "response%2Dcontent-type=text/html"]
)
def test_an_older_url_cannot_be_led_elsewhere(server: ServerProcess, added: str) -> None:
    """What names a sub-resource is signed, however it is spelled in the query."""
    s3 = presigner(server, "s3")
    s3.put_object(Bucket=BUCKET, Key="there", Body=b"x")
    url = s3.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": "there"})
    told = fetch(f"{url}&{added}")
    assert (code_of(told[1]), told[0]) == ("SignatureDoesNotMatch", 403)


def test_headers_in_an_older_url_cannot_be_joined(server: ServerProcess) -> None:
    """A header that was signed cannot become the end of the one before it."""
    s3 = presigner(server, "s3")
    where = {"Bucket": BUCKET, "Key": "joined", "Metadata": {"a": "1", "b": "2"}}
    url = s3.generate_presigned_url("put_object", where)
    joined = url.replace("x-amz-meta-a=1", "x-amz-meta-a=1%0Ax-amz-meta-b%3A2")
    divided = url.replace("x-amz-meta-a=1", "x-amz-meta-a%3A1=")
    for altered in (joined.replace("x-amz-meta-b=2", ""), divided):
        assert fetch(altered, "PUT", b"x")[0] == 403
    assert fetch(url, "PUT", b"x")[0] == 200


@pytest.mark.parametrize(
    ("version", "changed", "code", "status"),
    [
        ("s3v4", ("X-Amz-Expires=3600", "X-Amz-Expires=3601"), "SignatureDoesNotMatch", 403),
        ("s3v4", ("X-Amz-Expires=3600", "X-Amz-Expires=604801"), "PARAMETERS", 400),
        ("s3v4", ("X-Amz-Expires=3600", "X-Amz-Expires=-1"), "PARAMETERS", 400),
        ("s3v4", ("X-Amz-Expires=3600", "X-Amz-Expires=one"), "PARAMETERS", 400),
        ("s3v4", ("X-Amz-Expires=3600", ""), "PARAMETERS", 400),
        ("s3v4", ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"), "PARAMETERS", 400),
        ("s3v4", ("aws4_request", "aws5_request"), "PARAMETERS", 400),
        ("s3v4", ("X-Amz-Credential=AKIA", "X-Amz-Credential=BKIA"), "InvalidAccessKeyId", 403),
        ("s3v4", ("/there", "/where"), "SignatureDoesNotMatch", 403),
        ("s3", ("/there", "/where"), "SignatureDoesNotMatch", 403),
        ("s3", ("AWSAccessKeyId=AKIA", "AWSAccessKeyId=BKIA"), "InvalidAccessKeyId", 403),
        ("s3", ("Signature=", "Signature="), "SignatureDoesNotMatch", 403),
        ("s3", ("&Expires=", "&Expired="), "AccessDenied", 403),
    ],
)
def test_a_changed_url_is_refused(
    server: ServerProcess, version: str, changed: tuple[str, str], code: str, status: int
) -> None:
    """With the code that AWS has for what was changed."""
    s3 = presigner(server, version)
    url = s3.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": "there"})
    altered = url.replace(*changed)
    if changed[0] == changed[1]:
        altered = re.sub("([?&])Signature=[^&]*", r"\1Signature=AAAA", url)
    assert altered != url
    told = fetch(altered)
    code = code.replace("PARAMETERS", "AuthorizationQueryParametersError")
    assert (code_of(told[1]), told[0]) == (code, status)


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_an_expired_url_says_when_it_ended(server: ServerProcess, version: str) -> None:
    """Version 2 tells the second; version 4 the length as well."""
    s3 = presigner(server, version)
    where = {"Bucket": BUCKET, "Key": "there"}
    url = s3.generate_presigned_url("get_object", where, ExpiresIn=-5 if version == "s3" else 0)
    status, body = fetch(url)
    if version == "s3v4":
        while status != 403:  # it holds until the end of this second
            status, body = fetch(url)
        assert b"<X-Amz-Expires>0</X-Amz-Expires>" in body
    assert (status, code_of(body)) == (403, "AccessDenied")
    assert b"<Message>Request has expired</Message>" in body
    assert re.search(rb"<Expires>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ</Expires><ServerTime>", body)


def test_presigned_urls_of_other_services_work(server: ServerProcess) -> None:
    """``GetCallerIdentity`` in a URL proves who somebody is."""
    pair = keys.load(server.data)
    url = f"{server.endpoint}/?Action=GetCallerIdentity&Version=2011-06-15"
    request = AWSRequest("GET", url)
    credentials = Credentials(pair.access_key_id, pair.secret_access_key)
    SigV4QueryAuth(credentials, "sts", "us-east-1", expires=60).add_auth(request)
    status, body = fetch(str(request.url))
    assert status == 200
    assert b"<Arn>arn:aws:sts::123456789012:assumed-role/" in body


def test_the_older_header_signs_s3_requests(server: ServerProcess) -> None:
    """``signature_version="s3"`` works for keys, listings and sub-resources."""
    s3 = presigner(server, "s3")
    s3.put_object(Bucket=BUCKET, Key="older", Body=b"content", Metadata={"a": "x  y"})
    assert s3.get_object(Bucket=BUCKET, Key="older")["Body"].read() == b"content"
    assert "older" in [o["Key"] for o in s3.list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert s3.get_bucket_location(Bucket=BUCKET)["LocationConstraint"] is None
    wrong = presigner(server, "s3", aws_secret_access_key="wrong")
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        wrong.list_buckets()


@pytest.mark.parametrize(
    ("date", "code"),
    [
        ("Bad Date", "AccessDenied"),
        ("", "AccessDenied"),
        ("Tue, 07 Jul 2010 21:53:04 GMT", "RequestTimeTooSkewed"),
        ("Tue, 07 Jul 1950 21:53:04 GMT", "AccessDenied"),
        ("Tue, 07 Jul 9999 21:53:04 GMT", "RequestTimeTooSkewed"),
    ],
)
def test_the_older_header_needs_a_sound_date(server: ServerProcess, date: str, code: str) -> None:
    """A date that is none is told apart from one of another time."""
    session = boto3.session.Session()
    pair = keys.load(server.data)
    s3 = session.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=pair.access_key_id,
        aws_secret_access_key=pair.secret_access_key,
        config=Config(signature_version="s3"),
    )
    s3.meta.events.register(
        "before-call.s3.ListBuckets",
        lambda params, **_: params["headers"].update({"x-amz-date": date}),
    )
    with pytest.raises(ClientError) as caught:
        s3.list_buckets()
    s3.close()
    assert caught.value.response["Error"]["Code"] == code


def test_the_date_header_alone_is_enough(server: ServerProcess) -> None:
    """botocore signs ``Date`` instead of ``X-Amz-Date`` where somebody has set it."""
    s3 = server.client("s3", config=Config(signature_version="s3v4", retries={"max_attempts": 0}))
    s3.meta.events.register(
        "before-call.s3.ListBuckets", lambda params, **_: params["headers"].update({"Date": "now"})
    )
    assert s3.list_buckets()["Buckets"]


# Raw requests


def ask(
    server: ServerProcess,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes | list[bytes] = b"",
) -> tuple[int, bytes]:
    """Send a request as it is; a list of bytes goes out in chunks of HTTP."""
    connection = http.client.HTTPConnection(urlsplit(server.endpoint).netloc, timeout=10)
    try:
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body, encode_chunked=isinstance(body, list))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


class _Declared(S3SigV4Auth):  # type: ignore[misc]  # botocore has no types
    """botocore's signer, for a body that something else stands for."""

    def payload(self, request: Any) -> str:
        return str(request.context["declared"])


def signed(
    server: ServerProcess, method: str, path: str, declared: str, headers: dict[str, str]
) -> tuple[dict[str, str], chunks.Signer]:
    """Headers as botocore signs them, and the signer of the chunks behind them."""
    pair = keys.load(server.data)
    request = AWSRequest(method, f"{server.endpoint}{path}", headers)
    request.context |= {"client_config": None, "declared": declared}
    credentials = Credentials(pair.access_key_id, pair.secret_access_key)
    _Declared(credentials, "s3", "us-east-1").add_auth(request)
    made = dict(request.headers)
    return made, chunks.signer_after(made, pair.secret_access_key)


CONTENT = bytes(range(256)) * 700


@pytest.mark.parametrize("sums", ["crc32", "sha256", ""])
@pytest.mark.parametrize("declared", [SIGNED, f"{SIGNED}-TRAILER", UNSIGNED_TRAILER])
def test_a_body_in_chunks_is_read(server: ServerProcess, declared: str, sums: str) -> None:
    """The content is stored without its chunks, with the checksum that came behind it."""
    if bool(sums) != declared.endswith("TRAILER"):
        return
    trailers = {}
    if sums == "crc32":
        trailers = {
            "x-amz-checksum-crc32": base64.b64encode(
                zlib.crc32(CONTENT).to_bytes(4, "big")
            ).decode()
        }
    elif sums:
        digest = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()
        trailers = {"x-amz-checksum-sha256": digest}
    headers, signer = signed(
        server,
        "PUT",
        f"/{BUCKET}/chunked",
        declared,
        {
            "Content-Encoding": "aws-chunked",
            "X-Amz-Decoded-Content-Length": str(len(CONTENT)),
            **({"X-Amz-Trailer": next(iter(trailers))} if trailers else {}),
        },
    )
    body = chunks.encoded(CONTENT, 65_536, signer if "AWS4" in declared else None, trailers)
    headers["Content-Length"] = str(len(body))
    assert ask(server, "PUT", f"/{BUCKET}/chunked", headers, body) == (200, b"")
    told = server.client("s3").get_object(Bucket=BUCKET, Key="chunked", ChecksumMode="ENABLED")
    assert told["Body"].read() == CONTENT
    assert "ContentEncoding" not in told
    if trailers:
        name = "ChecksumCRC32" if sums == "crc32" else "ChecksumSHA256"
        assert told[name] == next(iter(trailers.values()))


@pytest.mark.parametrize("change", ["data", "signature", "trailer", "short", "sum", "gone"])
def test_a_changed_body_in_chunks_is_refused(server: ServerProcess, change: str) -> None:
    """Whatever part was changed, nothing is stored."""
    crc = base64.b64encode(zlib.crc32(CONTENT).to_bytes(4, "big")).decode()
    path, key = f"/{BUCKET}/refused", "refused"
    headers, signer = signed(
        server,
        "PUT",
        path,
        f"{SIGNED}-TRAILER",
        {
            "X-Amz-Decoded-Content-Length": str(len(CONTENT)),
            "X-Amz-Trailer": "x-amz-checksum-crc32",
        },
    )
    trailers = {"x-amz-checksum-crc32": "AAAAAA==" if change == "sum" else crc}
    body = chunks.encoded(CONTENT, 65_536, signer, trailers)
    expected = "SignatureDoesNotMatch"
    if change == "data":
        body = body.replace(bytes(range(8)), bytes(8), 1)
    elif change == "signature":
        body = re.sub(rb"signature=.{4}", b"signature=0000", body, count=1)
    elif change == "trailer":
        body = body.replace(crc.encode(), b"AAAAAA==")
    elif change == "short":
        body, expected = body[:70_000], "IncompleteBody"
    elif change == "sum":
        expected = "BadDigest"
    else:
        start = body.index(b"x-amz-checksum")
        body, expected = body[:start] + b"\r\n", "MalformedTrailerError"
    headers["Content-Length"] = str(len(body))
    status, told = ask(server, "PUT", path, headers, body)
    assert 400 <= status < 500
    assert code_of(told) == expected
    with pytest.raises(ClientError, match="404"):
        server.client("s3").head_object(Bucket=BUCKET, Key=key)


def test_a_body_in_chunks_of_both_kinds_is_read(server: ServerProcess) -> None:
    """Streams of unknown length come in HTTP's chunks around S3's, as over https."""
    crc = base64.b64encode(zlib.crc32(CONTENT).to_bytes(4, "big")).decode()
    path = f"/{BUCKET}/twice"
    headers, _ = signed(
        server,
        "PUT",
        path,
        UNSIGNED_TRAILER,
        {
            "Content-Encoding": "gzip,aws-chunked",
            "Transfer-Encoding": "chunked",
            "X-Amz-Decoded-Content-Length": str(len(CONTENT)),
            "X-Amz-Trailer": "x-amz-checksum-crc32",
        },
    )
    body = chunks.encoded(CONTENT, 30_000, None, {"x-amz-checksum-crc32": crc})
    pieces = [body[at : at + 999] for at in range(0, len(body), 999)]
    assert ask(server, "PUT", path, headers, pieces) == (200, b"")
    told = server.client("s3").head_object(Bucket=BUCKET, Key="twice")
    assert told["ContentEncoding"] == "gzip"
    assert told["ContentLength"] == len(CONTENT)


def test_a_bodys_digest_is_compared_before_it_means_anything(server: ServerProcess) -> None:
    """Both digests are told; and without one nothing is read."""
    declared = hashlib.sha256(b"another").hexdigest()
    headers, _ = signed(server, "PUT", f"/{BUCKET}/k", declared, {})
    status, told = ask(server, "PUT", f"/{BUCKET}/k", headers | {"Content-Length": "3"}, b"abc")
    assert (status, code_of(told)) == (400, "XAmzContentSHA256Mismatch")
    assert hashlib.sha256(b"abc").hexdigest().encode() in told


@pytest.mark.parametrize(
    ("authorization", "code", "status"),
    [
        ("", "AccessDenied", 403),
        ("AWS HAHAHA", "InvalidArgument", 400),
        ("Basic abc", "InvalidArgument", 400),
        ("AWS4-HMAC-SHA256 Credential=HAHAHA", "AuthorizationHeaderMalformed", 400),
        (
            "AWS4-HMAC-SHA256 Credential=A/B/s3/aws4_request,SignedHeaders=host,Signature=00",
            "AuthorizationHeaderMalformed",
            400,
        ),
        ("AWS AKIANOBODY:FWeDfwojDSdS2Ztmpfeubhd9isU=", "InvalidAccessKeyId", 403),
        ("AWS4-ECDSA-P256-SHA256 Credential=A", "NotImplemented", 501),
    ],
)
def test_an_authorization_that_is_none_has_its_own_code(
    server: ServerProcess, authorization: str, code: str, status: int
) -> None:
    """What cannot be read is told apart from what does not fit."""
    told = ask(server, "GET", "/", {"Authorization": authorization})
    assert (code_of(told[1]), told[0]) == (code, status)


def test_a_wrong_scope_is_named(server: ServerProcess) -> None:
    """A request for one service that was signed for another says which it should have been."""
    client = server.client("logs")
    pair = keys.load(server.data)
    request = AWSRequest(
        "POST", server.endpoint, {"X-Amz-Target": "Logs_20140328.DescribeLogGroups"}, b"{}"
    )
    request.context["client_config"] = None
    credentials = Credentials(pair.access_key_id, pair.secret_access_key)
    S3SigV4Auth(credentials, "sagemaker", "us-east-1").add_auth(request)
    status, told = ask(server, "POST", "/", dict(request.headers) | {"Content-Length": "2"}, b"{}")
    assert status == 400
    assert b"Credential should be scoped to correct service: 'logs'" in told
    assert "logGroups" in client.describe_log_groups()


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_headers_beyond_ascii_verify(server: ServerProcess, encoding: str) -> None:
    """Clients sign such a header as its bytes, or as UTF-8 and send it as Latin-1."""
    empty = hashlib.sha256(b"").hexdigest()
    path = f"/{BUCKET}/{encoding}"
    text = "Größe à"
    pair = keys.load(server.data)
    request = AWSRequest("PUT", server.endpoint + path, {"x-amz-meta-a": text})
    request.context |= {"client_config": None, "declared": empty}
    credentials = Credentials(pair.access_key_id, pair.secret_access_key)
    _Declared(credentials, "s3", "us-east-1").add_auth(request)
    sent = {"x-amz-meta-a": text.encode(encoding).decode("latin-1"), "Content-Length": "0"}
    assert ask(server, "PUT", path, dict(request.headers) | sent)[0] == 200


@pytest.mark.parametrize("host", ["{}.localhost:1", "{}.s3.us-east-1.amazonaws.com"])
def test_a_bucket_may_stand_in_the_hosts_name(server: ServerProcess, host: str) -> None:
    """The path is signed as it is sent."""
    made = host.format(BUCKET)
    empty = hashlib.sha256(b"").hexdigest()
    key = f"/by-{made.split(':')[0]}"
    headers, _ = signed(server, "PUT", key, empty, {"Host": made})
    assert ask(server, "PUT", key, headers | {"Content-Length": "0"})[0] == 200
    server.client("s3").head_object(Bucket=BUCKET, Key=key[1:])
    headers, _ = signed(server, "GET", "/", empty, {"Host": made})
    status, told = ask(server, "GET", "/", headers)
    assert status == 200
    assert key[1:].encode() in told


def test_presigned_urls_may_have_the_bucket_in_the_host(server: ServerProcess) -> None:
    """As boto3 makes them for a named host, in both versions."""
    pair = keys.load(server.data)
    server.client("s3").put_object(Bucket=BUCKET, Key="hosted", Body=b"x")
    for version in ("s3", "s3v4"):
        s3 = boto3.client(
            "s3",
            endpoint_url="http://localhost:4566",
            region_name="us-east-1",
            aws_access_key_id=pair.access_key_id,
            aws_secret_access_key=pair.secret_access_key,
            config=Config(signature_version=version, s3={"addressing_style": "virtual"}),
        )
        url = urlsplit(s3.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": "hosted"}))
        assert url.netloc == f"{BUCKET}.localhost:4566"
        headers = {"Host": url.netloc}
        assert ask(server, "GET", f"{url.path}?{url.query}", headers) == (200, b"x")


def test_a_request_of_another_time_says_both_times(server: ServerProcess) -> None:
    """S3 tells the time of the request, its own, and what is allowed between."""
    empty = hashlib.sha256(b"").hexdigest()
    headers, _ = signed(server, "GET", "/", empty, {})
    old = (datetime.now(UTC) - timedelta(minutes=20)).strftime("%Y%m%dT%H%M%SZ")
    status, told = ask(server, "GET", "/", headers | {"X-Amz-Date": old})
    assert (status, code_of(told)) == (403, "RequestTimeTooSkewed")
    assert f"<RequestTime>{old}</RequestTime>".encode() in told
    assert b"<MaxAllowedSkewMilliseconds>900000</MaxAllowedSkewMilliseconds>" in told


def test_a_mismatch_tells_what_should_have_been_signed(server: ServerProcess) -> None:
    """The canonical request is what everybody looks for who writes a signer."""
    empty = hashlib.sha256(b"").hexdigest()
    headers, _ = signed(server, "GET", "/", empty, {})
    status, told = ask(server, "GET", "/?x=1", headers)
    assert (status, code_of(told)) == (403, "SignatureDoesNotMatch")
    assert b"<CanonicalRequest>GET\n/\nx=1\nhost:" in told
    assert b"<StringToSign>AWS4-HMAC-SHA256\n" in told
