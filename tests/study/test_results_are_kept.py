"""A finished training run is never lost: whatever it returned, raised or noted becomes a stored end of its trial."""

from __future__ import annotations

import math
import os
import re
import signal
import subprocess
import sys
from collections import Counter, OrderedDict, namedtuple
from collections.abc import Callable, Iterator
from enum import IntEnum, StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tunesmith as ts
import tunesmith.foundation.storable
from tunesmith import TrialState
from tunesmith.executors.base import Finished
from tunesmith.executors.inline import InlineExecutor
from tunesmith.foundation.storable import storable
from tunesmith.storage.memory import MemoryStorage

Point = namedtuple("Point", "x y")
COMPLETE, FAIL = TrialState.COMPLETE, TrialState.FAIL


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return None if request.param == "memory" else tmp_path / "tune.db"


class Level(IntEnum):
    LOW = 1


class Word(StrEnum):
    GOOD = "good"


KEPT: list[tuple[Any, Any]] = [
    ({0: 0.5, 1: 0.25}, {"0": 0.5, "1": 0.25}),
    ((3, 4), [3, 4]),
    (OrderedDict(b=1, a=(2,)), {"b": 1, "a": [2]}),
    (Counter("aab"), {"a": 2, "b": 1}),
    (MappingProxyType({"a": 1}), {"a": 1}),
    (Point(1, [2]), [1, [2]]),
    (
        {None: 1, True: 2, 1.5: 3, np.int64(7): 4, np.float32(0.5): 5},
        {"null": 1, "true": 2, "1.5": 3, "7": 4, "0.5": 5},
    ),
    (np.float32(0.5), 0.5),
    (np.int8(3), 3),
    (np.bool_(True), True),
    (np.arange(6).reshape(2, 3), [[0, 1, 2], [3, 4, 5]]),
    (np.array(2.5), 2.5),
    (np.array(["a", None], object), ["a", None]),
    ([np.float64(1.0), (np.uint8(2),)], [1.0, [2]]),
    (Level.LOW, 1),
    ({Level.LOW: Word.GOOD}, {"1": "good"}),
    ([math.inf, -0.0], [math.inf, -0.0]),
    (10**600, 10**600),
    ("\0 \ud800 🦊", "\0 \ud800 🦊"),
]


@pytest.mark.parametrize(("value", "kept"), KEPT, ids=lambda v: repr(v)[:30])
def test_an_attribute_is_the_same_in_memory_and_in_a_file(store: Path | None, value: Any, kept: Any) -> None:
    def objective(trial: ts.Trial) -> float:
        trial.set_user_attr("note", value)
        assert repr(trial.user_attrs["note"]) == repr(kept)
        return 1.0

    study = ts.create_study(storage=store, study_name="a", seed=0)
    study.set_user_attr("note", value)
    study.enqueue_trial({}, user_attrs={"asked": value})
    study.add_trial(ts.create_trial(value=2.0, user_attrs={"note": value}))
    study.add_trial(ts.FrozenTrial(-1, COMPLETE, values=(2.0,), user={"note": value}))
    study.optimize(objective, n_trials=1)
    if store is not None:
        study = ts.load_study(study_name="a", storage=store)
    first, *added = study.trials
    seen = [study.user_attrs["note"], first.user_attrs["asked"], *(t.user_attrs["note"] for t in (first, *added))]
    assert {repr(one) for one in seen} == {repr(kept)}
    assert all(type(one) is type(kept) for one in seen)


class RaisesOnRead(dict[str, int]):
    def __iter__(self) -> Iterator[str]:
        raise OSError("gone")


def nested(depth: int) -> list[Any]:
    return [nested(depth - 1)] if depth else []


def recursive() -> list[Any]:
    items: list[Any] = []
    items.append(items)
    return items


def bomb() -> list[Any]:
    """A few lists that stand for 2**60 items."""
    items: list[Any] = [1]
    for _ in range(60):
        items = [items, items]
    return items


REFUSED: list[tuple[Any, str]] = [
    (object(), "type object"),
    ({1, 2}, "type set cannot be kept .make it a list"),
    (b"x", "type bytes"),
    (1j, "type complex"),
    (np.complex128(1), "type complex128"),
    (np.datetime64("2026-01-01"), "type datetime64"),
    (np.array(["2026-01-01"], "M8[D]"), "array of datetime64"),
    ({"a": [object()]}, "type object"),
    ({(1, 2): 3}, r"dict key \(1, 2\)"),
    ({1: "a", "1": "b"}, "same text '1'"),
    (recursive(), "contains itself"),
    (nested(150), "more than 100 levels"),
    (bomb(), "items"),
    (10**5000, "600 digits"),
    ({10**5000: 1}, "600 digits"),
    (RaisesOnRead(a=1), "OSError: gone"),
]


@pytest.mark.parametrize(("value", "words"), REFUSED, ids=lambda v: type(v).__name__)
def test_what_cannot_be_kept_is_refused_where_it_is_set(
    store: Path | None, value: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tunesmith.foundation.storable, "MOST_STORED_ITEMS", 1000)
    trained: list[int] = []

    def objective(trial: ts.Trial) -> float:
        trial.set_user_attr("note", value)
        trained.append(trial.number)
        return 1.0

    study = ts.create_study(storage=store, seed=0)
    for refuse in (
        lambda: study.set_user_attr("note", value),
        lambda: study.enqueue_trial({}, user_attrs={"note": value}),
        lambda: ts.create_trial(value=1.0, user_attrs={"note": value}),
        lambda: study.add_trial(ts.FrozenTrial(-1, COMPLETE, values=(1.0,), user={"note": value})),
    ):
        with pytest.raises(ValueError, match=words):
            refuse()
    assert study.trials == []
    study.optimize(objective, n_trials=2, catch=ValueError)
    assert trained == []
    assert [t.state for t in study.trials] == [FAIL] * 2
    assert "attribute 'note'" in str(study.trials[0].reason)


@pytest.mark.parametrize("key", ["", "a\0b", 3, None, "\ud800"])
def test_a_key_is_text(store: Path | None, key: Any) -> None:
    study = ts.create_study(storage=store)
    trial = study.ask()
    for holder in (study, trial):
        with pytest.raises(ValueError, match="an attribute's name must be"):
            holder.set_user_attr(key, 1)
    with pytest.raises(ValueError, match="an attribute's name must be"):
        study.enqueue_trial({}, user_attrs={key: 1})


def test_what_is_changed_later_does_not_change_what_was_noted(store: Path | None) -> None:
    history = [0.5]
    study = ts.create_study(storage=store, seed=0)
    study.set_user_attr("history", history)
    study.enqueue_trial({}, user_attrs={"history": history})
    trial = study.ask()
    trial.set_user_attr("own", history)
    history.append(0.25)
    done = study.tell(trial, 1.0)
    history.append(0.125)
    assert done.user_attrs == study.trials[0].user_attrs == {"history": [0.5], "own": [0.5]}
    assert study.user_attrs == {"history": [0.5]}


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner),
        max_leaves=20,
    )
)
def test_what_is_storable_once_stays_as_it_is(value: Any) -> None:
    try:
        kept = storable("k", value)
    except ValueError:
        return  # two keys that become the same text
    assert repr(storable("k", kept)) == repr(kept)


# -- results and errors that are hostile ---------------------------------------------------------------------------


class Hostile:
    """Every question that one may ask it raises."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    def __float__(self) -> float:
        raise OSError("no float")


class Endless:
    def __iter__(self) -> Iterator[int]:
        return iter(int, 1)


class BadIterator:
    def __iter__(self) -> Iterator[float]:
        raise OSError("no iterator")


class BadShape:
    @property
    def ndim(self) -> int:
        raise OSError("no shape")


class Wordless(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Loud(BaseException):
    """No Exception, as the time-outs of some libraries are."""


def raises(error: BaseException) -> Callable[[ts.Trial], float]:
    def objective(trial: ts.Trial) -> float:
        raise error

    return objective


def reports(value: Any, step: Any) -> Callable[[ts.Trial], float]:
    def objective(trial: ts.Trial) -> float:
        trial.report(value, step)
        return 1.0

    return objective


ENDS: dict[str, tuple[Callable[[ts.Trial], Any], str]] = {
    "10**400": (lambda t: 10**400, "too large"),
    "10**5000": (lambda t: 10**5000, "too large"),
    "__float__": (lambda t: Hostile(), "OSError: no float"),
    "__repr__": (lambda t: [Hostile(), 2], r"2 values \(<list, whose repr raises RuntimeError>"),
    "__iter__": (lambda t: [BadIterator()], "BadIterator"),
    "ndim": (lambda t: BadShape(), "OSError: no shape"),
    "__str__": (raises(Wordless()), "Wordless: .its message cannot be read"),
    "NUL": (raises(ValueError("a\0b")), "ValueError: a"),
    "5 MB": (raises(ValueError("a" * 5_000_000)), "characters left out"),
    "step": (reports(1.0, 2**63), "less than 2.*63"),
    "report": (reports(10**400, 1), "takes a number"),
    "hostile report": (reports(Hostile(), 1), "no float"),
    "exit": (lambda t: sys.exit(), r"called sys.exit\(\)"),
    "exit code": (lambda t: sys.exit(3), r"called sys.exit\(3\)"),
}


@pytest.mark.parametrize(("objective", "words"), ENDS.values(), ids=ENDS)
def test_a_hostile_end_is_a_failure_with_its_reason(
    store: Path | None, objective: Callable[[ts.Trial], Any], words: str
) -> None:
    study = ts.create_study(storage=store, seed=0)
    study.optimize(objective, n_trials=2, catch=Exception)
    assert [t.state for t in study.trials] == [FAIL] * 2
    assert all(t.reason and len(t.reason) < 20_000 for t in study.trials)
    assert re.search(words, str(study.trials[0].reason))
    with pytest.raises(Exception):  # noqa: B017, PT011 - of whatever kind: the words of some cannot be read
        study.optimize(objective, n_trials=5)
    assert [t.state for t in study.trials] == [FAIL] * 3, "the first one without catch= ends the search"


@pytest.mark.parametrize("result", [Endless(), BadIterator(), Hostile(), [1.0], [1.0, Hostile()], [1.0, 10**400]])
def test_hostile_results_of_two_objectives(store: Path | None, result: Any) -> None:
    study = ts.create_study(storage=store, directions=["minimize"] * 2, seed=0)
    assert study.tell(study.ask(), result).state is FAIL


@pytest.mark.parametrize("jobs", [1, 2])
def test_sys_exit_means_the_same_with_one_job_and_two(jobs: int) -> None:
    def objective(trial: ts.Trial) -> float:
        if trial.number == 1:
            sys.exit("no data")
        return 1.0

    study = ts.create_study(seed=0)
    study.optimize(objective, n_trials=4, n_jobs=jobs, catch=ts.ObjectiveError)
    assert [t.state for t in study.trials] == [COMPLETE, FAIL, COMPLETE, COMPLETE]
    assert "called sys.exit('no data')" in str(study.trials[1].reason)
    study = ts.create_study(seed=0)
    with pytest.raises(ts.ObjectiveError, match="no data"):
        study.optimize(objective, n_trials=4, n_jobs=jobs)
    assert study.trials[1].state is FAIL


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_no_catch_can_name_ends_the_search_and_is_a_failure(jobs: int) -> None:
    study = ts.create_study(seed=0)
    with pytest.raises(Loud):
        study.optimize(raises(Loud("late")), n_trials=3, n_jobs=jobs, catch=Exception)
    assert study.trials[0].state is FAIL
    assert "Loud: late" in str(study.trials[0].reason)


def test_the_programs_own_signal_handler_may_exit() -> None:
    """Its SystemExit is meant for the program; the trial waits to be run again."""

    def objective(trial: ts.Trial) -> float:
        os.kill(os.getpid(), signal.SIGUSR1)
        return 1.0

    before = signal.signal(signal.SIGUSR1, lambda *_: sys.exit(7))
    study = ts.create_study(seed=0)
    try:
        with pytest.raises(SystemExit):
            study.optimize(objective, n_trials=2, catch=Exception)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert [t.state for t in study.trials] == [TrialState.WAITING]


def test_warnings_that_raise_do_not_cost_a_result() -> None:
    program = """
import tunesmith as ts
study = ts.create_study(seed=0)
study.enqueue_trial({"unused": 1})
try:
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=1)
except UserWarning as error:
    print(error)
print([t.state.name for t in study.trials])
"""
    ran = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    assert "never asked for" in ran.stdout
    assert "['COMPLETE']" in ran.stdout


class Picky(MemoryStorage):
    """Refuses what it does not like, as a storage of somebody's own may."""

    def __init__(self, dislikes: str) -> None:
        super().__init__()
        self.dislikes = dislikes

    def finish(self, study_id: int, trial: ts.FrozenTrial) -> tuple[int, int] | None:
        if getattr(trial, self.dislikes):
            raise OverflowError("too much")
        return super().finish(study_id, trial)


def test_the_value_is_kept_without_what_the_storage_cannot_keep() -> None:
    study = ts.create_study(storage=Picky("user"), seed=0)
    trial = study.ask()
    trial.link.connect(None)  # notes come with the end
    trial.set_user_attr("a", 1)
    with pytest.warns(UserWarning, match="cannot keep its attributes and reports: OverflowError: too much"):
        assert study.tell(trial, 2.0).value == 2.0
    assert study.best_value == 2.0
    study = ts.create_study(storage=Picky("values"), seed=0)
    with pytest.warns(UserWarning, match="cannot keep its result: OverflowError"):
        done = study.tell(study.ask(), 2.0)
    assert (done.state, done.values) == (FAIL, None)
    assert "OverflowError: too much" in str(done.reason)
    assert len(study.history) == 1


def test_two_results_are_told_though_the_first_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that cannot be recorded costs no other one its result."""

    class Broken(MemoryStorage):
        def finish(self, study_id: int, trial: ts.FrozenTrial) -> tuple[int, int] | None:
            if trial.number == 0 and not interrupted:
                interrupted.append(True)
                raise KeyboardInterrupt
            return super().finish(study_id, trial)

    class AllAtOnce(InlineExecutor):
        capacity = 3  # type: ignore[assignment]  # a property of the base
        trials: list[ts.Trial] = []  # noqa: RUF012 - replaced, not changed

        def submit(self, trial: ts.Trial) -> None:
            self.trials = [*self.trials, trial]

        def poll(self, timeout: float | None = None) -> list[Any]:
            trials, self.trials = self.trials, []
            return [Finished(trial, self._objective(trial)) for trial in trials]

    interrupted: list[bool] = []
    study = ts.create_study(storage=Broken(), seed=0)
    with pytest.raises(KeyboardInterrupt):
        study.optimize(lambda trial: float(trial.number), n_trials=3, executor=AllAtOnce())
    assert [t.values for t in study.trials] == [(0.0,), (1.0,), (2.0,)]
