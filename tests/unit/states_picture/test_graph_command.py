"""``bakehouse graph`` as a user types it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import boto3
import click
import pytest
from botocore.stub import Stubber
from click.testing import CliRunner

from bakehouse.cli.graph import command, draw_execution
from support.histories import History

DEFINITION = '{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}'
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:m"
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:m:e1"


def test_a_file_is_drawn_beside_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without -o the picture is an SVG in the current folder; its path is printed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "machine.asl.json").write_text(DEFINITION)
    result = CliRunner().invoke(command, ["machine.asl.json"])
    assert result.exit_code == 0, result.output
    assert result.stdout == "machine.svg\n"
    assert (tmp_path / "machine.svg").read_text().startswith("<?xml")


def test_the_output_says_which_kind(tmp_path: Path) -> None:
    """-o takes .png and .svg."""
    (tmp_path / "m.json").write_text(DEFINITION)
    result = CliRunner().invoke(command, [str(tmp_path / "m.json"), "-o", str(tmp_path / "g.png")])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "g.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{"StartAt": "A",\n "States": }', "line 2, column 12"),
        (b'{"StartAt": "A"}', "States is None"),
        (b'{"StartAt": "B", "States": {"A": {"Type": "Pass", "End": true}}}', "StartAt is 'B'"),
        (b"\xff\xfe\x00", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b" " * 1_100_000, "has more than"),
    ],
)
def test_a_bad_file_is_told_where(tmp_path: Path, text: bytes, said: str) -> None:
    """The error has the line and column, or the place in the definition."""
    (tmp_path / "m.json").write_bytes(text)
    result = CliRunner().invoke(command, [str(tmp_path / "m.json")])
    assert result.exit_code == 1
    assert said in result.stderr


@pytest.mark.parametrize("arguments", [[], ["m.json", "--execution", EXECUTION]])
def test_there_is_one_thing_to_draw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """Neither nothing nor two things."""
    monkeypatch.chdir(tmp_path)
    Path("m.json").write_text(DEFINITION)
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 2
    assert "either a FILE or --execution" in result.stderr


def test_an_execution_is_drawn_with_its_way(tmp_path: Path) -> None:
    """Machine and events come from the server, page by page; the title is names and status."""
    history = History()
    history.enter("Pass", "A")
    history.leave("Pass", "A", 12)
    history.add("ExecutionSucceeded")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    client = boto3.client(
        "stepfunctions", "us-east-1", aws_access_key_id="k", aws_secret_access_key="s"
    )
    asked = {"executionArn": EXECUTION, "includeExecutionData": False}
    with Stubber(client) as stub:
        stub.add_response(
            "describe_execution",
            {
                "executionArn": EXECUTION,
                "stateMachineArn": MACHINE,
                "name": "e1",
                "status": "SUCCEEDED",
                "startDate": now,
            },
            {"executionArn": EXECUTION},
        )
        stub.add_response(
            "describe_state_machine",
            {
                "stateMachineArn": MACHINE,
                "name": "m",
                "definition": DEFINITION,
                "roleArn": "r",
                "type": "STANDARD",
                "creationDate": now,
            },
            {"stateMachineArn": MACHINE},
        )
        first, rest = history.events[:2], history.events[2:]
        stub.add_response("get_execution_history", {"events": first, "nextToken": "t"}, asked)
        more = {**asked, "nextToken": "t"}
        stub.add_response("get_execution_history", {"events": rest}, more)
        draw_execution(client, EXECUTION, tmp_path / "e.svg")
    text = (tmp_path / "e.svg").read_text()
    assert "<!-- m · e1 · SUCCEEDED -->" in text
    assert "<!-- ✓ 12 ms -->" in text


def test_an_unknown_execution_is_a_sentence(tmp_path: Path) -> None:
    """The server's refusal is shown."""
    client = boto3.client(
        "stepfunctions", "us-east-1", aws_access_key_id="k", aws_secret_access_key="s"
    )
    with Stubber(client) as stub:
        stub.add_client_error("describe_execution", "ExecutionDoesNotExist", "No such execution")
        with pytest.raises(click.ClickException, match="No such execution"):
            draw_execution(client, EXECUTION, tmp_path / "e.svg")
