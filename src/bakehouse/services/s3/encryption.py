"""Server-side encryption as it is asked for and told. Nothing is encrypted on this disk.

What a writer asks for is checked as S3 does and told to its readers. A customer's key is not kept:
its MD5 is, as S3's own answers show it, and who reads must bring a key with the same.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from bakehouse.faults import AccessDenied
from bakehouse.services.s3.errors import invalid_argument, invalid_request
from bakehouse.services.s3.integrity import from_base64
from bakehouse.services.s3.setting_names import ENCRYPTION
from bakehouse.storage.objects import ObjectInfo, ObjectStore
from bakehouse.wire.types import Answer, AwsError, Call, Operation, Params

_METHOD, _METHODS = "x-amz-server-side-encryption", ("AES256", "aws:kms", "aws:kms:dsse")
_CUSTOMER = "x-amz-server-side-encryption-customer"
_TOLD = {
    "ServerSideEncryption": _METHOD,
    "SSEKMSKeyId": f"{_METHOD}-aws-kms-key-id",
    "BucketKeyEnabled": f"{_METHOD}-bucket-key-enabled",
    "SSECustomerAlgorithm": f"{_CUSTOMER}-algorithm",
    "SSECustomerKeyMD5": f"{_CUSTOMER}-key-MD5",
}
"""Member → header under which it is kept of an object."""
HEADERS = frozenset(_TOLD.values())
_KEY_BYTES = 32


def asked(params: Params) -> dict[str, Any]:
    """The encryption that a write asks for, by header.

    Raises:
        AwsError: it is none of S3's, or contradicts itself.
    """
    method = params.get("ServerSideEncryption")
    if method is not None and method not in _METHODS:
        text = "The encryption method specified is not supported"
        raise invalid_argument(_METHOD, method, text)
    if "SSEKMSKeyId" in params and method in (None, "AES256"):
        text = (
            "Server Side Encryption with AWS KMS managed key requires HTTP header "
            "x-amz-server-side-encryption : aws:kms"
        )
        raise invalid_argument(_METHOD, method, text)
    customer = customer_key(params)
    if customer is not None and method is not None:
        text = "Server Side Encryption with Customer provided key is incompatible with the"
        raise invalid_argument(_METHOD, method, f"{text} encryption method specified")
    if customer is None and method is None:
        return {}
    return {header: params[name] for name, header in _TOLD.items() if name in params}


def told(headers: Mapping[str, Any], *, of_customer: bool = True) -> Params:
    """The members of an answer that tell of the encryption of an object, or of one to be.

    ``of_customer`` is False where an answer has no members for a customer's key.
    """
    return {
        name: headers[header]
        for name, header in _TOLD.items()
        if header in headers and (of_customer or not header.startswith(_CUSTOMER))
    }


def customer_headers(headers: Mapping[str, Any]) -> dict[str, str]:
    """What tells of a customer's key in an answer whose model has no members for it."""
    return {name: value for name, value in headers.items() if name.startswith(_CUSTOMER)}


def customer_key(params: Params, *, prefix: str = "") -> str | None:
    """The MD5 of the customer's key in a request; None if there is none.

    ``prefix`` stands before the parameters' names: ``CopySource`` where an object is copied.

    Raises:
        AwsError: it is not one key of 256 bits with its MD5.
    """
    names = [f"{prefix}SSECustomer{part}" for part in ("Algorithm", "Key", "KeyMD5")]
    if not any(name in params for name in names):
        return None
    algorithm, key, digest = (params.get(name) for name in names)
    if algorithm is not None and algorithm != "AES256":
        text = "The Encryption request you specified is not valid. Supported value: AES256."
        raise AwsError("InvalidEncryptionAlgorithmError", text, 400)
    if algorithm is None or key is None or digest is None:
        text = "Requests specifying Server Side Encryption with Customer provided keys must provide"
        raise _no_key(f"{text} an appropriate secret key.")
    secret = from_base64(key)
    if len(secret) != _KEY_BYTES:
        raise _no_key("The secret key was invalid for the specified algorithm.")
    found = base64.b64encode(hashlib.md5(secret, usedforsecurity=False).digest()).decode()
    if not hmac.compare_digest(found.encode(), digest.encode()):
        text = "The calculated MD5 hash of the key did not match the hash that was provided."
        raise _no_key(text)
    return found


def check_reader(info: ObjectInfo, params: Params, *, prefix: str = "") -> None:
    """Make sure that who reads an object brings the key with which it was written.

    Raises:
        AwsError: it is another, or none, or there was none.
    """
    given, kept = customer_key(params, prefix=prefix), info.headers.get(_TOLD["SSECustomerKeyMD5"])
    if given == kept:
        return
    if kept is None:
        raise invalid_request("The encryption parameters are not applicable to this object.")
    if given is None:
        text = "The object was stored using a form of Server Side Encryption. The correct"
        raise invalid_request(f"{text} parameters must be provided to retrieve the object.")
    text = "The provided encryption parameters did not match the ones used originally."
    raise invalid_request(text)


def check_only_key(call: Call) -> None:
    """Make sure that a read asks for no encryption: what there is was asked for by the write.

    Raises:
        AwsError: it does; a customer's key alone is a reader's to bring.
    """
    for header in (_METHOD, f"{_METHOD}-aws-kms-key-id"):
        if header in call.headers:
            text = f"{header} header is not supported for this operation."
            raise invalid_argument(header, call.headers[header], text)


def check_part(described: Mapping[str, Any], params: Params) -> Params:
    """Make sure that a part comes with the key that its upload was begun with; tells of it.

    Raises:
        AwsError: it does not.
    """
    kept = described["headers"].get(_TOLD["SSECustomerKeyMD5"])
    if customer_key(params) != kept:
        text = "The multipart upload initiate requested encryption. Subsequent part requests must"
        raise invalid_request(f"{text} include the appropriate encryption parameters.")
    return told(described["headers"])


def check_completion(described: Mapping[str, Any], params: Params, *, with_sums: bool) -> None:
    """Make sure that a completion brings no other key than the one that its upload was begun with.

    ``with_sums`` says that the upload named a checksum, which makes the key necessary.

    Raises:
        AwsError: it does, or brings none where one is necessary.
    """
    given, kept = customer_key(params), described["headers"].get(_TOLD["SSECustomerKeyMD5"])
    if given is None and kept is not None and with_sums:
        text = "Requests specifying Server Side Encryption with Customer provided keys must provide"
        raise _no_key(f"{text} an appropriate secret key.")
    if given is not None and given != kept:
        text = "The provided encryption parameters did not match the ones used originally."
        raise invalid_request(text)


def with_default(store: ObjectStore, write: Operation) -> Operation:
    """A write that asks for what its bucket asks for by default, where it asks for nothing.

    One with a customer's key is refused where the bucket blocks these.
    """

    async def run(call: Call, params: Params) -> Params | Answer:
        if "SSECustomerAlgorithm" in params and _blocks_customers(store, params["Bucket"]):
            raise AccessDenied("The bucket blocks encryption with customer-provided keys.")
        if "ServerSideEncryption" in params or "SSECustomerAlgorithm" in params:
            return await write(call, params)
        return await write(call, params | _default(store, params["Bucket"]))

    return run


def _rules(store: ObjectStore, bucket: str) -> list[Params]:
    configuration = store.setting(bucket, ENCRYPTION)
    return [] if configuration is None else configuration["Rules"]


def _blocks_customers(store: ObjectStore, bucket: str) -> bool:
    blocked = (rule.get("BlockedEncryptionTypes", {}) for rule in _rules(store, bucket))
    return any("SSE-C" in types.get("EncryptionType", []) for types in blocked)


def _default(store: ObjectStore, bucket: str) -> Params:
    for rule in _rules(store, bucket):
        default = rule.get("ApplyServerSideEncryptionByDefault")
        if default is not None:
            names = {"SSEAlgorithm": "ServerSideEncryption", "KMSMasterKeyID": "SSEKMSKeyId"}
            return {name: default[short] for short, name in names.items() if short in default}
    return {}


def _no_key(text: str) -> AwsError:
    return invalid_argument(f"{_CUSTOMER}-algorithm", "AES256", text)
