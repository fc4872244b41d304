"""Classify: send the image in the event to the endpoint and keep the class probabilities.

Event in:  {"image_data": "<base64>", "inference_id": "..." (optional), ...}
Event out: the same without "image_data" (nobody needs it any more), with "inferences": [p0, p1].
Environment: ENDPOINT_NAME.
"""

import base64
import binascii
import json
import os
from functools import cache

import boto3


class BadEvent(ValueError):
    """The event lacks something, or holds something of the wrong kind."""


class BadAnswer(ValueError):
    """The endpoint did not answer with a list of probabilities."""


@cache
def runtime():
    """Return the client, made at the first call so that importing this file needs no region."""
    return boto3.client("sagemaker-runtime")


def lambda_handler(event, context):
    request = {
        "EndpointName": os.environ["ENDPOINT_NAME"],
        "ContentType": "application/x-image",
        "Body": image_of(event),
    }
    if event.get("inference_id"):
        # The name under which data capture records this request: it ties the record to the image.
        request["InferenceId"] = event["inference_id"]
    answer = runtime().invoke_endpoint(**request)
    kept = {name: value for name, value in event.items() if name != "image_data"}
    return {**kept, "inferences": probabilities_of(answer["Body"].read())}


def image_of(event):
    try:
        image = base64.b64decode(event["image_data"], validate=True)
    except KeyError:
        raise BadEvent("The event needs 'image_data': the image as base64 text.") from None
    except (TypeError, ValueError, binascii.Error) as error:
        raise BadEvent(f"The event's 'image_data' is not base64 text: {error}.") from error
    if not image:
        raise BadEvent("The event's 'image_data' is empty.")
    return image


def probabilities_of(body):
    try:
        values = json.loads(body)
    except ValueError as error:
        raise BadAnswer(f"The endpoint answered {body[:80]!r}, which is not JSON.") from error
    if not isinstance(values, list) or not values:
        raise BadAnswer(f"The endpoint answered {values!r}, not a list of probabilities.")
    return values
