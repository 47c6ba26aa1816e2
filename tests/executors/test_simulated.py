"""The real loop, engine and storage on a virtual clock, among delays, losses, repeated runs and changing capacity."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tunesmith as ts
from tunesmith import FailureKind, Float, Int, Study, Trial, TrialState
from tunesmith.testing.simulated import SimulatedCluster, SimulatedExecutor, lognormal

SPACE = {"x": Float(-1, 1), "n": Int(1, 6)}
SCHEDULES = int(os.environ.get("TUNESMITH_FAULT_SCHEDULES", "40"))  # 10000 takes some ten minutes


def bowl(trial: Trial) -> float:
    return float(trial.params["x"]) ** 2 + trial.params["n"]


def learn(trial: Trial) -> float:
    for step in range(trial.params["n"]):
        trial.report(bowl(trial) + 1 / (step + 1), step)
        trial.set_user_attr("step", step)
        if trial.should_prune():
            raise ts.TrialPruned
    return bowl(trial)


def simulate(
    cluster: SimulatedCluster,
    n: int | None = 20,
    objective: Callable[[Trial], float] = bowl,
    storage: str | None = None,
    sampler: str = "random",
    executor: SimulatedExecutor | None = None,
    **settings: Any,
) -> tuple[Study, SimulatedExecutor]:
    study = ts.create_study(sampler=sampler, pruner="median", seed=0, storage=storage)
    study.declare(ts.Space(SPACE))
    executor = executor or SimulatedExecutor(cluster)
    study.optimize(objective, n_trials=n, executor=executor, catch=[FailureKind.LOST], **settings)
    return study, executor


def test_time_is_virtual() -> None:
    """Twenty trials of an hour, ten at a time, take two hours and the delays; costs and the time-out follow."""
    study, executor = simulate(SimulatedCluster(workers=10, seconds=3600.0, delay=0.05))
    assert executor.clock() == pytest.approx(7200 + 4 * 0.05)
    assert [t.cost for t in study.trials] == pytest.approx([3600.1] * 20)
    study, executor = simulate(SimulatedCluster(workers=10, seconds=3600.0), None, timeout=5 * 3600 - 1)
    assert len(study.trials) == 50


def test_a_cluster_is_an_engine_of_its_own() -> None:
    study = ts.create_study(space=ts.Space(SPACE), sampler="random", seed=0)
    study.optimize(bowl, n_trials=5, executor=SimulatedCluster(seconds=lambda trial: trial.params["n"]))
    assert [t.cost for t in study.trials] == [t.params["n"] for t in study.trials]
    study.optimize(bowl, n_trials=5, executor="simulated", n_jobs=2)
    assert len(study.trials) == 10


@pytest.mark.parametrize(("sampler", "n"), [("auto", 20), ("evolution", 80)])
def test_the_same_seeds_give_the_same_log(sampler: str, n: int) -> None:
    cluster = SimulatedCluster(30, lognormal(60), 0.05, life=500, notice=900, repeats=0.1, resizes=[(90, 5), (200, 50)])
    first, one = simulate(cluster, n, learn, sampler=sampler)
    second, two = simulate(cluster, n, learn, sampler=sampler)
    assert one.log == two.log
    assert [(t.params, t.value, t.cost) for t in first.trials] == [(t.params, t.value, t.cost) for t in second.trials]
    _, three = simulate(SimulatedCluster(30, lognormal(60), 0.05, life=500, seed=1), n, learn, sampler=sampler)
    assert three.log != one.log


def test_reports_come_one_after_the_other_and_the_pruner_answers_meanwhile() -> None:
    """A trial that is slow is compared with what faster ones have reported by then, and pruned in the middle."""

    def objective(trial: Trial) -> float:
        for step in range(10):
            trial.report(float(trial.number), step)
            if trial.should_prune():
                raise ts.TrialPruned
        return float(trial.number)

    cluster = SimulatedCluster(6, lambda trial: 1.0 + trial.number / 100, 0.1)
    study, executor = simulate(cluster, 12, objective)
    pruned = [t for t in study.trials if t.state is TrialState.PRUNED]
    assert pruned
    assert any(len(t.reports or {}) < 10 for t in pruned)
    times = [e.time for e in executor.log if e.trial == 0 and e.what == "report"]
    # one second of work, and the question with its answer
    assert [b - a for a, b in pairwise(times)] == pytest.approx([1.2] * 9)


def test_a_limit_of_virtual_time_ends_a_trial() -> None:
    executor = SimulatedExecutor(SimulatedCluster(4, lambda trial: 100.0 * (trial.number % 2)), time_limit=60)
    study, _ = simulate(executor.cluster, 8, executor=executor)
    assert [t.failure for t in study.trials] == [None, FailureKind.TIMEOUT] * 4
    assert [t.cost for t in study.trials] == [0, 60] * 4


def test_capacity_may_go_to_nothing_and_come_back() -> None:
    cluster = SimulatedCluster(4, 10.0, resizes=[(15, 0), (100, 2)])
    study, executor = simulate(cluster, 12)
    assert len(study.trials) == 12
    starts = [e.time for e in executor.log if e.what == "start"]
    assert starts == [0] * 4 + [10] * 4 + [100] * 2 + [110] * 2
    with pytest.raises(RuntimeError, match="no worker"):
        simulate(SimulatedCluster(0))
    study, executor = simulate(SimulatedCluster(0, resizes=[(50, 1)]), 5, timeout=40)
    assert len(study.trials) == 0


def test_the_driver_can_be_what_is_slow() -> None:
    _, executor = simulate(SimulatedCluster(1000, 1.0, driver_time=0.1), 50)
    assert [e.time for e in executor.log if e.what == "start"] == pytest.approx([0.1 * (k + 1) for k in range(50)])


def test_what_an_objective_starts_is_closed_when_its_trial_is_over(tmp_path: Path) -> None:
    closed: list[int] = []

    def objective(trial: Trial) -> float:
        try:
            trial.report(1.0, 0)
            trial.should_prune()
            return 1.0
        finally:
            closed.append(trial.number)

    executor = SimulatedExecutor(SimulatedCluster(2, 10.0, 1.0), time_limit=10.5)
    study, _ = simulate(executor.cluster, 4, objective, executor=executor)
    assert all(t.failure is FailureKind.TIMEOUT for t in study.trials)
    for _ in range(10_000):
        if len(closed) == 4:  # they end in threads of their own
            break
        time.sleep(0.001)
    assert sorted(closed) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "settings", [{"workers": -1}, {"delay": -0.1}, {"life": 0}, {"notice": -1}, {"repeats": 1.5}, {"driver_time": -1}]
)
def test_a_wrong_cluster_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        SimulatedCluster(**settings)


def test_a_time_that_is_none_fails_the_trial() -> None:
    with pytest.raises(ValueError, match="seconds of a trial are 0 or more"):
        simulate(SimulatedCluster(seconds=lambda trial: float("nan")), 2)


# -- fault schedules ---------------------------------------------------------------------------------------------------

clusters = st.builds(
    SimulatedCluster,
    workers=st.integers(1, 8),
    seconds=st.builds(lognormal, st.sampled_from([1.0, 60.0]), st.sampled_from([0.0, 1.0])),
    delay=st.sampled_from([0.0, 0.05, 5.0, 120.0]),
    driver_time=st.sampled_from([0.0, 0.1]),
    life=st.sampled_from([float("inf"), 1000.0, 100.0, 10.0]),
    notice=st.sampled_from([float("inf"), 1000.0, 400.0]),
    repeats=st.sampled_from([0.0, 0.3, 1.0]),
    resizes=st.lists(st.tuples(st.floats(0, 600), st.integers(0, 8)), max_size=4).map(
        lambda steps: [*steps, (1000.0, 3)] if steps else []
    ),
    seed=st.integers(0, 2**32 - 1),
)


@pytest.mark.slow
@settings(max_examples=SCHEDULES, deadline=None, suppress_health_check=[*HealthCheck])
@given(
    cluster=clusters,
    n=st.integers(1, 24),
    objective=st.sampled_from([bowl, learn]),
    limit=st.sampled_from([None, 300.0]),
    on_disk=st.integers(0, 9).map(lambda k: k == 0),
)
def test_whatever_goes_wrong_each_trial_ends_once(
    tmp_path_factory: pytest.TempPathFactory,
    cluster: SimulatedCluster,
    n: int,
    objective: Callable[[Trial], float],
    limit: float | None,
    on_disk: bool,
) -> None:
    storage = f"sqlite:///{tmp_path_factory.mktemp('faults')}/study.db" if on_disk else None
    executor = SimulatedExecutor(cluster, time_limit=limit)
    study, _ = simulate(cluster, n, objective, storage, executor=executor)
    trials = study.trials
    assert [t.number for t in trials] == list(range(n))
    for t in trials:
        assert t.state in (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL), "nothing is left over"
        if t.state is TrialState.COMPLETE:
            expected = t.params["x"] ** 2 + t.params["n"]
            assert t.value == expected, "each result belongs to its trial"
            if objective is learn:
                assert t.reports == {k: expected + 1 / (k + 1) for k in range(t.params["n"])}
        if t.state is TrialState.FAIL:
            assert t.reason is not None
            # "asked to end": the eleventh time without a new report, which is the cap
            ends = ("its worker was lost", "it ran for too long", "its worker was asked to end; it was interrupted 11")
            assert t.reason.startswith(tuple(f"WorkerDiedError: {end}" for end in ends))
    history = study.history
    assert sorted(history.number.tolist()) == list(range(n)), "the driver knows each end, and each once"
    assert history.running == []
    under_way: set[int] = set()
    workers = cluster.workers
    for entry in executor.log:
        if entry.what == "resize":
            workers = entry.run
        elif entry.what == "submit":
            under_way.add(entry.trial)
            assert len(under_way) <= workers, "no more than there is room for"
        elif entry.what in ("end", "died"):
            under_way.discard(entry.trial)
    assert [e.time for e in executor.log] == sorted(e.time for e in executor.log)
