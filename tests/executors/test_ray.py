"""Trials on a real Ray cluster: what it does to them, processes and nodes that die, and a driver that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest
from tests.executors.killed_driver import kill_drivers

import tunesmith as ts
from tunesmith.executors.base import Began, Failed, Finished
from tunesmith.executors.ray import RayExecutor
from tunesmith.foundation.states import FailureKind, TrialState
from tunesmith.testing.executors import Recorder, a_trial, opened, process_runs, run_all, until, wait_for

pytest.importorskip("ray", reason="needs Ray: pip install ray")
pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("ray")]

FULL = os.environ.get("TUNESMITH_FAULTS") == "full"


def learn(trial: ts.Trial) -> float:
    x = trial.suggest_float("x", 0, 1)
    for step in range(5):
        trial.report(x + step, step)
        if trial.should_prune():
            raise ts.TrialPruned
    return x


@pytest.mark.parametrize("way", ["module", "name"])
def test_the_module_is_all_that_optimize_needs(ray_module: Any, way: str) -> None:
    study = ts.create_study(seed=0, pruner="median")
    study.optimize(learn, n_trials=6, executor=ray_module if way == "module" else "ray")
    assert {t.state for t in study.trials} <= {TrialState.COMPLETE, TrialState.PRUNED}
    assert all(t.reports for t in study.trials)


def test_the_capacity_is_the_room_that_nodes_have(ray_module: Any) -> None:
    def capacity(**options: Any) -> int:
        with opened(RayExecutor(ray_module, **options), learn, Recorder()) as executor:
            return executor.capacity

    assert capacity() == 2
    assert capacity(resources={"cpus": 2}) == 1
    assert capacity(resources={"cpus": 0.5, "thing": 1}) == 2
    assert capacity(resources={"cpus": 0}) == 2
    assert capacity(resources={"cpus": 0, "thing": 1}) == capacity(resources={"cpus": 0.1, "thing": 1})
    assert capacity(jobs=7) == 7


def test_resources_that_no_node_has_are_an_error_or_waited_for_until_the_deadline(ray_module: Any) -> None:
    study = ts.create_study(seed=0)
    with pytest.raises(ValueError, match=r"no node of the Ray cluster has .* gpus: 1 \(the most that one has is 0\)"):
        study.optimize(learn, n_trials=1, executor=RayExecutor(ray_module, resources={"gpus": 1}))
    assert not study.trials
    executor = RayExecutor(ray_module, jobs=2, resources={"gpus": 1})
    with pytest.warns(UserWarning, match="The trials wait until one joins"):
        study.optimize(learn, n_trials=3, timeout=0.5, executor=executor)
    assert [(t.state, t.attempt) for t in study.trials] == [(TrialState.WAITING, 2)] * 2


def test_what_is_not_ray_is_refused(ray_module: Any) -> None:
    with pytest.raises(TypeError, match="takes the ray module or the address"):
        RayExecutor(7)
    assert not RayExecutor.accepts(os)


def note_pids(trial: ts.Trial) -> float:
    """Leave the numbers of this process and its parent where the test finds them, and run for long."""
    path = Path(str(trial.user_attrs["path"]))
    path.with_suffix(".new").write_text(f"{os.getpid()} {os.getppid()}")
    path.with_suffix(".new").rename(path)
    if trial.number == 0:
        time.sleep(1000)
    return 1.0


def test_a_process_of_ray_that_is_killed_is_a_loss_and_ends_what_it_ran(ray_module: Any, tmp_path: Path) -> None:
    path = tmp_path / "pids"
    with opened(RayExecutor(ray_module, jobs=1), note_pids, Recorder()) as executor:
        executor.submit(a_trial(0, path=str(path)))
        while not any(isinstance(event, Began) for event in executor.poll(0.05)):
            pass
        until(path.exists)
        own, task = map(int, path.read_text().split())
        os.kill(task, signal.SIGKILL)
        (first,) = wait_for(executor, 1)
        until(lambda: not process_runs(own))
        (second,) = run_all(executor, [a_trial(1, path=str(path))])
    assert isinstance(first, Failed)
    assert first.kind is FailureKind.LOST
    assert isinstance(second, Finished)


@pytest.mark.slow
def test_a_driver_that_is_killed_leaves_nothing_running_and_the_same_command_goes_on(
    ray_module: Any, tmp_path: Path
) -> None:
    run = """
        import ray

        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        study.optimize(objective, n_trials_total=trials, executor=ray)
    """
    kill_drivers(tmp_path, 20 if FULL else 1, ray_module.get_runtime_context().gcs_address, run)


CLUSTER = """
    import collections, sys, time
    import ray
    from ray.cluster_utils import Cluster
    import tunesmith as ts

    n, every = int(sys.argv[1]), int(sys.argv[2])
    small = {"object_store_memory": 80_000_000}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False, **small})
    nodes = [cluster.add_node(num_cpus=2, **small)]
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    cluster.wait_for_nodes()

    def objective(trial):
        time.sleep(0.1)
        return trial.suggest_float("x", 0, 1)

    killed = []

    def kill(study, trial):
        if trial.number % every == every // 2:
            cluster.remove_node(nodes.pop(), allow_graceful=False)
            nodes.append(cluster.add_node(num_cpus=2, **small))
            killed.append(trial.number)

    study = ts.create_study(seed=0, sampler="random")
    study.optimize(objective, n_trials=n, executor=ray, callbacks=[kill], catch=ts.WorkerDiedError)
    states = collections.Counter(t.state.name for t in study.trials)
    print(len(study.trials), sorted(study.history.number.tolist()) == list(range(n)), len(killed), dict(states))
    ray.shutdown()
    cluster.shutdown()
"""


@pytest.mark.slow
def test_a_node_that_is_killed_costs_no_trial(tmp_path: Path) -> None:
    n, every = (300, 30) if FULL else (12, 12)
    script = tmp_path / "cluster.py"
    script.write_text(textwrap.dedent(CLUSTER))
    command = [sys.executable, str(script), str(n), str(every)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    (counts,) = [line for line in done.stdout.splitlines() if line.startswith(f"{n} ")]  # among Ray's own
    print(counts)
    assert counts.startswith(f"{n} True {n // every} ")
