"""Ctrl-C in the midst of what a study notes of a trial: nothing is half done, and no trial is forgotten."""

from __future__ import annotations

import pickle
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import tunesmith as ts
from tunesmith import TrialState
from tunesmith.foundation.preemption import Terminated
from tunesmith.history import History
from tunesmith.storage.memory import MemoryStorage
from tunesmith.storage.sql import SQLStorage
from tunesmith.study.engine.loop import OPEN, SHIELDED, reraise_lost_interrupts, sigterm_raises

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


def interrupt() -> None:
    """Send SIGINT, and let Python act on it before it goes on.

    While other threads run (those of Dask, say, from an earlier test), it notices a signal only when the interpreter's
    lock changes hands; a search of some trials would have ended by then.
    """
    signal.raise_signal(signal.SIGINT)
    time.sleep(0.001)


def interrupted(base: type[Any], times: int = 1) -> type[Any]:
    class Interrupted(base):  # type: ignore[misc]
        """Gets SIGINT as soon as a method has done its work."""

        after = ""

        def _done(self, name: str) -> None:
            if name == self.after:
                self.after = ""
                for _ in range(times):
                    interrupt()

        def claim(self, *args: Any) -> Any:
            claim = super().claim(*args)
            self._done("claim")
            return claim

        def start(self, *args: Any) -> Any:
            version = super().start(*args)
            self._done("start")
            return version

        def finish(self, *args: Any) -> Any:
            done = super().finish(*args)
            self._done("finish")
            return done

        def read_since(self, *args: Any) -> Any:
            new = super().read_since(*args)
            self._done("read_since")
            return new

    return Interrupted


@pytest.fixture(params=["memory", "sqlite"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return interrupted(MemoryStorage)() if request.param == "memory" else interrupted(SQLStorage)(tmp_path / "a.db")


def objective(trial: ts.Trial) -> float:
    return trial.suggest_float("x", 0, 1)


def whole(study: ts.Study, n: int) -> None:
    """No trial is running still, and the next search runs all that wait; the history has each of them once."""
    assert TrialState.RUNNING not in {t.state for t in study.trials}
    study.optimize(objective, n_trials=n - sum(t.state is TrialState.COMPLETE for t in study.trials))
    assert [(t.number, t.state) for t in study.trials] == [(k, TrialState.COMPLETE) for k in range(n)]
    assert sorted(study.history.number.tolist()) == list(range(n))
    assert not study.live


@pytest.mark.parametrize("sampler", ["random", "nsga2"])
@pytest.mark.parametrize("after", ["claim", "start", "finish", "read_since"])
def test_an_interrupt_after_a_step_of_the_storage(storage: Any, after: str, sampler: str) -> None:
    study = ts.create_study(storage=storage, seed=0, sampler=sampler)
    study.optimize(objective, n_trials=2)
    for k in range(3):
        study.enqueue_trial({"x": k / 4})  # so that a claim takes one that waits
    storage.after = after
    with pytest.raises(KeyboardInterrupt):
        study.optimize(objective, n_trials=4)
    whole(study, 6)
    assert [t.params["x"] for t in study.trials[2:5]] == [0.0, 0.25, 0.5]


@pytest.mark.parametrize("method", ["append", "begin", "extend"])
def test_an_interrupt_while_the_history_grows(storage: Any, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    study = ts.create_study(storage=storage, seed=0, sampler="random")
    study.optimize(objective, n_trials=2)
    study.add_trials(study.trials)  # to be read in the next search
    real = getattr(History, method)

    def cut(self: History, *args: Any, **named: Any) -> None:
        real(self, *args, **named)
        monkeypatch.undo()
        interrupt()

    monkeypatch.setattr(History, method, cut)
    with pytest.raises(KeyboardInterrupt):
        study.optimize(objective, n_trials=3)
    whole(study, 7)


def test_a_second_interrupt_does_not_wait(tmp_path: Path) -> None:
    storage = interrupted(MemoryStorage, times=2)()
    study = ts.create_study(storage=storage, seed=0, sampler="random")
    storage.after = "start"
    seen = []
    with pytest.raises(KeyboardInterrupt):
        study.optimize(lambda trial: seen.append(trial.number) or 1.0, n_trials=3)  # type: ignore[func-returns-value]
    assert not seen


def test_an_interrupt_at_the_very_end_of_a_search_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    study = ts.create_study(seed=0, sampler="random")
    real = History.append

    def cut(self: History, *args: Any, **named: Any) -> None:
        real(self, *args, **named)
        interrupt()

    monkeypatch.setattr(History, "append", cut)
    with pytest.raises(KeyboardInterrupt):
        study.optimize(objective, n_trials=1)
    assert [t.state for t in study.trials] == [TrialState.COMPLETE]


@pytest.mark.parametrize(("number", "kind"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)])
def test_an_interrupt_that_python_drops_ends_the_objective(number: int, kind: type[BaseException]) -> None:
    """While garbage is collected, finalisers run, and what is raised in one can only be printed."""

    class Garbage:
        def __del__(self) -> None:
            signal.raise_signal(number)

    def train(trial: ts.Trial) -> float:
        garbage = Garbage()
        del garbage
        time.sleep(60)
        return 1.0

    study = ts.create_study(seed=0, sampler="random")
    with sigterm_raises(), pytest.raises(kind):
        study.optimize(train, n_trials=2)
    assert [t.state for t in study.trials] == [TrialState.WAITING]


def test_handlers_are_as_before() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    ts.create_study(seed=0, sampler="random").optimize(objective, n_trials=1)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_handler_that_a_library_puts_back_after_the_search_swallows_no_interrupt() -> None:
    """Ray and others keep the handler that they find and install it again later, when that search is over."""
    kept = []
    before = signal.getsignal(signal.SIGINT)
    study = ts.create_study(seed=0, sampler="random")
    study.optimize(lambda trial: kept.append(signal.getsignal(signal.SIGINT)) or 1.0, n_trials=1)  # type: ignore[func-returns-value]
    storage = interrupted(MemoryStorage)()
    storage.after = "claim"
    signal.signal(signal.SIGINT, kept[0])
    try:
        with pytest.raises(KeyboardInterrupt):
            ts.create_study(seed=0, sampler="random", storage=storage).optimize(objective, n_trials=4)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_handler_of_a_search_that_never_ended_swallows_no_interrupt() -> None:
    """It may delay an interrupt, but not one that the search at work has delayed already."""
    before = signal.getsignal(signal.SIGINT)
    storage = interrupted(MemoryStorage)()
    storage.after = "claim"
    study = ts.create_study(seed=0, sampler="random", storage=storage)
    abandoned = reraise_lost_interrupts(SHIELDED, OPEN)
    abandoned.__enter__()
    try:
        with pytest.raises(KeyboardInterrupt):
            study.optimize(objective, n_trials=4)
    finally:
        signal.signal(signal.SIGINT, before)
        abandoned.__exit__(None, None, None)


def test_what_the_driver_never_heard_of_comes_with_the_end(tmp_path: Path) -> None:
    """An interrupt came between a worker's message and its place in the study; the worker's own record is whole."""
    study = ts.create_study(seed=0, sampler="random", storage=tmp_path / "a.db")
    own = study.ask()
    sent: ts.Trial = pickle.loads(pickle.dumps(own))
    own.report(0.5, 0)
    own.set_user_attr("a", 1)
    for trial_has, value in (("a", 1), ("b", [2])):
        sent.set_user_attr(trial_has, value)
    sent.report(0.5, 0)
    sent.report(0.25, 1)
    sent.link.take_unsent(own.link)
    study.tell(sent, 1.0)
    assert study.trials[0].reports == {0: 0.5, 1: 0.25}
    assert study.trials[0].user_attrs == {"a": 1, "b": [2]}
