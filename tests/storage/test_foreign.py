"""Files and tables of other programs are recognised: none looks like an empty file of ours."""

from __future__ import annotations

import json
import pickle
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

import tunesmith as ts
from tunesmith.errors import StorageError, StudyNotFoundError
from tunesmith.storage import open_storage
from tunesmith.testing.storages import run_trial

OPTUNA = ("studies", "study_directions", "trials", "trial_params", "trial_values", "version_info", "alembic_version")
MLFLOW = ("experiments", "runs", "metrics", "params", "tags", "alembic_version")


def make_tables(path: Path, names: tuple[str, ...]) -> bytes:
    connection = sqlite3.connect(path)
    for name in names:
        connection.execute(f"CREATE TABLE {name} (study_id INTEGER, study_name TEXT)")
    connection.execute(f"INSERT INTO {names[0]} VALUES (1, 'old')")
    connection.commit()
    connection.close()
    return path.read_bytes()


WAYS: list[Callable[[Any], Any]] = [
    lambda storage: ts.create_study(study_name="old", storage=storage, load_if_exists=True),
    lambda storage: ts.create_study(study_name="new", storage=storage),
    lambda storage: ts.load_study(study_name="old", storage=storage),
    lambda storage: ts.get_all_study_names(storage),
    lambda storage: ts.minimize(lambda x: x, {"x": [1, 2]}, n_trials=1, storage=storage, study_name="old"),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("tables", "words"), [(OPTUNA, "database of Optuna's, with the studies 'old'"), (MLFLOW, "database of MLflow's")]
)
def test_a_database_of_another_tuner(
    way: Callable[[Any], Any], tables: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "tune.db"
    before = make_tables(path, tables)
    with pytest.raises(StorageError, match=rf"tune.db is a {words}.*`tunesmith import .*tune.db.*docs/import.md"):
        way(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_a_file_that_optuna_wrote(tmp_path: Path) -> None:
    optuna = pytest.importorskip("optuna")
    url = f"sqlite:///{tmp_path / 'tune.db'}"
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    optuna.create_study(study_name="old", storage=url).optimize(lambda trial: trial.suggest_float("x", 0, 1), 2)
    with pytest.raises(StorageError, match="is a database of Optuna's, with the studies 'old'"):
        ts.create_study(study_name="old", storage=url, load_if_exists=True)
    assert len(optuna.load_study(study_name="old", storage=url).trials) == 2
    for theirs in (optuna.storages.InMemoryStorage(), optuna.storages.RDBStorage(url)):
        with pytest.raises(TypeError, match=r"got \w+ of optuna; docs/import.md shows how"):
            ts.create_study(storage=theirs)


def test_other_tables_are_named_where_a_study_is_looked_for(tmp_path: Path) -> None:
    make_tables(tmp_path / "tune.db", ("customers", "orders"))
    with pytest.raises(StudyNotFoundError, match=r"no study 'a'.* tables of another program \(customers, orders\)"):
        ts.load_study(study_name="a", storage=tmp_path / "tune.db")


def test_a_file_that_holds_studies_of_both(tmp_path: Path) -> None:
    path = tmp_path / "tune.db"
    storage = open_storage(path)
    run_trial(storage, storage.create_study("ours", ["minimize"], 0))
    storage.close()
    make_tables(path, OPTUNA)
    assert ts.load_study(study_name="ours", storage=path).best_trial.number == 0
    with pytest.raises(StudyNotFoundError, match=r"there are: 'ours'.*It has tables of Optuna's.*tunesmith import"):
        ts.load_study(study_name="old", storage=path)


PICKLE = pickle.dumps([1, 2])
FILES = {
    "a pickle": PICKLE,
    "trials pickled by Hyperopt; .*tunesmith import": PICKLE[:2]
    + b"\x95\x8c\rhyperopt.base\x94\x8c\x06Trials"
    + PICKLE,
    "a journal file of Optuna's; .*tunesmith import": json.dumps({"op_code": 0, "study_name": "old"}).encode() + b"\n",
    "JSON": b'{\n "a": [1]}',
    r"a table as text \(CSV\?\)": b"lr,loss\n0.1,0.3\n",
    "compressed with gzip": b"\x1f\x8b\x08" + bytes(20),
    "a zip archive": b"PK\x03\x04" + bytes(20),
}


@pytest.mark.parametrize("name", ["old.db", "old.pkl", "old"])
@pytest.mark.parametrize("words", FILES)
def test_files_of_other_kinds(name: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(FILES[words])
    for spec in (name, Path(name), f"sqlite:///{name}"):
        with pytest.raises(StorageError, match=f"no SQLite database but .*{words}"):
            open_storage(spec)
    assert Path(name).read_bytes() == FILES[words]


@pytest.mark.postgres
def test_a_server_that_others_use_too(postgres_url: str) -> None:
    engine = sqlalchemy.create_engine(postgres_url)
    with engine.begin() as connection:
        for name in OPTUNA:
            connection.exec_driver_sql(f"CREATE TABLE {name} (study_id INTEGER, study_name TEXT)")
        connection.exec_driver_sql("INSERT INTO studies VALUES (1, 'old')")
    engine.dispose()
    with pytest.raises(StudyNotFoundError, match="It has tables of Optuna's"):
        ts.load_study(study_name="old", storage=postgres_url)
    with pytest.warns(UserWarning, match="also has tables of Optuna's, with the studies 'old'; they stay as they are"):
        study = ts.create_study(study_name="old", storage=postgres_url, load_if_exists=True)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), 1)
    study.storage.close()
