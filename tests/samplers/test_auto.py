"""The default sampler: which one it picks, that it says so, and that switching does not break a search."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tunesmith as ts
from tunesmith.foundation.states import TrialState
from tunesmith.history import History
from tunesmith.samplers.auto import MAX_LOCAL_TRIALS, MODEL_ALWAYS_TRIALS, AutoSampler
from tunesmith.samplers.gp.sampler import GPSampler
from tunesmith.space import Categorical, Float, Int, Space

NUMERIC = Space(a=Float(0, 1), b=Int(1, 9))
MIXED = Space(a=Float(0, 1), c=Categorical(["p", "q"]))
TREE = Space(c=Categorical(["p", "q"]), a=Float(0, 1).when(c="p"))


def history_of(space: Space, n: int, cost: float, n_objectives: int = 1) -> History:
    history = History(space, n_objectives)
    x = space.sample(np.random.default_rng(0), n)
    for i in range(n):
        history.append(i, TrialState.COMPLETE, space, x[i], [float(i)] * n_objectives, cost=cost)
    return history


@pytest.mark.parametrize(
    ("space", "n", "cost", "chosen"),
    [
        (NUMERIC, 0, 0.0, "gp"),
        (NUMERIC, MODEL_ALWAYS_TRIALS - 1, 1e-6, "gp"),
        (NUMERIC, MODEL_ALWAYS_TRIALS, 1e-6, "cmaes"),
        (NUMERIC, MODEL_ALWAYS_TRIALS, 1.0, "gp"),
        (NUMERIC, MAX_LOCAL_TRIALS - 1, 60.0, "gp"),
        (NUMERIC, MAX_LOCAL_TRIALS, 60.0, "cmaes"),
        (MIXED, MODEL_ALWAYS_TRIALS, 1e-6, "evolution"),
        (TREE, MODEL_ALWAYS_TRIALS, 1e-6, "evolution"),
    ],
)
def test_the_choice(space: Space, n: int, cost: float, chosen: str) -> None:
    name, why = AutoSampler().choose(history_of(space, n, cost), space)
    assert name == chosen
    assert why


@pytest.mark.parametrize(("n", "cost", "chosen"), [(10, 1e-6, "gp"), (150, 1.0, "gp"), (150, 1e-6, "nsga2")])
def test_the_choice_with_several_objectives(n: int, cost: float, chosen: str) -> None:
    assert AutoSampler().choose(history_of(NUMERIC, n, cost, 2), NUMERIC)[0] == chosen


def test_it_is_the_default_and_each_trial_says_who_proposed_it() -> None:
    study = ts.minimize(lambda p: p["a"], NUMERIC, n_trials=3, seed=0)
    assert study.sampler.name == "auto"
    assert all(t.system_attrs["proposed_by"].startswith("gp: ") for t in study.trials)


@pytest.fixture
def early(monkeypatch: pytest.MonkeyPatch) -> int:
    """The switch comes after so many trials, which costs fewer proposals of the process."""
    monkeypatch.setattr("tunesmith.samplers.auto.MODEL_ALWAYS_TRIALS", 20)
    return 20


@pytest.mark.parametrize("space", [NUMERIC, MIXED, TREE], ids=["numeric", "mixed", "tree"])
def test_a_cheap_search_goes_on_after_the_switch(space: Space, early: int) -> None:
    study = ts.minimize(lambda p: (p.get("a", 0.5) - 0.3) ** 2, space, n_trials=early + 90, seed=0)
    who = [t.system_attrs["proposed_by"].split(":")[0] for t in study.trials]
    assert len(set(who)) == 2
    assert who == sorted(who, key=who.index), "one switch"
    assert study.best_value < 1e-4


def test_a_tree_that_nobody_declared_is_found(early: int) -> None:
    def objective(trial: ts.Trial) -> float:
        if trial.suggest_categorical("m", ["p", "q"]) == "p":
            return trial.suggest_float("a", 0, 1)
        return trial.suggest_float("b", 0.5, 1)

    study = ts.create_study(seed=0)
    study.optimize(objective, n_trials=early + 5)
    assert study.trials[-1].system_attrs["proposed_by"].startswith("evolution: ")


def test_a_cheap_search_in_a_file_is_resumed(tmp_path: Path, early: int) -> None:
    def search(n: int) -> ts.Study:
        return ts.minimize(lambda p: p["a"], NUMERIC, n_trials=n, seed=0, storage=tmp_path / "a.db", study_name="a")

    search(early + 10)
    resumed = search(early + 30)
    whole = ts.minimize(lambda p: p["a"], NUMERIC, n_trials=early + 30, seed=0)
    assert [t.params for t in resumed.trials] == [t.params for t in whole.trials]


@pytest.mark.parametrize("n_objectives", [1, 2])
@pytest.mark.parametrize("n", [10, MODEL_ALWAYS_TRIALS, 400])
def test_the_cheap_variant_uses_no_process(n: int, n_objectives: int) -> None:
    cheap = AutoSampler().cheap_variant()
    assert isinstance(cheap, AutoSampler)
    assert cheap.choose(history_of(NUMERIC, n, 60.0, n_objectives), NUMERIC)[0] != "gp"


def test_proposals_take_at_most_half_of_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock that only proposals of the process move, by a tenth of a second each."""
    now = [0.0]
    monkeypatch.setattr("tunesmith.executors.inline.InlineExecutor.clock", lambda self: now[0])
    real = GPSampler.propose

    def slow(self: GPSampler, *args: Any) -> Any:
        now[0] += 0.1
        return real(self, *args)

    monkeypatch.setattr(GPSampler, "propose", slow)
    study = ts.create_study(space=NUMERIC, seed=0)

    def objective(trial: ts.Trial) -> float:
        now[0] += 0.01
        return float(trial.params["a"])

    study.optimize(objective, timeout=2.0)
    who = [t.system_attrs["proposed_by"].split(":")[0] for t in study.trials]
    assert 10 <= who.count("gp") <= 11
    assert len(who) > 80
    assert who[:10] == ["gp"] * 10
