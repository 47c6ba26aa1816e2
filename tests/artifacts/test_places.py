"""Where the contents of artifacts are: beside the file of the study, where the user says, and on other machines."""

from __future__ import annotations

import os
import pickle
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import tunesmith
from tunesmith import Trial
from tunesmith.artifacts.local import LocalStore
from tunesmith.errors import ArtifactError, AttemptReplacedError, DamagedArtifactError, StorageError
from tunesmith.storage import check


def files(folder: Path) -> int:
    return sum(len(names) for _, _, names in os.walk(folder))


def test_a_study_in_a_file_keeps_them_beside_it(tmp_path: Path) -> None:
    study = tunesmith.create_study(storage=tmp_path / "tune.db", study_name="s")
    study.artifacts.save("x", b"1")
    assert study.artifacts.url == str(tmp_path / "tune.db.artifacts")
    loaded = tunesmith.load_study(storage=tmp_path / "tune.db", study_name="s")
    assert loaded.artifacts.load("x") == b"1"
    assert pickle.loads(pickle.dumps(study)).artifacts.load("x") == b"1"
    (tmp_path / "elsewhere").mkdir()
    with closing(sqlite3.connect(tmp_path / "tune.db")) as connection:
        connection.execute(f"VACUUM INTO '{tmp_path / 'elsewhere' / 'tune.db'}'")
    shutil.move(tmp_path / "tune.db.artifacts", tmp_path / "elsewhere" / "tune.db.artifacts")
    moved = tunesmith.load_study(storage=tmp_path / "elsewhere" / "tune.db", study_name="s")
    assert moved.artifacts.load("x") == b"1"


def test_a_study_without_artifacts_makes_no_folder(tmp_path: Path) -> None:
    study = tunesmith.create_study(storage=tmp_path / "tune.db")
    assert list(study.artifacts) == []
    assert study.artifacts.clean() == 0
    tunesmith.delete_study(study_name=study.study_name, storage=tmp_path / "tune.db")
    assert not (tmp_path / "tune.db.artifacts").exists()


def test_the_place_is_stored_with_the_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study = tunesmith.create_study(storage="tune.db", study_name="s", artifact_store="kept")
    study.artifacts.save("x", b"1")
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    again = tunesmith.create_study(storage="../tune.db", study_name="s", load_if_exists=True)
    assert again.artifacts.url == str(tmp_path / "kept")
    assert again.artifacts.load("x") == b"1"


def test_another_place_counts_for_one_object(tmp_path: Path) -> None:
    """The same folder may have another path on another machine."""
    study = tunesmith.create_study(storage=tmp_path / "tune.db", study_name="s", artifact_store=tmp_path / "a")
    study.artifacts.save("x", b"1")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    for there in (
        tunesmith.load_study(storage=tmp_path / "tune.db", study_name="s", artifact_store=tmp_path / "b"),
        tunesmith.create_study(
            storage=tmp_path / "tune.db", study_name="s", artifact_store=tmp_path / "b", load_if_exists=True
        ),
    ):
        assert there.artifacts.url == str(tmp_path / "b")
        assert pickle.loads(pickle.dumps(there)).artifacts.url == str(tmp_path / "b")
    assert tunesmith.load_study(storage=tmp_path / "tune.db", study_name="s").artifacts.url == str(tmp_path / "a")
    shutil.rmtree(tmp_path / "a")
    with pytest.raises(DamagedArtifactError, match="holds no blob"):
        study.artifacts.load("x")


def test_credentials_are_not_stored(tmp_path: Path) -> None:
    pytest.importorskip("fsspec", reason="needs fsspec: pip install fsspec")
    from tunesmith.artifacts.remote import FsspecStore

    store = FsspecStore("memory://bucket/x", options={"asynchronous": "hush-hush"})
    study = tunesmith.create_study(storage=tmp_path / "tune.db", study_name="s", artifact_store=store)
    study.artifacts.save("x", b"1")
    assert b"hush" not in (tmp_path / "tune.db").read_bytes()
    assert "hush" not in repr(store) + study.artifacts.url + repr(study.system_attrs)
    assert pickle.loads(pickle.dumps(store)).url == store.url


@pytest.mark.postgres
def test_a_study_on_a_server_needs_a_place(postgres_url: str, tmp_path: Path) -> None:
    study = tunesmith.create_study(storage=postgres_url, study_name="s")
    with pytest.raises(ArtifactError, match=r"its storage has no folder.*artifact_store=") as caught:
        study.artifacts.save("x", b"1")
    assert "postgres" not in str(caught.value)
    named = tunesmith.create_study(storage=postgres_url, study_name="t", artifact_store=tmp_path / "a")
    named.artifacts.save("x", b"1")
    loaded = tunesmith.load_study(storage=postgres_url, study_name="t")
    assert loaded.artifacts.load("x") == b"1"
    tunesmith.delete_study(storage=postgres_url, study_name="s")
    tunesmith.delete_study(storage=postgres_url, study_name="t")
    assert files(tmp_path / "a") == 0


def test_a_deleted_study_takes_its_contents_along(tmp_path: Path) -> None:
    one, two = (tunesmith.create_study(storage=tmp_path / "tune.db", study_name=name) for name in "ab")
    for study in (one, two):
        study.artifacts.save("x", b"same")
        study.ask().artifacts.save("y", b"other")
    store, space = one.artifacts.pointers.place()
    store.put(space, lambda: [b"never published"])
    tunesmith.delete_study(study_name="a", storage=tmp_path / "tune.db")
    assert files(tmp_path / "tune.db.artifacts") == 2
    assert two.artifacts.load("x") == b"same"
    again = tunesmith.create_study(storage=tmp_path / "tune.db", study_name="a")
    assert list(again.artifacts) == []


def test_a_study_is_deleted_though_its_place_cannot_be_reached(tmp_path: Path) -> None:
    study = tunesmith.create_study(storage=tmp_path / "tune.db", study_name="s", artifact_store=tmp_path / "a")
    study.artifacts.save("x", b"1")
    with closing(sqlite3.connect(tmp_path / "tune.db")) as connection:
        connection.execute("UPDATE tunesmith_attrs SET value = '\"nosuch://away\"' WHERE key = 'artifact_store'")
        connection.commit()
    with pytest.warns(UserWarning, match=r"'s' is deleted, but the contents of its artifacts stay: .*nosuch://away"):
        tunesmith.delete_study(study_name="s", storage=tmp_path / "tune.db")
    assert tunesmith.get_all_study_names(tmp_path / "tune.db") == []


def test_a_pointer_that_was_changed_by_hand_leads_nowhere_else(tmp_path: Path) -> None:
    study = tunesmith.create_study(storage=tmp_path / "tune.db", study_name="s")
    study.artifacts.save("x", b"1")
    secret = tmp_path / "secret"
    secret.write_bytes(b"1")
    with closing(sqlite3.connect(tmp_path / "tune.db")) as connection:
        connection.execute("UPDATE tunesmith_artifacts SET blob = '../secret'")
        connection.commit()
    (problem,) = check(tmp_path / "tune.db")
    assert re.search(r"'s': artifact 'x' of the study has the digest .* and leads to '../secret'", problem)
    with pytest.raises(DamagedArtifactError, match="not the key of a blob"):
        study.artifacts.load("x")
    study.artifacts.save("x", b"2")
    assert secret.read_bytes() == b"1"
    assert study.artifacts.load("x") == b"2"
    assert check(tmp_path / "tune.db") == []
    with closing(sqlite3.connect(tmp_path / "tune.db")) as connection:
        connection.execute("UPDATE tunesmith_artifacts SET size = 'large'")
        connection.commit()
    with pytest.raises(StorageError, match="is damaged: the artifact 'x'"):
        study.artifacts.load("x")


# ---------------------------------------------------------------------------------------------- in worker processes


def save(trial: Trial) -> float:
    x = trial.suggest_float("x", 0, 1)
    trial.artifacts.save("model", str(x).encode())
    trial.artifacts.save("same", b"for all")
    return x


def test_workers_of_a_study_in_a_file_save(tmp_path: Path) -> None:
    study = tunesmith.create_study(storage=tmp_path / "tune.db", seed=0)
    study.optimize(save, n_trials=6, n_jobs=2)
    for trial in study.trials:
        assert study.artifacts.of(trial.number).load("model") == str(trial.params["x"]).encode()
    assert files(tmp_path / "tune.db.artifacts") == 7
    assert study.artifacts.clean(grace=0) == 0


def release_and_save(trial: Trial) -> float:
    """Be given up while it runs, as by another worker that took this one for dead."""
    attempt = trial.attempt
    if attempt == 1:
        study = tunesmith.load_study(storage=os.environ["TUNESMITH_TEST_FILE"], study_name="s")
        study.release([trial.number])
    try:
        trial.artifacts.save("checkpoint", str(attempt).encode())
    except AttemptReplacedError:
        Path(os.environ["TUNESMITH_TEST_FILE"] + ".refused").touch()
        raise
    return 1.0


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_attempt_that_was_replaced_publishes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    monkeypatch.setenv("TUNESMITH_TEST_FILE", str(tmp_path / "tune.db"))
    study = tunesmith.create_study(storage=tmp_path / "tune.db", study_name="s", seed=0)
    with pytest.warns(UserWarning, match="attempt 1 was given up"):
        study.optimize(release_and_save, n_trials=1, n_jobs=jobs, catch=Exception)
    assert (tmp_path / "tune.db.refused").exists()
    assert study.artifacts.everything() == []
    assert files(tmp_path / "tune.db.artifacts") == 0
    study.optimize(release_and_save, n_trials=1, n_jobs=jobs, catch=Exception)
    assert study.artifacts.of(0).load("checkpoint") == b"2"


def test_a_store_that_only_this_program_knows_reaches_the_workers(tmp_path: Path) -> None:
    class Mine(LocalStore):
        pass

    study = tunesmith.create_study(artifact_store=Mine(tmp_path / "mine"), seed=0)
    study.optimize(save, n_trials=2, n_jobs=2)
    assert files(tmp_path / "mine") == 3
