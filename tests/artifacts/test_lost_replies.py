"""A server whose replies are lost, COMMIT's too: an artifact is published once, and leads to its content."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.servers.postgres import PostgresServer

import tunesmith


@pytest.mark.postgres
def test_each_reply_to_an_artifact_may_be_lost(
    postgres: PostgresServer, postgres_database: str, tmp_path: Path
) -> None:
    with postgres.proxy() as proxy:
        url = postgres.url(postgres_database, proxy.port)
        study = tunesmith.create_study(storage=url, study_name="s", artifact_store=tmp_path / "kept", seed=0)
        trial = study.ask()
        trial.artifacts.save("x", b"0")
        before = proxy.replies
        trial.artifacts.save("x", b"1")
        once = proxy.replies - before
        for turn in range(once + 2):
            proxy.drop(1 + turn)
            trial.artifacts.save("x", f"turn {turn}".encode())
            assert trial.artifacts.load("x") == f"turn {turn}".encode()
            proxy.drop(1 + turn)
            study.artifacts.copy_from(trial.number, "x", to=f"copy {turn}")
        proxy.drop(once - 1)
        trial.artifacts.remove("x")
        assert [a.name for a in study.artifacts.everything()] == [f"copy {turn}" for turn in range(once + 2)]
        for turn in range(once + 2):
            assert study.artifacts.load(f"copy {turn}") == f"turn {turn}".encode()
        study.artifacts.clean(grace=0)
        store, space = study.artifacts.pointers.place()
        assert len(list(store.blobs(space))) == once + 2
        study.storage.close()
