"""Writes ``pickles-VERSION.pkl``, what a release pickles, for the tests of later releases.

    python tests/project/golden/make.py

Run it once for each release, after the version is set, and commit the file. It holds a pickle by name, so that one that
cannot be read is told apart from the others.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np

import tunesmith as ts
from tunesmith import pruners, samplers, selection

SAMPLERS = ("AutoSampler", "CmaEsSampler", "GPSampler", "NSGAIISampler", "QMCSampler", "RandomSampler", "TPESampler")
PRUNERS = ("AutoPruner", "HyperbandPruner", "MedianPruner", "NopPruner", "SuccessiveHalvingPruner")
SPACE = ts.Space(
    kind=ts.Categorical(["svm", "tree", None]),
    depth=ts.Int(1, 8).when(kind="tree"),
    C=ts.Float(1e-3, 1e3, log=True),
    size=ts.Ordinal(["small", "large"]),
)


def objective(trial: ts.Trial) -> float:
    return abs(float(trial.params["C"]) - 1) + 0.1 * trial.params.get("depth", 0)


def objects() -> dict[str, object]:
    """What has a promise in docs/stability.md, by name."""
    study = ts.create_study(space=SPACE, seed=7, sampler=samplers.TPESampler(), pruner=pruners.MedianPruner())
    study.set_user_attr("about", {"golden": True})
    study.optimize(objective, n_trials=15)
    losses = np.arange(20.0).reshape(5, 4) % 7
    return {
        "study": study,
        "space": study.space,
        "trials": study.trials,
        "selection": selection.select_by_rows(losses),
        **{f"sampler {name}": getattr(samplers, name)() for name in SAMPLERS},
        **{f"pruner {name}": getattr(pruners, name)() for name in PRUNERS},
    }


if __name__ == "__main__":
    made = {name: pickle.dumps(value, protocol=4) for name, value in objects().items()}
    path = Path(__file__).parent / f"pickles-{ts.__version__}.pkl"
    path.write_bytes(pickle.dumps(made, protocol=4))
    print(f"{path.name}: {', '.join(made)}")
