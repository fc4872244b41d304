"""Uploads by an HTML form: ``POST`` of ``multipart/form-data`` to a bucket.

The signature is of the form's policy, not of the request; a form without one may upload where
everyone may write. Source: Amazon S3 API Reference, "POST Object".
"""

from __future__ import annotations

import html
import logging
import re
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit
from uuid import uuid4

from bakehouse import clock
from bakehouse.faults import Broken, LimitExceeded, Rejected
from bakehouse.services.s3.errors import invalid_argument, malformed_xml
from bakehouse.services.s3.form_data import Form, FormReader, boundary_of
from bakehouse.services.s3.form_policy import SizeLimits, check_policy_of_form
from bakehouse.services.s3.public_access import check_unsigned
from bakehouse.storage.objects import ObjectStore
from bakehouse.wire.types import (
    Answer,
    AwsError,
    Call,
    Caller,
    Doorway,
    Operation,
    Params,
    Request,
    Response,
    TextSignature,
)

_log = logging.getLogger(__name__)
_MEMBERS = {
    "acl": "ACL",
    "cache-control": "CacheControl",
    "content-disposition": "ContentDisposition",
    "content-encoding": "ContentEncoding",
    "content-type": "ContentType",
    "x-amz-acl": "ACL",
    "x-amz-checksum-algorithm": "ChecksumAlgorithm",
    "x-amz-checksum-crc32": "ChecksumCRC32",
    "x-amz-checksum-crc32c": "ChecksumCRC32C",
    "x-amz-checksum-crc64nvme": "ChecksumCRC64NVME",
    "x-amz-checksum-sha1": "ChecksumSHA1",
    "x-amz-checksum-sha256": "ChecksumSHA256",
    "x-amz-object-lock-legal-hold": "ObjectLockLegalHoldStatus",
    "x-amz-object-lock-mode": "ObjectLockMode",
    "x-amz-server-side-encryption": "ServerSideEncryption",
    "x-amz-server-side-encryption-aws-kms-key-id": "SSEKMSKeyId",
    "x-amz-server-side-encryption-customer-algorithm": "SSECustomerAlgorithm",
    "x-amz-server-side-encryption-customer-key": "SSECustomerKey",
    "x-amz-server-side-encryption-customer-key-md5": "SSECustomerKeyMD5",
    "x-amz-storage-class": "StorageClass",
    "x-amz-website-redirect-location": "WebsiteRedirectLocation",
}
"""Field → the member of PutObject that means the same."""
_TIMES = {"expires": "Expires", "x-amz-object-lock-retain-until-date": "ObjectLockRetainUntilDate"}
_METADATA = "x-amz-meta-"
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_SIGNING = ("awsaccesskeyid", "signature", "x-amz-signature", "x-amz-credential", "policy")
_NEEDED_BY_V2 = ("Policy", "AWSAccessKeyId", "Signature")
_NEEDED_BY_V4 = (
    "Policy",
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Signature",
)
_TAG = r"<Tag>\s*<Key>([^<>]*)</Key>\s*<Value>([^<>]*)</Value>\s*</Tag>\s*"
_TAGGING = re.compile(rf"\s*<Tagging[^<>]*>\s*<TagSet>\s*((?:{_TAG})*)</TagSet>\s*</Tagging>\s*")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Forms:
    """Takes uploads by forms.

    Args:
        store: where the buckets are.
        put: PutObject, as an operation that tells of ``ObjectCreated:Post``.
    """

    def __init__(self, store: ObjectStore, put: Operation) -> None:
        self._store, self._put = store, put

    def takes(self, request: Request) -> bool:
        """Whether a request is an upload by a form."""
        if request.method != "POST" or request.query or bucket_in(request.path) is None:
            return False
        return request.headers.get("content-type", "").lower().startswith("multipart/form-data")

    async def answer(self, request: Request, door: Doorway) -> Response:
        """Upload the file of a form; this never raises for the form's sake."""
        try:
            return await self._upload(request, door)
        except (AwsError, Rejected) as error:
            return door.refuse(request, error)
        except Broken as fault:
            _log.error("The upload of a form failed: %s", fault)
            return door.refuse(request, AwsError("InternalError", fault.message, 500))

    async def _upload(self, request: Request, door: Doorway) -> Response:
        bucket = self._store.bucket(bucket_in(request.path) or "").name
        reader = FormReader(request.body, boundary_of(request.headers["content-type"]))
        form = await reader.form()
        params = _params_of(form.fields) | {"Bucket": bucket, "Key": _key_of(form)}
        signature = _signature_of(form.fields)
        caller, limits = self._admitted(form.fields, signature, params, door)
        call = Call(
            "PutObject",
            str(uuid4()),
            door.account_id,
            door.region,
            signature.access_key_id if signature else "",
            caller=caller,
        )
        result = await self._put(call, params | {"Body": _File(reader.file(), limits)})
        written = result.params if isinstance(result, Answer) else result
        return _told(request, form.fields, params, written, call.request_id)

    def _admitted(
        self,
        fields: Mapping[str, str],
        signature: TextSignature | None,
        params: Params,
        door: Doorway,
    ) -> tuple[Caller | None, SizeLimits]:
        """Make sure that whoever made the form lets anyone upload this.

        Raises:
            AwsError, AccessDenied: the policy is not signed, or does not allow it; or there is
                none, and the bucket is not open to everyone.
        """
        if signature is None:
            if door.verifies:
                check_unsigned(self._store, "PutObject", params)
            return None, SizeLimits()
        caller = door.signer(fields["policy"], signature, "PutObject")
        spoken = {**fields, "key": params["Key"], "bucket": params["Bucket"]}
        return caller, check_policy_of_form(fields["policy"], spoken, clock.now())


class _File:
    """The file of a form as a body: it is read once, and held to the limits of its policy."""

    def __init__(self, chunks: AsyncIterator[bytes], limits: SizeLimits) -> None:
        self._chunks, self._limits = chunks, limits
        self.announced: tuple[str, ...] = ()
        self.trailers: dict[str, str] = {}

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._chunks:
            size += len(chunk)
            self._limits.check_most(size)
            yield chunk
        self._limits.check_least(size)

    async def read(self, limit_bytes: int) -> bytes:
        found = bytearray()
        async for chunk in self:
            found += chunk
            if len(found) > limit_bytes:
                raise LimitExceeded("The file", len(found), limit_bytes, "bytes")
        return bytes(found)


def bucket_in(path: str) -> str | None:
    """The bucket of a path that names no key."""
    name = path.strip("/")
    return name if name and "/" not in name else None


def _key_of(form: Form) -> str:
    if not form.fields.get("key"):
        raise _missing("key")
    return form.fields["key"].replace("${filename}", form.filename)


def _signature_of(fields: Mapping[str, str]) -> TextSignature | None:
    """How the policy is said to be signed; None for a form that says nothing of it.

    Raises:
        AwsError: something of the signature is missing.
    """
    if not any(name in fields for name in _SIGNING):
        return None
    is_older = "x-amz-algorithm" not in fields and "x-amz-credential" not in fields
    for name in _NEEDED_BY_V2 if is_older else _NEEDED_BY_V4:
        if name.lower() not in fields:
            raise _missing(name)
    token = fields.get("x-amz-security-token", "")
    if is_older:
        return TextSignature(fields["awsaccesskeyid"], fields["signature"], token)
    scope = fields["x-amz-credential"].split("/")
    if fields["x-amz-algorithm"] != "AWS4-HMAC-SHA256" or len(scope) != 5 or scope[3] != "s3":
        text = "The credential of the form is not one for S3 with AWS4-HMAC-SHA256."
        raise AwsError("InvalidArgument", text, 400)
    key, date, region, service, _ = scope
    return TextSignature(key, fields["x-amz-signature"], token, (date, region, service))


def _params_of(fields: Mapping[str, str]) -> Params:
    """The parameters of PutObject that a form's fields mean."""
    params: Params = {_MEMBERS[name]: value for name, value in fields.items() if name in _MEMBERS}
    for name, member in _TIMES.items():
        if name in fields:
            params[member] = _moment(name, fields[name])
    metadata = {k.removeprefix(_METADATA): v for k, v in fields.items() if k.startswith(_METADATA)}
    for name in metadata:
        if not _HEADER_NAME.fullmatch(name):  # it could not be told to whoever reads the object
            text = "The name of the metadata is none of a header."
            raise invalid_argument("x-amz-meta", name[:100], text)
    if metadata:
        params["Metadata"] = metadata
    if "tagging" in fields:
        params["Tagging"] = _tagging(fields["tagging"])
    return params


def _moment(name: str, text: str) -> datetime:
    try:
        return (
            parsedate_to_datetime(text) if name == "expires" else datetime.fromisoformat(text)
        ).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise invalid_argument(name, text[:100], "The date is not valid.") from error


def _tagging(text: str) -> str:
    """The tags of a form, which are XML of one known form, as a header writes them."""
    found = _TAGGING.fullmatch(text)
    if found is None:
        raise malformed_xml()
    tags = re.findall(_TAG, found[1])
    return urlencode([(html.unescape(key), html.unescape(value)) for key, value in tags])


def _told(
    request: Request, fields: Mapping[str, str], params: Params, written: Params, request_id: str
) -> Response:
    """The answer that the form asks for: another page, a document, or nothing."""
    bucket, key, etag = params["Bucket"], params["Key"], written["ETag"]
    host = request.headers.get("host", "")
    location = f"http://{host}/{bucket}/{quote(key, safe='/-_.~')}"
    headers = {"x-amz-request-id": request_id, "etag": etag, "location": location}
    if "VersionId" in written:
        headers["x-amz-version-id"] = written["VersionId"]
    page = fields.get("success_action_redirect", fields.get("redirect", ""))
    if target := _redirected(page, bucket, key, etag):
        return Response(303, headers | {"location": target})
    status = fields.get("success_action_status")
    if status != "201":
        return Response(200 if status == "200" else 204, headers)
    members = {"Location": location, "Bucket": bucket, "Key": key, "ETag": etag}
    inside = "".join(
        f"<{name}>{html.escape(_NOT_XML.sub(chr(0xFFFD), value), quote=False)}</{name}>"
        for name, value in members.items()
    )
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<PostResponse>{inside}</PostResponse>'
    return Response(201, headers | {"content-type": "application/xml"}, body.encode())


def _redirected(page: str, bucket: str, key: str, etag: str) -> str | None:
    """The page to show next, which is told what was written; None if it is no address."""
    try:
        parts = urlsplit(page)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return None
    given = parse_qsl(parts.query, keep_blank_values=True)
    told = [("bucket", bucket), ("key", key), ("etag", etag)]
    return urlunsplit(parts._replace(query=urlencode([*given, *told], quote_via=quote)))


def _missing(name: str) -> AwsError:
    text = (
        f"Bucket POST must contain a field named '{name}'.  If it is specified, please check the "
        "order of the fields."
    )
    return invalid_argument(name, "", text)
