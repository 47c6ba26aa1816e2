"""Writes a golden file: a study as the present schema stores it. To be run once, before a new schema is begun.

    python tests/storage/golden/make.py tests/storage/golden/schema2.db

What the file holds is checked by tests/storage/test_migrations.py, for as long as there is tunesmith.
"""

import math
import sqlite3
import sys

import numpy as np

from tunesmith.artifacts.record import Artifact
from tunesmith.foundation.states import FailureKind, TrialState
from tunesmith.space import Categorical, Float, Int, Ordinal, Space
from tunesmith.storage import open_storage
from tunesmith.trial import FrozenTrial
from tunesmith.trial.record import Fence


def main(path: str) -> None:
    storage = open_storage(path)
    space = Space(
        model=Categorical(["svm", "tree", None, True, 1, 1.5, ("a", 2)]),
        C=Float(1e-3, 1e3, log=True).when(model="svm"),
        depth=Int(1, 12).when(model="tree"),
        size=Ordinal(["s", "m", "l"]),
    )
    nan = math.nan
    study = storage.create_study("golden ∂", ["maximize"], 42, space)
    points = [[0.0, 10.0, nan, 2.0], [1.0, nan, 7.0, 0.0], [6.0, nan, nan, 1.0]]
    ends = [
        {"state": TrialState.COMPLETE, "values": (0.5,), "user": {"note": [1, None, "größer"]}, "cost": 1.25},
        {"state": TrialState.COMPLETE, "values": (0.75,), "constraints": {"memory": 0.5}, "reports": {3: 0.1, 9: 0.2}},
        {"state": TrialState.FAIL, "reason": "ValueError: no", "system": {"fold": 3}},
    ]
    for sampler_state, (x, end) in enumerate(zip(points, ends, strict=True)):
        claim = storage.claim(study.id, "host:1:boot@2")
        common = {"space": space, "x": x, "worker": "host:1:boot@2", "sampler_state": sampler_state, "started": 100.0}
        storage.start(study.id, claim, FrozenTrial(claim.number, TrialState.RUNNING, **common))
        storage.finish(study.id, FrozenTrial(claim.number, finished=101.5, **common, **end))
    claim = storage.claim(study.id, "host:1:boot@2", reserve=True, token=12)  # tokens from schema 3 on
    alive = FrozenTrial(3, TrialState.RUNNING, space=space, x=points[0], worker="host:1:boot@2", started=102.0)
    alive.token = 12
    storage.start(study.id, claim, alive)
    storage.report(study.id, 3, Fence(1, 12), 0, 0.9)
    storage.add(study.id, [FrozenTrial(-1, TrialState.WAITING, fixed={"model": ("a", 2)}, user={"why": "hunch"})])
    storage.set_attr(study.id, None, "about", {"nested": [math.inf]})
    storage.beat("host:1:boot@2")
    digest = "ab" * 32
    model = Artifact("models/m ∂.pkl", digest, 2**40, "text/x ∂", 0, 1, 101.25, f"space/ab/{digest}-{'0' * 16}")
    storage.put_artifact(study.id, model)  # from schema 3 on
    own = Space(x=Float(0, 1), n=Int(0, 10, step=5))
    other = storage.create_study("two", ["minimize", "maximize"], 2**63 - 1)
    ended = {"space": own, "x": [0.5, 5.0], "values": (-math.inf, 2.0)}
    storage.add(other.id, [FrozenTrial(-1, TrialState.COMPLETE, **ended)])
    again = storage.create_study("again", ["minimize"], 1, own)  # from schema 2 on
    for attempt, failure in ((1, FailureKind.LOST), (2, None)):
        claim = storage.claim(again.id, "host:1:boot@2", reserve=True)
        begun = FrozenTrial(0, TrialState.RUNNING, space=own, x=[0.5, 5.0], attempt=attempt, worker="host:1:boot@2")
        storage.start(again.id, claim, begun)
        storage.set_attr(again.id, 0, "checkpoint", f"epoch-{attempt}.pt", fence=Fence(attempt))
        storage.set_attr(again.id, 0, f"only {attempt}", attempt, fence=Fence(attempt))
        storage.report(again.id, 0, Fence(attempt), attempt, attempt / 8)
        storage.release(again.id, {0: Fence(attempt)}, failure)
    costly = storage.create_study("paused", ["minimize"], 2, own)  # from schema 4 on
    for number in range(2):
        claim = storage.claim(costly.id, "host:1:boot@2", reserve=True)
        begun = FrozenTrial(number, TrialState.RUNNING, space=own, x=[0.5, 5.0], worker="host:1:boot@2", cost=1.5)
        storage.start(costly.id, claim, begun)
        storage.report(costly.id, number, Fence(1), 3, 0.25, 1.5)
        loss = np.array([4, 2, 9]), np.array([0.5, -math.inf, math.nan])  # from schema 5 on
        storage.log(costly.id, number, Fence(1), {"größe": loss, "rate": (np.arange(3), np.ones(3))})
        if number == 0:
            storage.pause(costly.id, begun)
    storage.close()
    connection = sqlite3.connect(path)
    connection.execute("VACUUM")
    connection.close()


if __name__ == "__main__":
    main(sys.argv[1])
