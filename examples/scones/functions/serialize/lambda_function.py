"""Serialize: read an image from S3 and put it into the event as base64 text.

Event in:  {"s3_bucket": "...", "s3_key": "...", "inference_id": "..." (optional)}
Event out: the same, and "image_data".
"""

import base64
from functools import cache

import boto3

# A state of Step Functions carries 262,144 bytes, base64 makes four bytes of three, and the rest
# of the event needs some room too.
LARGEST_IMAGE_BYTES = 190_000


class BadEvent(ValueError):
    """The event lacks something, or holds something of the wrong kind."""


class ImageTooLarge(ValueError):
    """The image does not fit into the state of an execution."""


@cache
def s3():
    """Return the client, made at the first call so that importing this file needs no region."""
    return boto3.client("s3")


def lambda_handler(event, context):
    bucket, key = text_of(event, "s3_bucket"), text_of(event, "s3_key")
    answer = s3().get_object(Bucket=bucket, Key=key)
    if answer["ContentLength"] > LARGEST_IMAGE_BYTES:
        raise ImageTooLarge(
            f"s3://{bucket}/{key} has {answer['ContentLength']:,} bytes;"
            f" an execution can carry {LARGEST_IMAGE_BYTES:,}."
        )
    image = answer["Body"].read()
    return {**event, "image_data": base64.b64encode(image).decode("ascii")}


def text_of(event, name):
    value = event.get(name)
    if not isinstance(value, str) or not value:
        raise BadEvent(f"The event needs {name!r} as a text that is not empty, not {value!r}.")
    return value
