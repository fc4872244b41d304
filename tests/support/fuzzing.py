"""Requests that are nearly right: drawn from the models, then spoilt, the same for every seed."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random
from typing import Any
from urllib.parse import quote, urlsplit

from botocore.model import Shape

from bakehouse.wire.models import families, service_model
from support.offered import offered
from support.prepared import request_by_botocore

NAMES = ("a", "b1", "fuzz-bucket", "fuzz/key", "$LATEST", "arn:aws:sagemaker:us-east-1:1:x/y", "é")
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 2**31, 2**63, -(2**70), 1e308, "", "\0", "\ud7ff", "x" * 3000, "../../etc",
    [], {}, [[]], [None], {"": {}}, "9" * 400, "1970-01-01T00:00:00Z", "%00%ff", "a\r\nb: c", "💥",
    "{{", "$.a", "{ $.a = 1", "(((((", "SUM(m1)", "-" * 500, "NaN", "Infinity", "0001-01-01",
)  # fmt: skip
POLICY = quote(
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", '
    '"Principal": {"Service": "lambda.amazonaws.com"}}]}'
)
THERE = {"Bucket": "fuzz-bucket", "Namespace": "a", "ExpectedBucketOwner": "123456789012"}
"""Members that mostly name what is there, so that requests get further."""
HEADERS = """
    Content-Type X-Amz-Target Content-Encoding Range x-amz-copy-source Content-MD5 x-amz-tagging
    smithy-protocol If-Match x-amz-checksum-crc32 x-amz-meta-a x-amz-decoded-content-length
    x-amz-trailer X-Amz-Client-Context Origin Expect X-Amz-Invocation-Type x-amz-acl
    If-Modified-Since X-Amzn-Query-Mode x-amz-object-lock-mode x-amz-copy-source-range
"""
HEADER_VALUES = (
    "", "x", "rpc-v2-cbor", "gzip", "aws-chunked", "application/json", "bytes=5-1,2-", "true", "-1",
    "a/b?versionId=x", "=&=;%zz", "9" * 30, "\xf0\x9f\x99\x82", "a=b&a=c", "application/cbor",
)  # fmt: skip
PATHS = (
    "/%2e%2e/%2e%2e", "//", "/%00", "/%ff", "/a" * 300, "?uploads", "?versions", "?a=%zz&b", "/;x",
    "&max-keys=-5", "&partNumber=0&uploadId=x", "?tagging", "?X-Amz-Expires=1", "?policy", "?cors",
    "?prefix=%F0%9F%92%A5&delimiter=%2F", "?acl", "?notification", "?versioning", "?versionId=null",
)  # fmt: skip


@dataclass(frozen=True)
class Sent:
    """A request before it is signed."""

    service: str
    operation: str
    method: str
    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def signing_name(self) -> str:
        """The service in the scope of its signature."""
        metadata = service_model(self.service).metadata
        return str(metadata.get("signingName") or metadata["endpointPrefix"])


def beginning() -> list[Sent]:
    """Requests that make some of what the drawn ones name."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    role = f"Action=CreateRole&RoleName=a&AssumeRolePolicyDocument={POLICY}&Version=2010-05-08"
    group, stream = b'{"logGroupName": "a"}', b'{"logGroupName": "a", "logStreamName": "a"}'
    return [
        Sent("s3", "CreateBucket", "PUT", "/fuzz-bucket", b""),
        Sent("s3", "PutObject", "PUT", "/fuzz-bucket/a", b"[1, 2]"),
        Sent("iam", "CreateRole", "POST", "/", role.encode(), form),
        Sent("logs", "CreateLogGroup", "POST", "/", group, _logs("CreateLogGroup")),
        Sent("logs", "CreateLogStream", "POST", "/", stream, _logs("CreateLogStream")),
    ]


def _logs(operation: str) -> dict[str, str]:
    content_type = "application/x-amz-json-1.1"
    return {"X-Amz-Target": f"Logs_20140328.{operation}", "Content-Type": content_type}


class Fuzzer:
    """Draws requests to every operation that a server offers."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._operations = [(s, name) for s, names in offered().items() for name in names]

    def request(self) -> Sent:
        """A request, most of the time spoilt once or twice."""
        sent = self._sound()
        for _ in range(self._random.choice((0, 0, 1, 1, 2))):
            sent = self._random.choice(SPOILERS)(sent, self._random)
        return sent

    def _sound(self) -> Sent:
        service, name = self._random.choice(self._operations)
        operation = service_model(service).operation_model(name)
        family = self._random.choice(families(service))
        shape = operation.input_shape
        params = {} if shape is None else drawn(shape, self._random)
        made = request_by_botocore(operation, family, params)
        url = urlsplit(made.url)
        body = made.body if isinstance(made.body, bytes) else (made.body or "").encode()
        path = f"{url.path}?{url.query}" if url.query else url.path
        headers = {
            name: value if isinstance(value, str) else value.decode()
            for name, value in made.headers.items()
            if name.lower() != "content-length"
        }
        return Sent(service, name, made.method, path, body, headers)


def drawn(shape: Shape, random: Random, depth: int = 0) -> Any:
    """A value of a shape, mostly one that its constraints allow."""
    match shape.type_name:
        case "structure":
            return _structure(shape, random, depth)
        case "list":
            return [drawn(shape.member, random, depth + 1) for _ in range(random.randint(1, 2))]
        case "map":
            return {str(drawn(shape.key, random)): drawn(shape.value, random, depth + 1)}
        case "timestamp":
            return datetime.fromtimestamp(random.choice((0, 1_800_000_000, 253402300799)), UTC)
        case "blob":
            return random.randbytes(random.choice((0, 1, 50)))
        case "integer" | "long":
            least = int(shape.metadata.get("min", 0))
            return random.choice((least, least + 1, int(shape.metadata.get("max", 60)), -1))
        case "float" | "double":
            return random.choice((0.0, 0.5, 1.0, -1.0, 1e18))
        case "boolean":
            return random.random() < 0.5
    if "enum" in shape.metadata and random.random() < 0.9:
        return random.choice(shape.metadata["enum"])
    name = "a" if random.random() < 0.6 else random.choice(NAMES)
    return name.ljust(int(shape.metadata.get("min", 0)), "a")


def _structure(shape: Shape, random: Random, depth: int) -> dict[str, Any]:
    required = set(shape.required_members)
    likely = 0.5 if depth < 2 else 0.15 if depth < 5 else 0.0
    drawn_members = {
        name: drawn(member, random, depth + 1)
        for name, member in shape.members.items()
        if name in required or random.random() < likely
    }
    there = {n: v for n, v in THERE.items() if isinstance(drawn_members.get(n), str)}
    return drawn_members | (there if random.random() < 0.9 else {})


# Spoiling


def _flip(sent: Sent, random: Random) -> Sent:
    body = bytearray(sent.body)
    for _ in range(min(len(body), random.randint(1, 4))):
        body[random.randrange(len(body))] = random.randrange(256)
    return replace(sent, body=bytes(body))


def _cut(sent: Sent, random: Random) -> Sent:
    return replace(sent, body=sent.body[: random.randint(0, len(sent.body))])


def _repeat(sent: Sent, random: Random) -> Sent:
    start = random.randint(0, len(sent.body))
    piece = sent.body[start : start + random.randint(1, 40)] or b"["
    middle = piece * random.choice((2, 50, 2000))
    return replace(sent, body=(sent.body[:start] + middle + sent.body[start:])[:500_000])


def _odd_member(sent: Sent, random: Random) -> Sent:
    try:
        document = json.loads(sent.body)
    except (ValueError, RecursionError):
        return _flip(sent, random)
    odd = random.choice(ODD)
    if not isinstance(document, dict) or not document:
        return replace(sent, body=json.dumps(odd).encode())
    at: Any = document
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        key = random.choice(keys)
        inner = at[key]
        if isinstance(inner, dict | list) and inner and random.random() < 0.7:
            at = inner
            continue
        at[key] = odd
        return replace(sent, body=json.dumps(document).encode())


def _drop_element(sent: Sent, random: Random) -> Sent:
    """Take an element out of XML, or what is in it."""
    names = re.findall(rb"<(\w+)", sent.body)
    if not names:
        return _odd_member(sent, random)
    name = random.choice(names)
    instead = random.choice((b"", b"<%s/>" % name, b"<%s>x</%s>" % (name, name)))
    body = re.sub(rb"<%s\b.*?</%s>" % (name, name), instead, sent.body, count=1, flags=re.DOTALL)
    return replace(sent, body=body)


def _nest(sent: Sent, random: Random) -> Sent:
    opening, closing = random.choice(
        ((b"[", b"]"), (b'{"a":', b"}"), (b"<a>", b"</a>"), (b"\x81", b""))
    )
    levels = random.choice((50, 1000, 20_000))
    return replace(sent, body=opening * levels + b"1" + closing * levels)


def _odd_header(sent: Sent, random: Random) -> Sent:
    name, value = random.choice(HEADERS.split()), random.choice(HEADER_VALUES)
    return replace(sent, headers={**sent.headers, name: value})


def _pack(sent: Sent, random: Random) -> Sent:
    body = random.choice((gzip.compress(sent.body), gzip.compress(b"\0" * 9_000_000), sent.body))
    return replace(sent, body=body, headers={**sent.headers, "Content-Encoding": "gzip"})


def _odd_path(sent: Sent, random: Random) -> Sent:
    return replace(sent, path=sent.path + random.choice(PATHS))


def _other_method(sent: Sent, random: Random) -> Sent:
    return replace(sent, method=random.choice(("GET", "PUT", "POST", "DELETE", "HEAD", "PATCH")))


def _other_service(sent: Sent, random: Random) -> Sent:
    return replace(sent, service=random.choice(sorted(offered())))


SPOILERS: tuple[Callable[[Sent, Random], Sent], ...] = (
    _flip, _cut, _repeat, _odd_member, _odd_member, _odd_member, _nest, _odd_header, _odd_header,
    _drop_element, _drop_element, _drop_element,
    _pack, _odd_path, _odd_path, _other_method, _other_service,
)  # fmt: skip
