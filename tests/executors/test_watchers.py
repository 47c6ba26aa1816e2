"""Threads that watch: one that dies ends the search with its reason, and none is stopped by a limit far away."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

import tunesmith as ts
from tunesmith.executors.limits import WATCHDOG, Watchdog
from tunesmith.foundation import threads as beside
from tunesmith.foundation.states import FailureKind
from tunesmith.storage.memory import MemoryStorage
from tunesmith.study.engine.recovery import keep_beating

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # it is printed, too


@pytest.fixture(autouse=True)
def nothing_died() -> Iterator[None]:
    yield
    assert not beside.ERRORS_OF_THREADS, "the search has told it"


def slow(trial: ts.Trial) -> float:
    time.sleep(60)
    return 1.0


class Boom:
    """What nobody foresaw."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        self.calls += 1
        raise ZeroDivisionError("boom")


def ends_with(words: str, **options: Any) -> ts.Study:
    study = ts.create_study(seed=0, sampler="random")
    with pytest.raises(RuntimeError, match=rf"the thread '{words}.*ZeroDivisionError: boom") as caught:
        study.optimize(slow, n_trials=2, **options)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    return study


def test_limits_that_hold_no_more_end_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watchdog, "_look_at_memory", Boom())
    study = ends_with("tunesmith-limits' died, so the limits of trials hold no more", memory_per_trial="200MB")
    monkeypatch.undo()
    assert [t.state.name for t in study.trials] == ["WAITING"], "it is run again"
    study.optimize(lambda trial: 1.0, n_trials=1, timeout_per_trial=30)
    assert study.trials[0].value == 1.0


def test_what_trials_print_is_not_read_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunesmith.executors.launch.Output._follow", Boom())
    ends_with("tunesmith-output' died, so what trials print is not read", timeout_per_trial=100)


def test_a_pool_whose_tasks_do_not_hear_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunesmith.executors.folder.DriversFolder._beat", Boom())
    ends_with("tunesmith-beats' died, so tasks on other machines take this process for dead", executor="futures")


def test_no_signs_of_life_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = MemoryStorage()
    monkeypatch.setattr(type(storage), "shared", True)
    beat, calls = storage.beat, []

    def once(worker: str) -> None:
        calls.append(worker)
        if len(calls) > 1:
            raise ZeroDivisionError("boom")
        beat(worker)

    monkeypatch.setattr(storage, "beat", once)
    monkeypatch.setattr(type(storage.lease), "beat", 0.01, raising=False)
    keep_beating(storage, "me:1")
    study = ts.create_study(seed=0, sampler="random")
    with pytest.raises(RuntimeError, match="'tunesmith-heart-me' died, so others take this process for dead"):
        study.optimize(slow, n_trials=1, n_jobs=2)


def test_a_block_that_a_thread_works_beside_ends_with_its_error() -> None:
    done = []
    words = "'it' died, so nobody looks: ZeroDivisionError"
    with pytest.raises(RuntimeError, match=words), beside.beside(Boom(), "it", "nobody looks"):
        done.append(1)
    assert done == [1]
    with pytest.raises(KeyError), beside.beside(lambda over: None, "it", "nobody looks"):
        raise KeyError


class Group:
    pid = -7

    def __init__(self) -> None:
        self.asked = threading.Event()

    def ask_to_end(self) -> None:
        self.asked.set()

    def kill(self) -> None:
        pass


@pytest.mark.parametrize("seconds", [1e12, 1e300])
def test_a_limit_that_is_far_away_leaves_the_others(seconds: float) -> None:
    far, near = Group(), Group()
    near.pid = -8
    watchdog = Watchdog()
    watchdog.watch(far, limit=seconds, left=None, memory=None, grace=1)
    time.sleep(0.05)  # it waits now, for as long as a thread can
    watchdog.watch(near, limit=0.01, left=None, memory=None, grace=1)
    assert near.asked.wait(30)
    assert watchdog.forget(near) == (FailureKind.TIMEOUT, "the trial ran longer than its limit of 0.01 s")
    assert watchdog.forget(far) is None


def test_a_far_limit_of_time_leaves_that_of_the_memory() -> None:
    study = ts.create_study(seed=0, sampler="random")

    def eats(trial: ts.Trial) -> float:
        held = bytearray(400_000_000)
        held[::4096] = b"x" * len(held[::4096])
        time.sleep(60)
        return 1.0

    study.optimize(eats, n_trials=1, timeout_per_trial=1e12, memory_per_trial="200MB")
    assert study.trials[0].failure is FailureKind.OOM
    assert WATCHDOG._watched == {}
