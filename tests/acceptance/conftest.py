"""One server for all acceptance tests that do not end it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.server import ServerProcess, running_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A running server with an empty data folder of its own."""
    with running_server(tmp_path_factory.mktemp("data")) as running:
        yield running
