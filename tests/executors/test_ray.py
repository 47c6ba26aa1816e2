"""What a Ray cluster alone does to trials: nodes with resources of their own, and nodes that die."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tunesmith.executors.ray import RayExecutor
from tunesmith.testing.executors import opened

pytest.importorskip("ray", reason="needs Ray: pip install ray")
pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("ray")]

FULL = os.environ.get("TUNESMITH_FAULTS") == "full"


def test_a_node_may_have_other_resources(ray_module: Any) -> None:
    def capacity(**resources: float) -> int:
        with opened(RayExecutor(ray_module, resources=resources), abs, None) as executor:  # type: ignore[arg-type]  # not run
            return executor.capacity

    assert capacity(cpus=0.5, thing=1) == 2
    assert capacity(cpus=0, thing=1) == capacity(cpus=0.1, thing=1)


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
