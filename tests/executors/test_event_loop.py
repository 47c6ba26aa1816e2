"""Coroutines many at a time, threads, and searches that are awaited: nothing blocks, and nothing is lost or left."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import math
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

import tunesmith as ts
from tunesmith import TrialState
from tunesmith.executors import AsyncioExecutor, InlineExecutor, ProcessExecutor, ThreadExecutor
from tunesmith.foundation.states import FailureKind
from tunesmith.study.optimize import choose_executor

HANG = 60.0  # seconds


def names() -> set[str]:
    return {t.name for t in threading.enumerate() if t.name.startswith("tunesmith-") and "heart" not in t.name}


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    before = names()
    yield
    end = time.monotonic() + HANG
    while names() - before:
        assert time.monotonic() < end, names()
        time.sleep(0.01)


async def one(trial: ts.Trial) -> float:
    await asyncio.sleep(0)
    return trial.suggest_float("x", 0, 1)


class Called:
    async def __call__(self, trial: ts.Trial) -> float:
        return await one(trial)


@functools.wraps(one)
def decorated(trial: ts.Trial) -> Any:
    return one(trial)


@pytest.mark.parametrize("objective", [one, Called(), functools.partial(one), decorated, lambda trial: one(trial)])
@pytest.mark.parametrize("executor", [None, "inline", "asyncio", "threads", "processes"])
def test_coroutines_of_every_form_run_everywhere(objective: Any, executor: str | None) -> None:
    study = ts.create_study(sampler="random", seed=0)
    study.optimize(objective, n_trials=3, executor=executor)
    assert [t.state for t in study.trials] == [TrialState.COMPLETE] * 3


def test_what_runs_coroutines() -> None:
    assert isinstance(choose_executor(None, None, runs_async=True), AsyncioExecutor)
    assert choose_executor(None, 5, 1.0, runs_async=True).capacity == 5
    assert isinstance(choose_executor(None, 5, None, 10**9, True), ProcessExecutor)
    assert isinstance(choose_executor("inline", None, runs_async=True), InlineExecutor)
    with pytest.raises(ValueError, match="memory_per_trial= has no effect"):
        choose_executor("asyncio", 2, None, 10**9, True)
    with pytest.raises(ValueError, match=r"memory_limit: the executor .* has no limit for each; use 'processes'"):
        ThreadExecutor(memory_limit=10**9)


def test_as_many_as_n_jobs_wait_at_once_in_one_loop() -> None:
    running, most, loops = 0, 0, set()

    async def objective(trial: ts.Trial) -> float:
        nonlocal running, most
        running += 1
        most = max(most, running)
        loops.add(id(asyncio.get_running_loop()))
        while trial.number < 20 and most < 20:  # until all of them are there
            await asyncio.sleep(0.001)
        running -= 1
        return trial.suggest_float("x", 0, 1)

    study = ts.create_study(sampler="random", seed=0)
    study.optimize(objective, n_trials=60, n_jobs=20)
    assert most == 20
    assert len(loops) == 1
    assert len(study.trials) == 60


def reporting(trial: ts.Trial) -> Iterator[float]:
    x = trial.suggest_float("x", 0, 1)
    for epoch in range(4):
        yield x / (epoch + 1)


async def reporting_async(trial: ts.Trial) -> AsyncIterator[float]:
    for value in reporting(trial):
        await asyncio.sleep(0)
        yield value


async def learning(trial: ts.Trial) -> float:
    for epoch, value in enumerate(reporting(trial)):
        await asyncio.sleep(0)
        trial.report(value, epoch)
        if trial.should_prune():
            raise ts.TrialPruned
    return value


@pytest.mark.parametrize("sampler", ["random", "tpe", "gp"])
@pytest.mark.parametrize(
    ("objective", "executor"),
    [(reporting_async, None), (learning, None), (reporting, "threads"), (reporting_async, "inline")],
)
def test_one_at_a_time_is_the_search_of_inline(objective: Any, executor: str | None, sampler: str) -> None:
    def searched(objective: Any, executor: str | None) -> Any:
        study = ts.create_study(sampler=sampler, pruner="median", seed=4)
        study.optimize(objective, n_trials=16, executor=executor, n_jobs=1)
        return [(t.params, t.state, t.values, t.reports) for t in study.trials]

    assert searched(objective, executor) == searched(reporting, "inline")


def test_a_search_that_is_interrupted_and_run_again_is_the_same(tmp_path: Path) -> None:
    def study(name: str) -> ts.Study:
        return ts.create_study(
            storage=tmp_path / f"{name}.db", study_name="s", sampler="tpe", seed=4, load_if_exists=True
        )

    study("a").optimize(reporting_async, n_trials=16)

    class Stopped(BaseException):
        pass

    def stop(_: ts.Study, trial: Any) -> None:
        if trial.number == 6:
            raise Stopped

    with pytest.raises(Stopped):
        study("b").optimize(reporting_async, n_trials=16, callbacks=[stop])
    study("b").optimize(reporting_async, n_trials_total=16)
    assert [(t.params, t.values) for t in study("a").trials] == [(t.params, t.values) for t in study("b").trials]


@pytest.mark.parametrize("objective", [reporting, reporting_async])
def test_two_objectives_and_metrics_by_name(objective: Any) -> None:
    async def two(trial: ts.Trial) -> AsyncIterator[Any]:
        x = trial.suggest_float("x", 0, 1)
        yield (x, 1 - x)
        yield [x / 2, 1 - x], 7

    study = ts.create_study(directions=["minimize", "minimize"], sampler="random", seed=0)
    study.optimize(two, n_trials=2)
    assert [list(t.reports) for t in study.trials] == [[0, 7], [0, 7]]
    assert study.trials[0].values == (study.trials[0].params["x"] / 2, 1 - study.trials[0].params["x"])


def test_what_is_wrong_with_a_report_is_raised_at_its_yield() -> None:
    heard: list[str] = []

    def objective(trial: ts.Trial) -> Iterator[Any]:
        try:
            yield "text"
        except TypeError as error:
            heard.append(str(error))
        yield 2.0

    study = ts.create_study(sampler="random", seed=0)
    study.optimize(objective, n_trials=1)
    assert "takes a number and an integer step" in heard[0]
    assert study.best_value == 2.0


@pytest.mark.parametrize("executor", ["inline", "asyncio", "threads"])
def test_nan_and_errors_end_as_elsewhere(executor: str) -> None:
    async def objective(trial: ts.Trial) -> float:
        if trial.number == 1:
            raise LookupError("nothing")
        return math.nan if trial.number == 0 else 1.0

    study = ts.create_study(sampler="random", seed=0)
    study.optimize(objective, n_trials=3, executor=executor, catch=LookupError)
    assert [t.failure for t in study.trials] == [FailureKind.NAN, FailureKind.RAISED, None]
    assert "in objective" in (study.trials[1].reason or "")
    with pytest.raises(LookupError):
        ts.create_study(seed=0).optimize(objective, n_trials=3, executor=executor)


def test_a_limit_of_time_cancels_and_what_is_saved_then_is_kept() -> None:
    async def objective(trial: ts.Trial) -> float:
        try:
            await asyncio.sleep(HANG if trial.number == 1 else 0)
        finally:
            await asyncio.sleep(0)
            trial.set_user_attr("saved", trial.number)
        return 1.0

    study = ts.create_study(sampler="random", seed=0)
    study.optimize(objective, n_trials=4, n_jobs=2, timeout_per_trial=0.2)
    slow = study.trials[1]
    assert (slow.state, slow.failure) == (TrialState.FAIL, FailureKind.TIMEOUT)
    assert slow.reason == "TimeoutError: the trial ran longer than its limit of 0.2 s"
    assert [t.user_attrs["saved"] for t in study.trials] == [0, 1, 2, 3]


@pytest.mark.parametrize("kind", [AsyncioExecutor, ThreadExecutor])
def test_limits_are_told_though_nothing_awaits(kind: type[ThreadExecutor]) -> None:
    goes_on = threading.Event()

    async def blocking(trial: ts.Trial) -> float:
        return plain(trial)

    def plain(trial: ts.Trial) -> float:
        if trial.number == 0:
            goes_on.wait(HANG)
        return 1.0

    study = ts.create_study(sampler="random", seed=0)
    executor = kind(jobs=1, time_limit=0.1, grace=0.1)
    try:
        if kind is AsyncioExecutor:
            with pytest.warns(UserWarning, match="a coroutine blocks the event loop"):
                study.optimize(blocking, n_trials=3, executor=executor)
        else:
            study.optimize(plain, n_trials=3, executor=executor)
    finally:
        goes_on.set()
    assert [t.failure for t in study.trials] == [FailureKind.TIMEOUT, None, None]


@pytest.mark.parametrize("objective", [one, lambda trial: trial.suggest_float("x", 0, 1)])
def test_context_variables_are_kept(objective: Any) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")
    seen: list[str] = []

    async def looks(trial: ts.Trial) -> float:
        seen.append(variable.get())
        return 1.0

    def looks_in_a_thread(trial: ts.Trial) -> float:
        seen.append(variable.get())
        return 1.0

    variable.set("mine")
    ts.create_study(seed=0).optimize(looks, n_trials=2)
    ts.create_study(seed=0).optimize(looks_in_a_thread, n_trials=2, executor="threads")
    assert seen == ["mine"] * 4


def test_an_awaited_thing_that_is_cancelled_fails_its_trial() -> None:
    async def objective(trial: ts.Trial) -> float:
        inner = asyncio.ensure_future(asyncio.sleep(HANG))
        inner.cancel()
        await inner
        return 1.0

    with pytest.raises(ts.errors.ObjectiveError, match="something that it awaited was cancelled"):
        ts.create_study(seed=0).optimize(objective, n_trials=1)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("executor", ["asyncio", "inline"])
def test_ctrl_c_cancels_and_gives_the_trials_back(executor: str) -> None:
    async def objective(trial: ts.Trial) -> float:
        try:
            if trial.number == 3:
                signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(HANG if trial.number > 2 else 0)
        finally:
            trial.set_user_attr("saved", True)
        return 1.0

    study = ts.create_study(sampler="random", seed=0)
    with pytest.raises(KeyboardInterrupt):
        study.optimize(objective, n_trials=6, n_jobs=None if executor == "inline" else 3, executor=executor)
    states = [t.state for t in study.trials]
    assert states[:3] == [TrialState.COMPLETE] * 3
    assert set(states[3:]) == {TrialState.WAITING}
    assert study.trials[3].user_attrs == {"saved": True}
    assert not study.running


# -- inside of an event loop that runs already -------------------------------------------------------------------------


@pytest.mark.parametrize("objective", [one, lambda trial: trial.suggest_float("x", 0, 1)])
def test_optimize_inside_of_a_running_event_loop(objective: Any) -> None:
    async def main() -> int:
        study = ts.create_study(sampler="random", seed=0)
        study.optimize(objective, n_trials=3)
        with pytest.raises(ts.errors.ObjectiveError, match=r"await study\.optimize_async"):
            study.optimize(decorated, n_trials=1, executor="inline")
        with pytest.raises(RuntimeError, match=r"would block the event loop.*optimize_async"):
            study.optimize(one, n_trials=1, executor=asyncio.get_running_loop())
        return len(study.trials)

    assert asyncio.run(main()) == 4


@pytest.mark.parametrize("stored", [False, True])
def test_optimize_async_runs_in_the_callers_loop_which_goes_on(stored: bool, tmp_path: Path) -> None:
    async def main() -> None:
        loop, ticks = asyncio.get_running_loop(), 0

        async def objective(trial: ts.Trial) -> AsyncIterator[float]:
            nonlocal ticks
            assert asyncio.get_running_loop() is loop
            for _ in range(3):
                before = ticks
                while ticks == before:  # until another task of the loop went on
                    await asyncio.sleep(0)
                yield trial.suggest_float("x", 0, 1)

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.001)

        ticking = asyncio.create_task(tick())
        study = ts.create_study(storage=tmp_path / "a.db" if stored else None, sampler="random", pruner="nop", seed=0)
        await study.optimize_async(objective, n_trials=12, n_jobs=4)
        ticking.cancel()
        assert [t.state for t in study.trials] == [TrialState.COMPLETE] * 12
        assert asyncio.all_tasks() <= {asyncio.current_task(), ticking}

    asyncio.run(main())


def test_optimize_async_that_is_cancelled_gives_the_trials_back() -> None:
    async def main() -> ts.Study:
        study = ts.create_study(sampler="random", seed=0)
        began = asyncio.Event()

        async def objective(trial: ts.Trial) -> float:
            if trial.number == 4:
                began.set()
            try:
                await asyncio.sleep(HANG if trial.number > 1 else 0)
            finally:
                trial.set_user_attr("saved", True)
            return 1.0

        search = asyncio.create_task(study.optimize_async(objective, n_trials=10, n_jobs=3))
        await began.wait()
        search.cancel()
        with pytest.raises(asyncio.CancelledError):
            await search
        assert len(asyncio.all_tasks()) == 1
        return study

    study = asyncio.run(main())
    assert [t.state for t in study.trials] == [TrialState.COMPLETE] * 2 + [TrialState.WAITING] * 3
    assert all(t.user_attrs == {"saved": True} for t in study.trials)
    assert not study.is_optimizing


def test_optimize_async_raises_what_optimize_raises() -> None:
    async def wrong(trial: ts.Trial) -> float:
        raise LookupError("nothing")

    async def main() -> None:
        study = ts.create_study(seed=0)
        with pytest.raises(LookupError):
            await study.optimize_async(wrong, n_trials=2)
        with pytest.raises(ValueError, match="n_jobs"):
            await study.optimize_async(wrong, n_jobs=0)
        await study.optimize_async(lambda x: x, n_trials_total=3, space={"x": ts.Float(0, 1)}, n_jobs=2)
        assert len(study.trials) == 3

    asyncio.run(main())


def test_ask_and_tell_beside_the_event_loop() -> None:
    async def main() -> ts.Study:
        study = ts.create_study(sampler="random", seed=0)

        async def work() -> None:
            trial = await asyncio.to_thread(study.ask)
            await asyncio.to_thread(study.tell, trial, trial.suggest_float("x", 0, 1))

        await asyncio.gather(*(work() for _ in range(10)))
        return study

    assert len(asyncio.run(main()).trials) == 10
