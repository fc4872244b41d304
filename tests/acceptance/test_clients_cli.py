"""The aws CLI, version 1, as it comes from the registry, against a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from support.client_environments import python_of
from support.server import ServerProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

BIG_BYTES = 20_000_000
"""More than the 8 MiB from which the CLI uploads in parts."""


class Aws(Protocol):
    """Runs the CLI and gives what it prints."""

    def __call__(self, *words: str | Path, code: int = 0, text: str = "") -> str: ...


@pytest.fixture(scope="module")
def program() -> Path:
    """The CLI, in an environment of its own."""
    return python_of("awscli-1.46.3").parent / "aws"


@pytest.fixture
def aws(server: ServerProcess, program: Path, tmp_path: Path) -> Aws:
    """The CLI in a shell in which ``bakehouse env`` was evaluated, in an empty folder."""
    words = [sys.executable, "-m", "bakehouse", "env", "--json", "--data", str(server.data)]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "BAKEHOUSE_"))}
    shown = subprocess.run(words, env=kept, capture_output=True, check=True).stdout

    def run(*words: str | Path, code: int = 0, text: str = "") -> str:
        done = subprocess.run(
            [program, *words],
            env=kept | json.loads(shown),
            cwd=tmp_path,
            input=text,
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stderr + done.stdout
        return done.stdout + done.stderr

    return run


@pytest.fixture
def bucket(aws: Aws, request: pytest.FixtureRequest) -> Iterator[str]:
    """A bucket that the CLI makes, and empties and removes afterwards."""
    name = request.node.name.replace("_", "-")[:60].strip("-")
    assert aws("s3", "mb", f"s3://{name}") == f"make_bucket: {name}\n"
    yield name
    assert aws("s3", "rb", f"s3://{name}", "--force").endswith(f"remove_bucket: {name}\n")


def answer(text: str) -> Any:
    """What the CLI prints as JSON."""
    return json.loads(text)


def test_sync_there_and_back(aws: Aws, bucket: str, tmp_path: Path) -> None:
    """A folder with names that need encoding arrives whole; what is there already is not sent."""
    names = ["a.txt", "sub/b.txt", "sp ace+plus&.txt", "ü/日本.txt"]
    for name in names:
        file = tmp_path / "there" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
        os.utime(file, (1_700_000_000, 1_700_000_000))
    there = f"s3://{bucket}/data/"
    assert aws("s3", "sync", "there", there, "--no-progress").count("upload: ") == len(names)
    assert aws("s3", "sync", "there", there, "--no-progress") == ""
    aws("s3", "sync", there, "back", "--no-progress")
    for name in names:
        assert (tmp_path / "back" / name).read_text() == name
    (tmp_path / "there" / "a.txt").unlink()
    gone = aws("s3", "sync", "there", there, "--delete", "--no-progress")
    assert gone == f"delete: {there}a.txt\n"


def test_ls_shows_keys_and_prefixes(aws: Aws, bucket: str, tmp_path: Path) -> None:
    """Without a slash a key's folder is a prefix; recursively every key is shown, with its size."""
    (tmp_path / "f").write_bytes(b"12345")
    for key in ("train/1.png", "train.lst"):
        aws("s3", "cp", "f", f"s3://{bucket}/{key}")
    lines = [line.split()[-2:] for line in aws("s3", "ls", f"s3://{bucket}").splitlines()]
    assert lines == [["PRE", "train/"], ["5", "train.lst"]]
    recursive = aws("s3", "ls", f"s3://{bucket}/train", "--recursive", "--summarize")
    assert "Total Objects: 2\n   Total Size: 10\n" in recursive


def test_large_files_move_in_parts(aws: Aws, bucket: str, tmp_path: Path) -> None:
    """Twenty megabytes go up, are copied and moved in there, and come back byte for byte."""
    content = os.urandom(BIG_BYTES)
    (tmp_path / "big").write_bytes(content)
    aws("s3", "cp", "big", f"s3://{bucket}/big", "--no-progress")
    aws("s3", "cp", f"s3://{bucket}/big", f"s3://{bucket}/copy", "--no-progress")
    aws("s3", "mv", f"s3://{bucket}/copy", f"s3://{bucket}/moved", "--no-progress")
    aws("s3", "cp", f"s3://{bucket}/moved", "back", "--no-progress")
    assert (tmp_path / "back").read_bytes() == content
    head = answer(aws("s3api", "head-object", "--bucket", bucket, "--key", "moved"))
    assert head["ContentLength"] == BIG_BYTES
    assert "-" in head["ETag"]
    aws("s3", "ls", f"s3://{bucket}/copy", code=1)


def test_pipes_and_presigned_addresses(aws: Aws, bucket: str) -> None:
    """Standard input becomes an object, and a presigned address works in any program."""
    aws("s3", "cp", "-", f"s3://{bucket}/piped", text="from a pipe\n")
    assert aws("s3", "cp", f"s3://{bucket}/piped", "-") == "from a pipe\n"
    url = aws("s3", "presign", f"s3://{bucket}/piped", "--expires-in", "60").strip()
    with urllib.request.urlopen(url) as opened:
        assert opened.read() == b"from a pipe\n"


def test_rm_takes_what_its_filters_name(aws: Aws, bucket: str, tmp_path: Path) -> None:
    """``--exclude`` and ``--include`` decide, and the rest stays."""
    (tmp_path / "f").write_bytes(b"x")
    for key in ("a.png", "a.txt", "b/c.png"):
        aws("s3", "cp", "f", f"s3://{bucket}/{key}")
    filters = ("--recursive", "--exclude", "*", "--include", "*.png")
    assert aws("s3", "rm", f"s3://{bucket}", *filters).count("delete: ") == 2
    assert aws("s3", "ls", f"s3://{bucket}", "--recursive").split()[-1] == "a.txt"


def test_s3api_says_what_boto3_says(aws: Aws, bucket: str, tmp_path: Path) -> None:
    """Ranges, metadata, tags, attributes, paging and deletion in bulk."""
    (tmp_path / "f").write_bytes(b"0123456789")
    for key in ("one", "two"):
        put = ("put-object", "--bucket", bucket, "--key", key, "--body", "f")
        aws("s3api", *put, "--metadata", "a=b", "--tagging", "x=1", "--content-type", "text/plain")
    place = ("--bucket", bucket, "--key", "one")
    head = answer(aws("s3api", "head-object", *place))
    assert (head["Metadata"], head["ContentType"]) == ({"a": "b"}, "text/plain")
    got = answer(aws("s3api", "get-object", *place, "--range", "bytes=2-4", "part"))
    assert got["ContentRange"] == "bytes 2-4/10"
    assert (tmp_path / "part").read_bytes() == b"234"
    assert answer(aws("s3api", "get-object-tagging", *place))["TagSet"] == [
        {"Key": "x", "Value": "1"}
    ]
    page = answer(aws("s3api", "list-objects-v2", "--bucket", bucket, "--page-size", "1"))
    assert [found["Key"] for found in page["Contents"]] == ["one", "two"]
    several = "Objects=[{Key=one},{Key=two}]"
    gone = answer(aws("s3api", "delete-objects", "--bucket", bucket, "--delete", several))
    assert [found["Key"] for found in gone["Deleted"]] == ["one", "two"]


def test_what_is_not_there_is_told_as_aws_tells_it(aws: Aws) -> None:
    """The CLI's own exit codes and the service's codes come through."""
    missing = aws("s3api", "get-object", "--bucket", "no-such-bucket", "--key", "k", "f", code=255)
    assert "(NoSuchBucket) when calling the GetObject operation" in missing
    assert "(404)" in aws("s3", "cp", "s3://no-such-bucket/k", "f", code=1)
    wanted = ("describe-training-job", "--training-job-name", "none")
    assert "(ValidationException)" in aws("sagemaker", *wanted, code=255)


@pytest.mark.parametrize(
    ("words", "member"),
    [
        ("sagemaker list-training-jobs --max-results 5", "TrainingJobSummaries"),
        ("sagemaker list-endpoints", "Endpoints"),
        ("stepfunctions list-state-machines", "stateMachines"),
        ("logs describe-log-groups", "logGroups"),
        ("lambda list-functions", "Functions"),
        ("cloudwatch list-metrics", "Metrics"),
        ("iam list-roles", "Roles"),
        ("sts get-caller-identity", "Arn"),
    ],
)
def test_the_other_services_answer(aws: Aws, words: str, member: str) -> None:
    """One call of each service in its own protocol."""
    assert member in answer(aws(*words.split()))


def test_under_exec_nothing_is_to_be_set(program: Path, server: ServerProcess) -> None:
    """``bakehouse exec -- aws …`` is all that a user types, also with a profile's name."""
    words = ["exec", "--data", str(server.data), "--", str(program), "sts", "get-caller-identity"]
    done = subprocess.run(
        [sys.executable, "-m", "bakehouse", *words], capture_output=True, text=True
    )
    assert answer(done.stdout)["Account"] == "123456789012"


def test_through_the_proxy_awss_own_addresses_are_the_server(
    program: Path, server: ServerProcess, tmp_path: Path
) -> None:
    """With ``--proxy`` the CLI speaks https to AWS's host names, in chunks, to buckets' hosts."""
    content = os.urandom(9_000_000)
    (tmp_path / "f").write_bytes(content)
    cli = f"{program} --endpoint-url https://s3.us-east-1.amazonaws.com"
    steps = (
        f"{cli} s3 mb s3://through-the-proxy",
        f"{cli} s3 cp f s3://through-the-proxy/f --no-progress",
        f"{cli} s3 cp s3://through-the-proxy/f back --no-progress",
        f"{cli} s3 rb s3://through-the-proxy --force",
    )
    words = ["exec", "--proxy", "--data", str(server.data), "--", "sh", "-ec", "\n".join(steps)]
    done = subprocess.run(
        [sys.executable, "-m", "bakehouse", *words], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "back").read_bytes() == content
