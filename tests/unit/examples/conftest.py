"""The example is no package: its files are imported as its user runs them, from their folder."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCONES = Path(__file__).parents[3] / "examples" / "scones"


@pytest.fixture(scope="session", autouse=True)
def _importable() -> Iterator[None]:
    sys.path.insert(0, str(SCONES))
    yield
    sys.path.remove(str(SCONES))


@pytest.fixture(scope="session")
def evaluation(_importable: None) -> Any:
    return importlib.import_module("evaluation")


@pytest.fixture(scope="session")
def workflow(_importable: None) -> Any:
    return importlib.import_module("workflow")


@pytest.fixture(scope="session")
def training_log(_importable: None) -> Any:
    return importlib.import_module("training_log")


@pytest.fixture(scope="session")
def probes(_importable: None) -> Any:
    return importlib.import_module("probes")


@pytest.fixture(scope="module")
def environment() -> Iterator[pytest.MonkeyPatch]:
    """Environment variables for a module's tests: what boto3 needs for clients that go nowhere."""
    with pytest.MonkeyPatch.context() as variables:
        variables.setenv("AWS_DEFAULT_REGION", "us-east-1")
        variables.setenv("AWS_ACCESS_KEY_ID", "made-up")
        variables.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
        variables.delenv("AWS_ENDPOINT_URL", raising=False)
        yield variables


@pytest.fixture(scope="module")
def handler(
    environment: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., ModuleType]:
    """Import the handler of a function anew, after an optional change of its text."""

    def load(name: str, old: str = "", new: str = "") -> ModuleType:
        source = (SCONES / "functions" / name / "lambda_function.py").read_text("utf-8")
        assert old in source
        path = tmp_path_factory.mktemp(name) / "lambda_function.py"
        path.write_text(source.replace(old, new) if old else source, "utf-8")
        spec = importlib.util.spec_from_file_location(f"scones_{name}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load
