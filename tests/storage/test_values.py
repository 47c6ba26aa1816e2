"""How values stand in the tables, and what comes back of objects that text cannot hold."""

from __future__ import annotations

import json
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.foundation.states import TrialState
from tunesmith.space import Categorical, Float, Space
from tunesmith.storage import open_storage
from tunesmith.storage.sql import SQLStorage
from tunesmith.storage.sql.values import attr_from_json, attr_to_json, floats_from_bytes, floats_to_bytes
from tunesmith.testing.storages import begin, ended, run_trial, running_record
from tunesmith.trial import FrozenTrial
from tunesmith.trial.record import TrialRecord

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(value=json_values)
def test_json_comes_back_bit_by_bit(value: Any) -> None:
    text = attr_to_json("k", value)
    assert text.isascii()
    assert repr(attr_from_json(text)) == repr(value)


@given(values=st.lists(st.floats(width=64)))
def test_floats_come_back_bit_by_bit(values: list[float]) -> None:
    data = floats_to_bytes(values)
    assert data is not None
    assert data == np.array(values, "<f8").tobytes(), "little-endian, on every machine"
    assert repr(floats_from_bytes(data)) == repr(tuple(values))


def test_numbers_of_numpy_become_numbers_of_python() -> None:
    value = {"loss": np.float32(0.5), "counts": [np.int64(3), np.bool_(True), np.float64(math.inf)]}
    assert attr_from_json(attr_to_json("k", value)) == {"loss": 0.5, "counts": [3, True, math.inf]}
    assert attr_from_json(attr_to_json("k", np.zeros(2))) == [0.0, 0.0]
    with pytest.raises(ValueError, match="type complex"):
        attr_to_json("k", np.complex128(1))


class Tree:
    """An estimator, say: known by name."""

    def __repr__(self) -> str:
        return "Tree()"


def test_objects_are_kept_by_name(tmp_path: Path) -> None:
    trees = Tree(), Tree()
    space = Space(model=Categorical({"small": trees[0], "large": trees[1]}), rate=Float(0, 1))
    storage = open_storage(tmp_path / "tune.db")
    study = storage.create_study("a", ["minimize"], 0, space)
    storage.add(study.id, [FrozenTrial(-1, TrialState.WAITING, fixed={"model": trees[1]})])
    claim = storage.claim(study.id, "w")
    assert claim.trial is not None
    assert claim.trial.fixed == {"model": "large"}
    assert space["model"].to_internal("large") == 1.0, "a name stands for its object"
    trial = running_record(0, space=space, x=[1.0, 0.5], fixed=claim.trial.fixed)
    assert storage.start(study.id, claim, trial) is not None
    assert storage.trials(study.id)[0].params["model"] is trees[1], "this process has the object"
    elsewhere = open_storage(tmp_path / "tune.db")
    assert elsewhere.trials(study.id)[0].params["model"] == "large"
    for each in (storage, elsewhere):
        each.close()


def test_constraints_stay_where_they_were_written(tmp_path: Path) -> None:
    space = Space(low=Float(0, 1), high=Float(0, 1), constraints=lambda low, high: low < high)
    storage = open_storage(tmp_path / "tune.db")
    study = storage.create_study("a", ["minimize"], 0, space)
    run_trial(storage, study, space=space, x=[0.25, 0.5])
    assert storage.load_study("a").space is space
    assert storage.read_since(study.id, 0).blocks[0].space is space
    elsewhere = open_storage(tmp_path / "tune.db")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # reading what others wrote is nothing to warn of, each time
        found = elsewhere.load_study("a").space
    assert found is not None
    assert [constraint.fn for constraint in found.constraints] == [None]
    for each in (storage, elsewhere):
        each.close()


def test_a_space_is_stored_once(tmp_path: Path) -> None:
    storage = open_storage(tmp_path / "tune.db")
    study = storage.create_study("a", ["minimize"], 0)
    for i in range(6):
        number = begin(storage, study, space=None, x=None)
        space = Space(x=Float(0, 1 + i % 2))
        assert storage.finish(study.id, ended(running_record(number, space=space, x=[0.5]))) is not None
    blocks = storage.read_since(study.id, 0).blocks
    assert sorted((b.space["x"].high, b.at.tolist()) for b in blocks if b.space) == [(1.0, [0, 2, 4]), (2.0, [1, 3, 5])]
    elsewhere = open_storage(tmp_path / "tune.db")
    assert len({id(t.space) for t in elsewhere.trials(study.id)}) == 2, "one object for each, whoever reads"
    for each in (storage, elsewhere):
        each.close()


def test_ranges_that_never_repeat(tmp_path: Path) -> None:
    storage = open_storage(tmp_path / "tune.db")
    study = storage.create_study("a", ["minimize"], 0)
    spaces = [Space(x=Float(0, 1 + i)) for i in range(1100)]  # more than are remembered
    trials = [FrozenTrial(-1, TrialState.COMPLETE, space=s, x=[0.5], values=(math.inf,)) for s in spaces]
    storage.add(study.id, trials)
    storage.add(study.id, trials[:3])
    elsewhere = open_storage(tmp_path / "tune.db")
    for each in (storage, elsewhere):
        new = each.read_since(study.id, 0)
        assert len(new.blocks) == 1100
        assert new.blocks[2].at.tolist() == [2, 1102]
        each.close()


def test_points_stand_there_for_other_programs(tmp_path: Path) -> None:
    storage = open_storage(tmp_path / "tune.db")
    study = storage.create_study("a", ["minimize", "maximize"], 0, Space(x=Float(0, 1), y=Float(0, 1)))
    number = begin(storage, study, space=study.space, x=[0.25, math.nan])
    done = ended(running_record(number, space=study.space, x=[0.25, math.nan]))
    done.values = (1.5, -2.0)
    storage.finish(study.id, done)
    storage.close()
    import sqlite3

    connection = sqlite3.connect(tmp_path / "tune.db")
    (x, y, value, text), *rest = connection.execute(
        "SELECT x, y, value, space FROM tunesmith_trials t JOIN tunesmith_spaces s ON s.id = t.space_id"
    ).fetchall()
    connection.close()
    assert rest == []
    assert np.array_equal(np.frombuffer(x, "<f8"), [0.25, np.nan], equal_nan=True)
    assert np.frombuffer(y, "<f8").tolist() == [1.5, -2.0]
    assert value == 1.5
    assert [p["name"] for p in json.loads(text)["params"]] == ["x", "y"]


def test_spaces_of_equal_content_are_stored_once_and_all_at_once(tmp_path: Path) -> None:
    storage = SQLStorage(tmp_path / "tune.db")
    study = storage.create_study("a", ["minimize"], 0)
    written: list[str] = []
    storage.add(study.id, [TrialRecord(-1, TrialState.COMPLETE, values=(0.0,))])  # opens the connection
    next(iter(storage.database.connections)).driver.set_trace_callback(written.append)
    spaces = [Space({"x": Float(0, high)}) for _ in range(20) for high in (1, 2, 3)]
    trials = [TrialRecord(-1, TrialState.COMPLETE, space=s, x=[0.5], values=(0.0,)) for s in spaces]
    storage.add(study.id, trials)
    assert written.count("COMMIT") == 2, "one for the spaces, one for the trials"
    assert len({t.space.to_json() for t in storage.trials(study.id)[1:]}) == 3  # type: ignore[union-attr]  # they have one
    found = storage.database.read(lambda session: session.query("SELECT count(*) FROM tunesmith_spaces"))
    assert found == [(3,)]
    storage.close()
