"""Optuna's databases become studies with all that they hold."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tunesmith as ts
from tunesmith import compat
from tunesmith.errors import DuplicatedStudyError, SourceError
from tunesmith.interchange.optuna.database import NEEDED_TABLES

optuna = pytest.importorskip("optuna")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


def distribution(d: Any) -> ts.space.Parameter:
    if isinstance(d, optuna.distributions.CategoricalDistribution):
        return ts.Categorical(d.choices)
    kind = ts.Float if isinstance(d, optuna.distributions.FloatDistribution) else ts.Int
    return kind(d.low, d.high, log=d.log, step=d.step)


def assert_same(old: Any, new: ts.FrozenTrial) -> None:
    assert new.number == old.number
    assert new.state.name == ("FAIL" if old.state.name == "RUNNING" else old.state.name)
    steps = {"lattice": 1e-12}  # 0.6000000000000001 is 0.6 here
    assert new.params == {n: pytest.approx(v, abs=steps[n]) if n in steps else v for n, v in old.params.items()}
    assert list(new.params) == list(old.params)
    assert new.distributions == {name: distribution(d) for name, d in old.distributions.items()}
    assert dict(new.user_attrs) == old.user_attrs
    assert repr(dict(new.intermediate_values)) == repr(old.intermediate_values)  # NaN equals itself there
    assert (new.datetime_start, new.datetime_complete) == (old.datetime_start, old.datetime_complete)
    assert (new.constraints or {}) == old.constraints
    if old.state.name == "COMPLETE":
        assert list(new.values or ()) == old.values


def objective(trial: Any) -> float:
    x = trial.suggest_float("x", -5, 5)
    trial.suggest_float("rate", 1e-5, 1, log=True)
    trial.suggest_int("n", 1, 9, step=2)
    trial.suggest_int("units", 8, 512, log=True)
    if trial.suggest_categorical("kind", ["a", None, 3, True]) == "a":
        trial.suggest_float("lattice", 0, 1, step=0.1)
    for step, value in enumerate([x, math.nan, math.inf]):
        trial.report(value, step)
    trial.set_user_attr("note", {"k": [1, "two"]})
    trial.set_constraint("low", -x)
    if trial.number % 5 == 3:
        raise optuna.TrialPruned
    if trial.number % 5 == 4:
        return math.nan
    return math.inf if trial.number % 5 == 2 else x * x


def make(url: str) -> None:
    storage = optuna.storages.RDBStorage(url)
    fill(storage)
    storage.engine.dispose()


def fill(storage: Any) -> None:
    one = optuna.create_study(study_name="one", storage=storage, direction="maximize")
    one.set_user_attr("who", "me")
    one.optimize(objective, 10)
    one.enqueue_trial({"x": 1.5, "kind": None})
    two = optuna.create_study(study_name="two", storage=storage, directions=["minimize", "maximize"])
    two.optimize(lambda trial: (trial.suggest_float("x", 0, 2), 1.0), 3)
    two.ask().suggest_float("x", 0, 2)


def check(source: str, storage: Any) -> None:
    """Compare what was imported with what Optuna says, and import again."""
    there = optuna.storages.RDBStorage(source)
    for old in compat.read(source):
        new = old.create_study(storage=storage)
        theirs = optuna.load_study(study_name=old.name, storage=there)
        assert [d.name.lower() for d in theirs.directions] == list(new.directions)
        assert dict(new.user_attrs) == theirs.user_attrs
        for trial, ours in zip(theirs.trials, new.trials, strict=True):
            if trial.state.name == "WAITING":
                assert ours.params == {"x": 1.5, "kind": None}
            else:
                assert_same(trial, ours)
        with pytest.raises(DuplicatedStudyError, match=r"was imported from .* already.*--if-exists update"):
            old.create_study(storage=storage)
        assert len(old.create_study(storage=storage, if_exists="update").trials) == len(theirs.trials)
    there.engine.dispose()


def test_everything_comes_along(tmp_path: Path) -> None:
    source = f"sqlite:///{tmp_path / 'old.db'}"
    make(source)
    before = (tmp_path / "old.db").read_bytes()
    check(source, tmp_path / "tune.db")
    assert (tmp_path / "old.db").read_bytes() == before
    one, two = compat.read(tmp_path / "old.db")
    assert (one.program, one.name, one.directions) == ("Optuna", "one", ("maximize",))
    assert one.counts == {"complete": 6, "pruned": 2, "fail": 2, "waiting": 1}
    (note,) = two.notes
    assert note.startswith("running there, and failed here, so that all keep their numbers")
    assert (two.trials[3].number, two.trials[3].reason) == (3, "it was running when it was imported")


@pytest.mark.postgres
def test_from_postgresql(postgres_url: str, tmp_path: Path) -> None:
    make(postgres_url)
    check(postgres_url, tmp_path / "tune.db")
    written_with = postgres_url.replace("postgresql+psycopg:", "postgresql+psycopg2:")  # which is not needed to read
    assert [old.name for old in compat.read(written_with)] == ["one", "two"]


@pytest.mark.mariadb
def test_from_mariadb(mariadb_url: str, tmp_path: Path) -> None:
    make(mariadb_url)
    check(mariadb_url, tmp_path / "tune.db")


def test_a_search_goes_on_and_the_source_grows(tmp_path: Path) -> None:
    source = f"sqlite:///{tmp_path / 'old.db'}"
    theirs = optuna.create_study(study_name="old", storage=source)
    theirs.optimize(lambda trial: trial.suggest_float("x", 0, 1), 4)
    running = theirs.ask()
    running.suggest_float("x", 0, 1)
    (old,) = compat.read(source)
    study = old.create_study(storage=tmp_path / "tune.db", study_name="new")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), 2)
    theirs.tell(running, 0.5)
    (old,) = compat.read(source)
    study = old.create_study(storage=tmp_path / "tune.db", study_name="new", if_exists="update")
    theirs_here = [t.worker for t in study.trials if t.worker.startswith("optuna/")]
    assert theirs_here == [*(f"optuna/{i}" for i in range(5)), "optuna/4"]
    assert (len(study.trials), study.trials[-1].value) == (8, 0.5)
    assert old.notes[-1].endswith("since the study went on: 1, such as 7 for 4")
    old.create_study(storage=tmp_path / "tune.db", study_name="new", if_exists="update")
    assert old.added == 0


def test_a_name_that_is_taken(tmp_path: Path) -> None:
    source = f"sqlite:///{tmp_path / 'old.db'}"
    for name in "ab":
        optuna.create_study(study_name=name, storage=source).optimize(lambda t: t.suggest_float("x", 0, 1), 1)
    a, b = compat.read(source)
    a.create_study(storage=tmp_path / "tune.db")
    with pytest.raises(DuplicatedStudyError, match=r"was imported from 'a' of Optuna, and this is 'b'.*--as"):
        b.create_study(storage=tmp_path / "tune.db", study_name="a", if_exists="update")
    ours = ts.create_study(storage=tmp_path / "tune.db", study_name="b")
    ours.optimize(lambda trial: trial.suggest_float("x", 0, 1), 1)
    with pytest.raises(DuplicatedStudyError, match=r"'b' already, with 1 trials, and it was not imported.*--as"):
        b.create_study(storage=tmp_path / "tune.db", if_exists="update")
    with pytest.raises(SourceError, match=r"has no study 'c'; there are 'a', 'b'"):
        compat.read(source, study="c")


def test_a_value_out_of_its_range(tmp_path: Path) -> None:
    source = f"sqlite:///{tmp_path / 'old.db'}"
    study = optuna.create_study(study_name="old", storage=source)
    study.enqueue_trial({"x": 7.0, "n": 2})
    with pytest.warns(UserWarning, match=r"out of range"):
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1) + trial.suggest_int("n", 1, 9, step=4), 1)
    (trial,) = compat.read(source)[0].trials
    assert trial.params == {"x": 7.0, "n": 2}
    assert dict(trial.outside) == {"x": 7.0, "n": 2}


def test_what_is_no_database_of_optuna(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database")
    with pytest.raises(SourceError, match=r"text.db is nothing that is known here"):
        compat.read(tmp_path / "text.db")
    connection = sqlite3.connect(tmp_path / "other.db")
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    with pytest.raises(SourceError, match=r"has no tables of Optuna's"):
        compat.read(tmp_path / "other.db")
    with pytest.raises(SourceError, match=r"missing.db does not exist"):
        compat.read(tmp_path / "missing.db")
    assert not (tmp_path / "missing.db").exists()
    make(f"sqlite:///{tmp_path / 'cut.db'}")
    whole = (tmp_path / "cut.db").read_bytes()
    (tmp_path / "cut.db").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match=r"cut.db cannot be read: .*malformed"):
        compat.read(tmp_path / "cut.db")


def test_a_study_without_a_name_is_damage(tmp_path: Path) -> None:
    file = tmp_path / "old.db"
    connection = sqlite3.connect(file)
    for table in sorted({*NEEDED_TABLES, "trial_intermediate_values"}):
        connection.execute(f"CREATE TABLE {table} (study_id, study_name)")
    connection.execute("INSERT INTO studies VALUES (1, NULL)")
    connection.commit()
    connection.close()
    with pytest.raises(SourceError, match=r"old\.db is damaged: a study has no name"):
        compat.read(file)
