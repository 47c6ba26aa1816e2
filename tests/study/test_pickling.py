"""A study may be pickled and copied: a stored one by its URL and name, one in memory with all that is in it."""

from __future__ import annotations

import copy
import functools
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import pytest

import tunesmith as ts
from tunesmith import Float
from tunesmith.executors.processes import ProcessExecutor
from tunesmith.foundation import registry


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return None if request.param == "memory" else tmp_path / "tune.db"


def by_joblib(study: ts.Study, folder: Path) -> Any:
    joblib.dump(study, folder / "study.joblib")
    return joblib.load(folder / "study.joblib")


WAYS: dict[str, Callable[[ts.Study, Path], Any]] = {
    "pickle": lambda study, folder: pickle.loads(pickle.dumps(study)),
    "joblib": by_joblib,
    "deepcopy": lambda study, folder: copy.deepcopy(study),
}


def objective(trial: ts.Trial) -> float:
    trial.set_user_attr("n", trial.number)
    return trial.suggest_float("x", 0, 1) + trial.suggest_categorical("c", [1, 2])


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_study_is_copied(store: Path | None, tmp_path: Path, way: Callable[[ts.Study, Path], Any]) -> None:
    study = ts.create_study(storage=store, study_name="s", seed=0, direction="maximize", retries=4)
    study.optimize(objective, n_trials=5)
    study.set_user_attr("a", [1])
    twin = way(study, tmp_path)
    assert twin.trials == study.trials
    assert (twin.best_params, twin.user_attrs, twin.retries) == (study.best_params, {"a": [1]}, study.retries)
    assert (twin.study_name, twin.seed, twin.direction, repr(twin)) == ("s", 0, "maximize", repr(study))
    twin.optimize(objective, n_trials=3)
    assert len(twin.trials) == 8
    assert len(study.trials) == (5 if store is None else 8), "a stored study is one, however many objects hold it"
    study.optimize(objective, n_trials=3)
    if store is None:
        assert [t.params for t in study.trials] == [t.params for t in twin.trials], "both go on in the same way"


@pytest.mark.parametrize("sampler", sorted(registry.names("samplers")))
def test_with_every_sampler(sampler: str) -> None:
    space = {"x": Float(0, 1, step=0.1), "c": [1, 2]}
    study = ts.create_study(seed=0, sampler=sampler, space=space)
    study.optimize(lambda p: p["x"], n_trials=6, space=space)
    twin = pickle.loads(pickle.dumps(study))
    for each in (study, twin):
        each.optimize(lambda p: p["x"], n_trials=2, space=space)
    assert [t.params for t in twin.trials] == [t.params for t in study.trials]


def test_a_running_trial_is_told_by_another_process(tmp_path: Path) -> None:
    study = ts.create_study(storage=tmp_path / "tune.db", seed=0)
    trial = study.ask()
    trial.suggest_float("x", 0, 1)
    trial.set_user_attr("here", 1)
    twin, same = pickle.loads(pickle.dumps((study, trial)))
    same.set_user_attr("there", 2)
    twin.tell(same, 1.0)
    (found,) = study.trials
    assert (found.value, found.params, found.user_attrs) == (1.0, trial.params, {"here": 1, "there": 2})


# -- objectives that cannot be pickled -----------------------------------------------------------------------------

LOCK = threading.Lock()


def guarded(trial: ts.Trial, guard: Any) -> float:
    return 1.0


def uses_a_global(trial: ts.Trial) -> float:
    with LOCK:
        return 1.0


uses_a_global.__module__ = "__main__"  # as in a script, whose functions are sent by value


class Model:
    def __init__(self) -> None:
        self.data = {"file": threading.Lock()}

    def __call__(self, trial: ts.Trial) -> float:
        return 1.0

    def train(self, trial: ts.Trial) -> float:
        return 1.0


def closures() -> dict[str, tuple[Callable[..., float], str]]:
    lock = threading.Lock()
    model = Model()
    config = {"locks": [1, lock]}
    study = ts.create_study(study_name="mine")

    def plain(trial: ts.Trial) -> float:
        return float(lock.locked())

    def deep(trial: ts.Trial) -> float:
        return len(config)

    def with_default(trial: ts.Trial, guard: Any = lock) -> float:
        return 1.0

    def with_study(trial: ts.Trial) -> float:
        return study.best_value

    return {
        "closure": (plain, "the variable 'lock' is a _thread.lock"),
        "deep": (deep, r"an item \(1\) of the entry 'locks' of the variable 'config' is a _thread.lock"),
        "default": (with_default, "a default of the function 'with_default' is a _thread.lock"),
        "global": (uses_a_global, "the variable 'LOCK' is a _thread.lock"),
        "partial": (functools.partial(guarded, guard=lock), "the argument 'guard' of a partial is a _thread.lock"),
        "method": (
            model.train,
            "the entry 'file' of the attribute 'data' of the object of the method 'train' is a _thread.lock",
        ),
        "object": (model, "the entry 'file' of the attribute 'data' is a _thread.lock"),
        "study": (
            with_study,
            r"the variable 'study' is a tunesmith.study.study.Study: Study\('mine'.*a MemoryStorage lives in",
        ),
    }


@pytest.mark.parametrize("case", ["closure", "deep", "default", "global", "partial", "method", "object", "study"])
def test_an_objective_that_cannot_be_pickled_names_the_variable(case: str) -> None:
    fn, words = closures()[case]
    with pytest.raises(ts.ObjectiveError, match=words):
        ProcessExecutor(jobs=2).open(fn, None)


def test_a_stored_study_may_be_used_by_an_objective_in_a_worker(tmp_path: Path) -> None:
    study = ts.create_study(storage=tmp_path / "tune.db", study_name="s", seed=0)
    study.set_user_attr("offset", 10.0)
    study.optimize(lambda t: study.user_attrs["offset"] + t.number, n_trials=2, n_jobs=2)
    assert sorted(t.value for t in study.trials) == [10.0, 11.0]


def test_a_trial_that_was_pickled_under_a_former_name_of_a_field_is_read() -> None:
    """What a sampler writes with a trial was called `tag` in 0.1."""
    trial = ts.create_trial(params={"x": 0.5}, distributions={"x": Float(0, 1)}, value=1.0)
    trial.sampler_state = 7
    _, fields = trial.__reduce_ex__(2)[2]
    fields["tag"] = fields.pop("sampler_state")
    old = ts.FrozenTrial.__new__(ts.FrozenTrial)
    old.__setstate__((None, fields))
    assert (old.sampler_state, old.params, old.value) == (7, {"x": 0.5}, 1.0)
