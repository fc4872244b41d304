"""The serving container as a process, asked by HTTP."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
import torch

from bakehouse.algorithms.image_classification.artifact import Metadata, write_artifact
from bakehouse.algorithms.image_classification.graph import to_onnx
from bakehouse.algorithms.image_classification.networks import Architecture, build
from support.striped_pictures import encoded, striped

COMMAND = [sys.executable, "-m", "bakehouse.algorithms.image_classification", "serve"]
SHAPE = (3, 16, 16)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A container that serves an untrained network, until SIGTERM."""
    root = tmp_path_factory.mktemp("ml")
    (root / "model").mkdir()
    torch.manual_seed(0)
    network = build(Architecture(widths=(8, 12)), SHAPE, 2).eval()
    write_artifact(root / "model", to_onnx(network, SHAPE, 2, mirror=True), Metadata(SHAPE, 2))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    options = ["--root", str(root), "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process, process.stdout as log:
        assert log.readline() == "Docker entrypoint called with argument(s): serve\n"
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                ask(port, "GET", "/ping")
                break
            except ConnectionError:
                time.sleep(0.02)
        yield port
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) in (0, -signal.SIGTERM)


def ask(
    port: int, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, bytes, str]:
    """Status, body and content type of an answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.getheader("content-type", "")
    finally:
        connection.close()


def test_a_picture_is_answered(port: int) -> None:
    """As by an endpoint, in both forms."""
    picture = encoded(striped(0, 1))
    status, body, kind = ask(port, "POST", "/invocations", picture, Content_Type="image/png")
    assert (status, kind) == (200, "application/json")
    assert sum(json.loads(body)) == pytest.approx(1, abs=1e-5)
    _, lines, kind = ask(port, "POST", "/invocations", picture, Accept="application/jsonlines")
    assert kind == "application/jsonlines"
    assert json.loads(lines) == {"prediction": json.loads(body)}


def test_batch_transform_learns_how_to_ask(port: int) -> None:
    """One picture at a time."""
    status, body, _ = ask(port, "GET", "/execution-parameters")
    assert status == 200
    assert json.loads(body)["BatchStrategy"] == "SINGLE_RECORD"


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("POST", "/invocations", b"nonsense", (400, b"unable to evaluate payload provided")),
        ("POST", "/invocations", b"", (400, b"unable to evaluate payload provided")),
        ("GET", "/invocations", b"", (405, b"/invocations takes POST.")),
        ("GET", "/elsewhere", b"", (404, b"There are /ping, /execution-parameters, /invocations.")),
    ],
)
def test_what_cannot_be_answered_is_told(
    port: int, method: str, path: str, body: bytes, expected: tuple[int, bytes]
) -> None:
    """The container's own text for bytes that are no picture; plain sentences for the rest."""
    assert ask(port, method, path, body)[:2] == expected


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    """The process ends at once and says what is missing."""
    done = subprocess.run(
        [*COMMAND, "--root", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "metadata.json is 'missing'" in done.stdout


def test_serving_needs_no_pytorch() -> None:
    """A serving machine has none."""
    code = (
        "import sys; sys.modules['torch'] = None;"
        "import bakehouse.algorithms.image_classification.container"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
