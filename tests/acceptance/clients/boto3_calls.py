"""What a program of a user's does with boto3, of any version: prints one JSON object."""

import io
import json
import os
import sys
import urllib.request
import zipfile
from typing import Any

import boto3

seen: dict[str, Any] = {}
bucket = sys.argv[1]
s3 = boto3.client("s3")
s3.create_bucket(Bucket=bucket)
seen["account"] = boto3.client("sts").get_caller_identity()["Account"]

content = os.urandom(20_000_000)
s3.put_object(Bucket=bucket, Key="plain", Body=b"hello", Metadata={"name": "value"})
s3.upload_fileobj(io.BytesIO(content), bucket, "large")
back = io.BytesIO()
s3.download_fileobj(bucket, "large", back)
seen["large"] = back.getvalue() == content
s3.copy({"Bucket": bucket, "Key": "large"}, bucket, "copied/ä b+c")
pages = s3.get_paginator("list_objects_v2").paginate(
    Bucket=bucket, PaginationConfig={"PageSize": 1}
)
seen["keys"] = [found["Key"] for page in pages for found in page["Contents"]]

url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "plain"})
with urllib.request.urlopen(url) as opened:
    seen["presigned"] = opened.read().decode()

for service, call, member in (
    ("sagemaker", "list_models", "Models"),
    ("stepfunctions", "list_state_machines", "stateMachines"),
    ("logs", "describe_log_groups", "logGroups"),
    ("iam", "list_roles", "Roles"),
    ("cloudwatch", "list_metrics", "Metrics"),
):
    seen[service] = member in getattr(boto3.client(service), call)()

archive = io.BytesIO()
with zipfile.ZipFile(archive, "w") as file:
    file.writestr("main.py", "def handler(event, context):\n    return {'twice': 2 * event['n']}\n")
functions = boto3.client("lambda")
functions.create_function(
    FunctionName=bucket,
    Runtime="python3.11",
    Role="arn:aws:iam::123456789012:role/r",
    Handler="main.handler",
    Code={"ZipFile": archive.getvalue()},
)
functions.get_waiter("function_active_v2").wait(FunctionName=bucket)
answer = functions.invoke(FunctionName=bucket, Payload=json.dumps({"n": 21}))
seen["lambda"] = json.load(answer["Payload"])["twice"]
functions.delete_function(FunctionName=bucket)

if "--sums" in sys.argv:
    for name in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"):
        put = s3.put_object(Bucket=bucket, Key=name, Body=b"summed", ChecksumAlgorithm=name)
        got = s3.get_object(Bucket=bucket, Key=name, ChecksumMode="ENABLED")
        same = got[f"Checksum{name}"] == put[f"Checksum{name}"] and got["Body"].read() == b"summed"
        seen.setdefault("sums", {})[name] = same

boto3.resource("s3").Bucket(bucket).objects.all().delete()
s3.delete_bucket(Bucket=bucket)
print(json.dumps(seen))  # noqa: T201  # the test reads it
