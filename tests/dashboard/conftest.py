"""A storage with a few studies, and a browser's view of it without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.dashboard.studies import hostile, plain, two_objectives

from tunesmith.dashboard import app

SAME = {"sec-fetch-site": "same-origin"}


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with four studies: 1 hostile, 2 plain, 3 with two objectives, 4 empty."""
    import tunesmith as ts

    path = tmp_path_factory.mktemp("dashboard") / "tune.db"
    hostile(path)
    plain(path)
    two_objectives(path)
    ts.create_study(storage=path, study_name="empty")
    return path


@pytest.fixture(scope="session")
def client(made: Path) -> Iterator[TestClient]:
    """Reads the studies above; nothing may be changed through it."""
    with TestClient(app(made, token="", read_only=True), base_url="http://localhost") as found:
        yield found


@pytest.fixture
def own(tmp_path: Path) -> Iterator[TestClient]:
    """Changes studies of its own: 1 is plain."""
    plain(tmp_path / "own.db")
    with TestClient(app(tmp_path / "own.db", token=""), base_url="http://localhost", headers=SAME) as found:
        yield found
