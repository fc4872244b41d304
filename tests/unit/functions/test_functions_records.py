from __future__ import annotations

import asyncio
import hashlib
import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from bakehouse.faults import AlreadyExists, InvalidInput, NotFound
from bakehouse.functions.definition import (
    RESERVED_VARIABLES,
    RevisionChanged,
    check,
    from_document,
    spoken_name,
    to_document,
)
from bakehouse.functions.functions import Functions, S3Object
from support.functions_parts import Workplace, archive_of, draft

ONE = archive_of(app="def handler(event, context):\n    return 1")
TWO = archive_of(app="def handler(event, context):\n    return 2")


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path / "data")


async def answer(functions: Functions, name: str = "f") -> Any:
    return orjson.loads((await functions.invoke(name, b"")).payload)


def kept(place: Workplace) -> list[str]:
    return sorted(path.stem for path in (place.folder / "functions" / "code").iterdir())


def test_a_function_survives_a_restart(place: Workplace) -> None:
    """Its record and its code are there again, and it runs."""

    async def define(functions: Functions) -> Any:
        return await functions.create(draft(environment={"A1": "b"}), ONE)

    async def use(functions: Functions) -> Any:
        return functions.get("f"), await answer(functions)

    created = place.run(define)
    assert place.run(use) == (created, 1)
    assert created.code_digest == hashlib.sha256(ONE).hexdigest()


def test_what_a_killed_server_left_is_removed(place: Workplace) -> None:
    """Folders that only the life of a server needed do not pile up."""
    left = place.folder / "functions" / "run-0123456789ab" / "sandboxes" / "x" / "tmp"
    left.mkdir(parents=True)
    code = place.folder / "functions" / "code"
    code.mkdir()
    for name in (f"{'0' * 64}.zip", f"{'1' * 64}.zip.0123456789ab"):
        (code / name).write_bytes(b"never committed")

    async def use(functions: Functions) -> Any:
        created = await functions.create(draft(), ONE)
        async with asyncio.timeout(10):
            while kept(place) != [created.code_digest]:
                await asyncio.sleep(0.01)
        return await answer(functions)

    assert place.run(use) == 1
    assert [path.name for path in (place.folder / "functions").iterdir()] == ["code"]


def test_a_name_is_taken_once(place: Workplace) -> None:
    """Of two functions with one name that are made at the same time, one is refused."""

    async def work(functions: Functions) -> list[Any]:
        both = (functions.create(draft(), ONE), functions.create(draft(), TWO))
        return list(await asyncio.gather(*both, return_exceptions=True))

    kinds = {type(result) for result in place.run(work)}
    assert AlreadyExists in kinds
    assert len(kinds) == 2


def test_new_code_answers_the_next_event(place: Workplace) -> None:
    """After UpdateFunctionCode the old processes are not used, and the old archive goes away."""

    async def work(functions: Functions) -> list[Any]:
        first = await functions.create(draft(), ONE)
        answers = [await answer(functions)]
        second = await functions.update_code("f", TWO, revision=first.revision)
        answers.append(await answer(functions))
        with pytest.raises(RevisionChanged):
            await functions.update_code("f", ONE, revision=first.revision)
        async with asyncio.timeout(10):
            while kept(place) != [second.code_digest]:
                await asyncio.sleep(0.01)
        return answers

    assert place.run(work) == [1, 2]


def test_an_update_lets_what_runs_finish(place: Workplace) -> None:
    """An event under way ends with the code with which it began."""
    slow = archive_of(
        app="import time\ndef handler(e, c):\n    print('on')\n    time.sleep(0.5)\n    return 1"
    )

    async def work(functions: Functions) -> list[Any]:
        await functions.create(draft(), slow)
        await answer(functions)
        running = asyncio.create_task(answer(functions))
        await asyncio.sleep(0)
        await functions.update_code("f", TWO)
        return [await answer(functions), await running]

    assert place.run(work) == [2, 1]


def test_a_new_configuration_counts_from_the_next_event(place: Workplace) -> None:
    """Environment variables of an update are what the next event's process sees."""
    code = archive_of(app="import os\ndef handler(e, c):\n    return os.environ.get('STAGE')")

    async def work(functions: Functions) -> list[Any]:
        await functions.create(draft(), code)
        answers = [await answer(functions)]
        changed = await functions.update_configuration("f", {"environment": {"STAGE": "test"}})
        assert changed.timeout_s == 3
        with pytest.raises(InvalidInput, match="Timeout"):
            await functions.update_configuration("f", {"timeout_s": 901})
        return [*answers, await answer(functions)]

    assert place.run(work) == [None, "test"]


def test_code_goes_when_its_last_function_goes(place: Workplace) -> None:
    """Two functions share an archive; it stays until both are deleted."""

    async def work(functions: Functions) -> None:
        for name in "ab":
            await functions.create(draft(name), ONE)
        await functions.delete("a")
        with pytest.raises(NotFound, match="function:a"):
            functions.get("a")
        assert await answer(functions, "b") == 1
        await functions.delete("b")
        async with asyncio.timeout(10):
            while kept(place):
                await asyncio.sleep(0.01)

    place.run(work)


def test_code_can_come_from_s3(place: Workplace) -> None:
    """An object's bytes are taken as they are now; a missing one is told in AWS's words."""
    place.objects["b", "f.zip"] = ONE

    async def work(functions: Functions) -> Any:
        await functions.create(draft(), S3Object("b", "f.zip"))
        with pytest.raises(InvalidInput) as caught:
            await functions.create(draft("g"), S3Object("b", "other.zip"))
        assert caught.value.message == (
            "Error occurred while GetObject. S3 Error Code: NoSuchKey. "
            "S3 Error Message: The specified key does not exist."
        )
        return await answer(functions)

    assert place.run(work) == 1


def test_functions_are_listed_by_name(place: Workplace) -> None:
    """Pages go on after the last name of the one before."""

    async def work(functions: Functions) -> tuple[list[str], list[str]]:
        for name in ("b", "c", "a"):
            await functions.create(draft(name), ONE)
        first = [function.name for function in functions.scan(limit=2)]
        return first, [function.name for function in functions.scan(after=first[-1])]

    assert place.run(work) == (["a", "b"], ["c"])


@pytest.mark.parametrize(
    ("chosen", "path"),
    [
        ({"name": "../etc"}, "FunctionName"),
        ({"name": "x" * 65}, "FunctionName"),
        ({"role": "scones"}, "Role"),
        ({"runtime": "nodejs20.x"}, "Runtime"),
        ({"handler": "app handler"}, "Handler"),
        ({"timeout_s": 0}, "Timeout"),
        ({"memory_mb": 127}, "MemorySize"),
        ({"scratch_mb": 511}, "EphemeralStorage.Size"),
        ({"environment": {"1A": "x"}}, "Environment.Variables"),
        ({"environment": {"LONG": "x" * 4096}}, "Environment.Variables"),
        ({"environment": {"NUL": "a\0b"}}, "Environment.Variables.NUL"),
    ],
)
def test_a_value_that_is_not_allowed_is_named(chosen: dict[str, Any], path: str) -> None:
    """The fault's path is the member of the request."""
    with pytest.raises(InvalidInput) as caught:
        check(draft(**chosen))
    assert caught.value.path == path


@pytest.mark.parametrize("name", sorted(RESERVED_VARIABLES))
def test_a_reserved_variable_is_refused(name: str) -> None:
    """What the service sets itself cannot be set by a function."""
    with pytest.raises(InvalidInput, match=f"Reserved keys used in this request: {name}$"):
        check(draft(environment={name: "x"}))


def test_a_function_comes_back_from_its_document() -> None:
    """Through JSON, as it is stored."""
    function = draft(architectures=("arm64",), tags={"a": "b"})
    assert from_document(orjson.loads(orjson.dumps(to_document(function)))) == function


@pytest.mark.parametrize(
    ("text", "qualifier", "expected"),
    [
        ("f", None, ("f", None)),
        ("f", "$LATEST", ("f", "$LATEST")),
        ("f:$LATEST", None, ("f", "$LATEST")),
        ("f:$LATEST", "$LATEST", ("f", "$LATEST")),
        ("f:prod", None, ("f", "prod")),
        ("function:f", None, ("f", None)),
        ("123456789012:function:f", None, ("f", None)),
        ("arn:aws:lambda:us-east-1:123456789012:function:f", None, ("f", None)),
        ("arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST", None, ("f", "$LATEST")),
    ],
)
def test_a_function_has_many_spellings(
    text: str, qualifier: str | None, expected: tuple[str, str | None]
) -> None:
    """A name, a partial ARN or a whole one, each with or without a qualifier."""
    assert spoken_name(text, qualifier) == expected


@pytest.mark.parametrize(
    ("text", "qualifier"), [("a b", None), ("f:1", "2"), ("arn:aws:s3:::f", None), ("f:", None)]
)
def test_what_is_no_function_name_is_refused(text: str, qualifier: str | None) -> None:
    """Neither are two different qualifiers."""
    with pytest.raises(InvalidInput, match=re.escape("FunctionName")):
        spoken_name(text, qualifier)
