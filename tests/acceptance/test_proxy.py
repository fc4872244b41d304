"""``bakehouse exec --proxy`` and ``bakehouse proxy``: programs that name AWS's own hosts."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys

import pytest

from support.server import ServerProcess

CALLS = """\
import boto3, io, json, os, urllib.request
from botocore.config import Config
seen = {}
virtual = Config(s3={"addressing_style": "virtual"})
def client(service, host):
    url = f"https://{host}.us-east-1.amazonaws.com"
    return boto3.client(service, endpoint_url=url, config=virtual)
seen["account"] = client("sts", "sts").get_caller_identity()["Account"]
seen["models"] = client("sagemaker", "api.sagemaker").list_models()["Models"]
s3 = client("s3", "s3")
s3.create_bucket(Bucket="by-its-host")
body = os.urandom(300_000)
s3.put_object(Bucket="by-its-host", Key="k", Body=io.BytesIO(body))
seen["same"] = s3.get_object(Bucket="by-its-host", Key="k")["Body"].read() == body
url = s3.generate_presigned_url("get_object", Params={"Bucket": "by-its-host", "Key": "k"})
seen["url"] = url.partition("?")[0]
with urllib.request.urlopen(url) as opened:
    seen["presigned"] = opened.read() == body
try:
    urllib.request.urlopen("https://by-its-host.s3.amazonaws.com/k")
except urllib.error.HTTPError as error:
    seen["unsigned"] = error.code
s3.delete_object(Bucket="by-its-host", Key="k")
s3.delete_bucket(Bucket="by-its-host")
print(json.dumps(seen))
"""


def bakehouse(server: ServerProcess, command: str, *words: str) -> list[str]:
    """The words of a command for the server's data folder."""
    return [sys.executable, "-m", "bakehouse", command, "--data", str(server.data), *words]


def surroundings() -> dict[str, str]:
    """An environment without AWS's variables."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "BAKEHOUSE_"))}


def test_awss_own_hosts_are_the_server(server: ServerProcess) -> None:
    """A program without the shim speaks https to AWS's names, and reaches only the server."""
    words = bakehouse(server, "exec", "--proxy", "--no-shim", "--", sys.executable, "-c", CALLS)
    done = subprocess.run(words, env=surroundings(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "account": "123456789012",
        "models": [],
        "same": True,
        "url": "https://by-its-host.s3.us-east-1.amazonaws.com/k",
        "presigned": True,
        "unsigned": 403,
    }


def test_the_proxys_files_are_for_their_owner(server: ServerProcess) -> None:
    """The authority's key and the bundle lie in the data folder, closed to others."""
    words = bakehouse(server, "exec", "--proxy", "printenv", "AWS_CA_BUNDLE")
    done = subprocess.run(words, env=surroundings(), capture_output=True, text=True, timeout=60)
    folder = server.data / "proxy"
    assert done.stdout.strip() == str(folder / "authorities.pem")
    assert [file.stat().st_mode & 0o077 for file in (folder, *folder.iterdir())] == [0, 0, 0]


@pytest.mark.slow
def test_a_proxy_by_itself_prints_what_programs_need(server: ServerProcess) -> None:
    """Its lines make a shell's programs use it; SIGTERM ends it."""
    words = bakehouse(server, "proxy")
    with subprocess.Popen(words, env=surroundings(), stdout=subprocess.PIPE, text=True) as proxy:
        assert proxy.stdout is not None
        lines: list[str] = []
        while not (lines and lines[-1].startswith("export SSL_CERT_FILE")):
            lines.append(proxy.stdout.readline())
        script = f'{"".join(lines)}\n{sys.executable} -c "$CALLS"'
        done = subprocess.run(
            ["sh", "-c", script],
            env={**surroundings(), "CALLS": CALLS},
            capture_output=True,
            text=True,
            timeout=60,
        )
        proxy.send_signal(signal.SIGTERM)
        assert proxy.wait(10) == 0
    assert json.loads(done.stdout)["account"] == "123456789012", done.stderr
    (url,) = re.findall(r"export HTTPS_PROXY=(\S+)", "".join(lines))
    assert re.fullmatch(r"http://bakehouse:[\w-]{32}@127\.0\.0\.1:\d+", url)
