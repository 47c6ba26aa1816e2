"""What names cost where they lie: five families of parameters whose best values lie anywhere.

    python benchmarks/lying_names.py [--seeds 12] [--trials 25]

Each family has the names and ranges that people give it: boosted trees, networks, support vector machines, PPO,
decision trees. The function is a bowl in the unit cube whose bottom is drawn uniformly, so that what is known of the
names says nothing about it. Printed, as means over the seeds: the least value by trials without names
(``priors=False``), and how much more it is with them, with its standard error over pairs of the same bowl.
"""

from __future__ import annotations

import argparse

import numpy as np
from _score import Floats, best_so_far

from tunesmith import Float, Int, Space, create_study

FAMILIES = {
    "boosted trees": Space(
        learning_rate=Float(1e-3, 1, log=True),
        n_estimators=Int(20, 2000, log=True),
        max_depth=Int(1, 16),
        subsample=Float(0.2, 1),
        colsample_bytree=Float(0.2, 1),
        reg_lambda=Float(1e-3, 1e3, log=True),
    ),
    "network": Space(
        learning_rate=Float(1e-5, 1, log=True),
        dropout=Float(0, 0.9),
        batch_size=Int(8, 512, log=True),
        hidden_size=Int(16, 1024, log=True),
        weight_decay=Float(1e-7, 1e-1, log=True),
        num_layers=Int(1, 6),
    ),
    "support vectors": Space(C=Float(1e-4, 1e4, log=True), gamma=Float(1e-5, 10, log=True)),
    "PPO": Space(
        learning_rate=Float(1e-5, 1e-1, log=True),
        gamma=Float(0.8, 0.9999),
        gae_lambda=Float(0.8, 1.0),
        ent_coef=Float(1e-6, 0.3, log=True),
        clip_range=Float(0.05, 0.5),
    ),
    "decision tree": Space(
        ccp_alpha=Float(1e-6, 0.1, log=True),
        max_depth=Int(1, 40),
        min_samples_leaf=Int(1, 100, log=True),
        min_samples_split=Int(2, 200, log=True),
    ),
}


def search(space: Space, seed: int, n: int, priors: bool) -> Floats:
    """Return the least value after each trial."""
    rng = np.random.default_rng(seed)
    bottom, weight = rng.random(len(space)), np.exp(rng.normal(size=len(space)))
    study = create_study(space=space, seed=seed, priors=priors)
    values = []
    for _ in range(n):
        trial = study.ask()
        off = np.abs(space.to_unit(space.encode([trial.params]))[0] - bottom)
        values.append(float(weight @ off**1.5 / weight.sum()))
        study.tell(trial, values[-1])
    return best_so_far(values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--trials", type=int, default=25)
    parser.add_argument("--quick", action="store_true", help="two seeds, six trials: shows that it works")
    args = parser.parse_args()
    if args.quick:
        args.seeds, args.trials = 2, 6
    points = [p for p in (1, 3, 5, 10, 25, 50) if p < args.trials] + [args.trials]
    print(f"{'':18s}" + "".join(f"{f'@{p}':>8s}        " for p in points))
    every = []
    for name, space in FAMILIES.items():
        plain = np.array([search(space, seed, args.trials, False) for seed in range(args.seeds)])
        named = np.array([search(space, seed, args.trials, True) for seed in range(args.seeds)])
        at = np.array(points) - 1
        every.append((named - plain)[:, at])
        print(f"{name:18s}" + "".join(f"{v:8.3f}        " for v in plain.mean(axis=0)[at]))
        print(f"{'  with names':18s}" + _differences(every[-1]))
    print(f"{'all, with names':18s}" + _differences(np.concatenate(every)))


def _differences(off: Floats) -> str:
    error = off.std(axis=0, ddof=1) / np.sqrt(len(off))
    return "".join(f"{m:+8.3f} ± {e:.3f}" for m, e in zip(off.mean(axis=0), error, strict=True))


if __name__ == "__main__":
    main()
