"""How many trials fit into a machine, and whether one ever can."""

from __future__ import annotations

import pytest

import tunesmith as ts
from tunesmith.executors.processes import ProcessExecutor
from tunesmith.executors.resources import check_room, places


def test_places_are_counted_by_what_is_needed() -> None:
    assert places({"cpus": 4, "gpus": 1}, {"cpus": 1, "gpus": 0.5}, 4) == 2
    assert places({"cpus": 0.3}, {"cpus": 0.1}, 1) == 3, "rounding costs no place"
    assert places({"cpus": 4}, {"cpus": 1, "gpus": 1}, 4) == 0
    assert places({"cpus": 4}, {"cpus": 0}, 4) == 4, "what is not needed does not count"
    assert ProcessExecutor(resources={"cpus": 0}).capacity == ProcessExecutor(resources={"cpus": 1}).capacity


def test_what_is_missing_is_named() -> None:
    two = [{"cpus": 8, "gpus": 1}, {"cpus": 2, "gpus": 4}]
    check_room({"cpus": 8, "gpus": 1}, two, "node", may_grow=False)
    check_room({"cpus": 0}, two, "node", may_grow=False)
    with pytest.raises(
        ValueError, match=r"no node has what a trial needs: gpus: 8 \(the most that one has is 4\)\. Ask"
    ):
        check_room({"cpus": 1, "gpus": 8}, two, "node", may_grow=False)
    with pytest.raises(ValueError, match="needs: cpus: 8, gpus: 4 in one place"):
        check_room({"cpus": 8, "gpus": 4}, two, "node", may_grow=False)
    with pytest.warns(UserWarning, match="there is no node at the moment. The trials wait until one joins"):
        check_room({"cpus": 1}, [], "node", may_grow=True)


def test_a_deadline_takes_back_what_never_began() -> None:
    """A pool whose only thread is busy with something else."""
    import threading
    from concurrent.futures import ThreadPoolExecutor

    from tunesmith.executors import FuturesExecutor

    study, busy = ts.create_study(seed=0), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(busy.wait)
        study.optimize(lambda trial: 1.0, n_trials=3, timeout=0.2, executor=FuturesExecutor(pool, jobs=2))
        busy.set()
    assert [(t.state, t.attempt) for t in study.trials] == [(ts.TrialState.WAITING, 2)] * 2
    study.optimize(lambda trial: 1.0, n_trials=2)
    assert [t.state for t in study.trials] == [ts.TrialState.COMPLETE] * 2
