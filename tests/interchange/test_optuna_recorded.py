"""Databases and journals that earlier versions of Optuna wrote; Optuna is not needed to read them."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import tunesmith as ts
from tunesmith import compat
from tunesmith.errors import SourceError

DATA = Path(__file__).parent / "data"
FILES = sorted(path.name for path in DATA.glob("optuna-*") if path.suffix in (".db", ".log"))


@pytest.fixture(autouse=True)
def _where_they_were_made(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Up to Optuna 4, times are local."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("name", FILES)
def test_what_optuna_said_of_them(name: str) -> None:
    told = json.loads((DATA / f"{name.removesuffix('.db')}.json").read_text())
    studies = compat.read(DATA / name)
    one = studies[0]
    assert (one.name, one.directions, one.user_attrs) == ("one", ("maximize",), told["user_attrs"])
    assert len(one.trials) == len(told["trials"])
    for ours, theirs in zip(one.trials, told["trials"], strict=True):
        assert (ours.number, ours.state.name) == (theirs["number"], theirs["state"])
        if theirs["state"] == "WAITING":
            assert ours.params == {"x": 1.5}
            continue
        assert ours.params == theirs["params"]
        assert dict(ours.user_attrs) == theirs["user_attrs"]
        assert sorted([k, repr(v)] for k, v in ours.intermediate_values.items()) == theirs["reports"]
        for mine, yours in ((ours.datetime_start, theirs["start"]), (ours.datetime_complete, theirs["complete"])):
            assert mine is not None
            # Optuna 2.0 read the clock twice: for the database, and for its cache.
            assert abs(mine - datetime.fromisoformat(yours)) < timedelta(milliseconds=1)
        if theirs["state"] != "FAIL":
            assert repr(ours.value) == theirs["value"]
    space = one.trials[0].distributions
    assert space["rate"] == ts.Float(1e-5, 1, log=True)
    assert space["lattice"] == ts.Float(0, 1, step=0.25)
    assert space["kind"] == ts.Categorical(["a", None, 3, True])
    if "odd" in space:
        assert (space["odd"], space["units"]) == (ts.Int(1, 7, step=2), ts.Int(8, 512, log=True))
    if len(studies) > 1:
        two = studies[1]
        assert two.directions == ("minimize", "maximize")
        assert [t.constraints for t in two.trials] == [{"0": 1.0, "1": -t.params["x"]} for t in two.trials]
        assert not two.create_study().best_trials  # none is feasible


def test_a_journal_whose_last_line_is_cut_off(tmp_path: Path) -> None:
    data = (DATA / "optuna-4.9.0.log").read_bytes()
    (tmp_path / "old.log").write_bytes(data[:-30])
    whole, cut = compat.read(DATA / "optuna-4.9.0.log", study="two"), compat.read(tmp_path / "old.log", study="two")
    assert len(cut[0].trials) == len(whole[0].trials)
    assert cut[0].trials[-1].reason == "it was running when it was imported"  # its end was not there yet
    assert "last line of the journal is cut off" in cut[0].notes[-1]
    lines = data.splitlines(keepends=True)
    (tmp_path / "old.log").write_bytes(b"".join([*lines[:9], b"garbage\n", *lines[9:]]))
    with pytest.raises(SourceError, match=r"old.log, line 10: this is no JSON.*cut it before this line"):
        compat.read(tmp_path / "old.log")
    (tmp_path / "old.log").write_bytes(b"".join([*lines[:9], b'{"op_code": 77, "x": 1}\n']))
    with pytest.raises(SourceError, match=r"line 10: this is no line of an Optuna journal.*no operation 77"):
        compat.read(tmp_path / "old.log")


def test_a_database_of_a_later_optuna(tmp_path: Path) -> None:
    import sqlite3

    shutil.copy(DATA / "optuna-4.9.0.db", tmp_path / "old.db")
    connection = sqlite3.connect(tmp_path / "old.db")
    connection.execute("UPDATE alembic_version SET version_num = 'v9.0.0.a'")
    connection.commit()
    (one, _) = compat.read(tmp_path / "old.db")
    assert any("later Optuna" in note and "v9.0.0.a" in note for note in one.notes)
    connection.execute("ALTER TABLE trial_params RENAME COLUMN distribution_json TO distribution")
    connection.commit()
    connection.close()
    with pytest.raises(SourceError, match=r"trial_params has no distribution_json.*not known here \(schema v9"):
        compat.read(tmp_path / "old.db")


def test_a_damaged_value(tmp_path: Path) -> None:
    import sqlite3

    shutil.copy(DATA / "optuna-4.9.0.db", tmp_path / "old.db")
    connection = sqlite3.connect(tmp_path / "old.db")
    connection.execute("UPDATE trial_params SET distribution_json = '{' WHERE param_id = 3")
    connection.commit()
    connection.close()
    with pytest.raises(SourceError, match=r"old.db: the study 'one' cannot be read"):
        compat.read(tmp_path / "old.db")


def test_times_of_before_optuna_5_are_local(monkeypatch: pytest.MonkeyPatch) -> None:
    (utc, _) = compat.read(DATA / "optuna-4.9.0.db")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    (tokyo, _) = compat.read(DATA / "optuna-4.9.0.db")
    assert utc.trials[0].started - tokyo.trials[0].started == 9 * 3600
    assert not math.isnan(utc.trials[0].started)
