"""What a pruner's decision costs, and what pruning saves and loses.

Cost: 1,000 complete trials of 50 reports each, and more trials that report and ask after each step. Optuna's pruners
get the same curves in its storage in memory; what is measured is the pruner's call in both.

Saving: 60 trials of 30 steps from two families of noisy curves. In the usual one a beginning says something about the
end; in the other one curves cross. "lost" is the share of all trials whose ends are better than the best one found.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tunesmith import TrialState
from tunesmith.history.curves import Curves
from tunesmith.pruners import (
    HyperbandPruner,
    LearningCurvePruner,
    MedianPruner,
    NopPruner,
    PatientPruner,
    PercentilePruner,
    Pruner,
    SuccessiveHalvingPruner,
    ThresholdPruner,
    WilcoxonPruner,
)
from tunesmith.testing.pruning import crossing, search, usual

OURS: dict[str, Callable[[], Pruner]] = {
    "median": MedianPruner,
    "percentile": partial(PercentilePruner, 25),
    "patient": partial(PatientPruner, MedianPruner(), 2),
    "threshold": partial(ThresholdPruner, upper=1.5),
    "halving, stopping": partial(SuccessiveHalvingPruner, promotion=False),
    "halving, promotion": partial(SuccessiveHalvingPruner, promotion=True),
    "hyperband, stopping": partial(HyperbandPruner, promotion=False),
    "hyperband, promotion": partial(HyperbandPruner, promotion=True),
    "wilcoxon": partial(WilcoxonPruner, 0.05, 4),
    "learning curve": LearningCurvePruner,
}


def theirs() -> dict[str, Any]:
    """Optuna's pruners under the names of ours; none where it is not installed."""
    try:
        import optuna
    except ImportError:
        print("optuna is not installed: left out")
        return {}
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    p = optuna.pruners
    return {
        "median": p.MedianPruner(),
        "percentile": p.PercentilePruner(25),
        "patient": p.PatientPruner(p.MedianPruner(), 2),
        "threshold": p.ThresholdPruner(upper=1.5),
        "halving, stopping": p.SuccessiveHalvingPruner(reduction_factor=3),
        "hyperband, stopping": p.HyperbandPruner(),
        "wilcoxon": p.WilcoxonPruner(p_threshold=0.05, n_startup_steps=4),
    }


def curve(rng: np.random.Generator, n_steps: int) -> list[float]:
    values: list[float] = (rng.random() + (1.0 + np.arange(n_steps)) ** -0.7 + rng.normal(0, 0.01, n_steps)).tolist()
    return values


def our_milliseconds(pruner: Pruner, n_trials: int, n_steps: int, n_more: int) -> list[float]:
    rng = np.random.default_rng(0)
    curves = Curves()
    for number in range(n_trials):
        for step, value in enumerate(curve(rng, n_steps)):
            curves.append(number, step, value)
        curves.close(number, TrialState.COMPLETE)
    found = []
    for number in range(n_trials, n_trials + n_more):
        for step, value in enumerate(curve(rng, n_steps)):
            curves.append(number, step, value)
            start = time.process_time()
            pruner.decide(curves, number, step)
            found.append(1e3 * (time.process_time() - start))
    return found


def their_milliseconds(pruner: Any, n_trials: int, n_steps: int, n_more: int) -> list[float]:
    import optuna

    rng = np.random.default_rng(0)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(), pruner=pruner)
    for _ in range(n_trials):
        values = dict(enumerate(curve(rng, n_steps)))
        study.add_trial(optuna.trial.create_trial(value=values[n_steps - 1], intermediate_values=values))
    found = []
    for _ in range(n_more):
        trial = study.ask()
        for step, value in enumerate(curve(rng, n_steps)):
            trial.report(value, step)
            record = study._storage.get_trial(trial._trial_id)
            start = time.process_time()
            pruner.prune(study, record)
            found.append(1e3 * (time.process_time() - start))
    return found


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--quick", action="store_true", help="few trials and one seed: shows that it works, no more")
    args = parser.parse_args(argv)
    n_trials, n_steps, seeds = (30, 10, 1) if args.quick else (args.trials, args.steps, args.seeds)
    warnings.simplefilter("ignore")

    print(f"milliseconds of a decision, median and 99 % quantile, {n_trials} trials of {n_steps} steps")
    peers = theirs()
    for name, make in OURS.items():
        ours = our_milliseconds(make(), n_trials, n_steps, 10)
        line = f"{name:22s} {np.median(ours):8.4f} {np.quantile(ours, 0.99):8.4f}"
        if name in peers:
            other = their_milliseconds(peers[name], n_trials, n_steps, 2)
            line += f"   optuna {np.median(other):8.3f} {np.quantile(other, 0.99):8.3f}"
        print(line, flush=True)

    print(f"\nshare of the steps that were run, and share of the trials that were lost; {seeds} seeds")
    print(f"{'':22s} {'usual':>7s} {'lost':>6s}   {'crossing':>8s} {'lost':>6s}")
    for name, make in {"none": NopPruner, **OURS}.items():
        if name == "threshold":
            make = partial(ThresholdPruner, upper=0.75, n_warmup_steps=15)
        cells = []
        for family in (usual, crossing):
            found = [search(make, family, seed, 20 if args.quick else 60) for seed in range(seeds)]
            whole = (20 if args.quick else 60) * 30
            cells.append((np.mean([f.steps for f in found]) / whole, np.mean([f.rank for f in found])))
        (a, b), (c, d) = cells
        print(f"{name:22s} {a:7.2f} {b:6.3f}   {c:8.2f} {d:6.3f}", flush=True)


if __name__ == "__main__":
    main()
