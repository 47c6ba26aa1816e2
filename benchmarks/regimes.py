"""Where a search breaks: 24 regimes (outliers, crashes, ties, noise, nested spaces, many dimensions, ...) and Optuna's.

    python benchmarks/regimes.py [--seeds 10] [--only 'crashes*'] [--samplers default] [--live optuna-tpe,optuna-gp]

For each regime and search the mean regret is printed, after half of the trials and after all: 0 is the best value that
there is, 1 has who has nothing. All searches of a seed have the same task. The last column says by how much ours is
behind the best of the others, and the standard error of that, over pairs with the same seed; a star marks where it is
behind by more than that.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from fnmatch import fnmatch
from multiprocessing import get_context
from typing import Any

import numpy as np
from _optimisers import OURS, PEERS, missing, seed_of, suggest
from _regimes import REGIMES, Regime, Told
from _score import Floats

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
NO_CONSTRAINTS = {"optuna-cmaes"}
SAMPLERS = {"optuna-tpe": "TPESampler", "optuna-gp": "GPSampler", "optuna-cmaes": "CmaEsSampler"}


def tunesmith(name: str, regime: Regime, seed: int) -> Iterator[Told]:
    import tunesmith as ts
    from tunesmith import TrialState

    m = len(regime.worst)
    sampler = None if name == "default" else name
    study = ts.create_study(directions=["minimize"] * m, sampler=sampler, pruner="nop", space=regime.space, seed=seed)
    for point in regime.begin:
        study.enqueue_trial(point)
    for _ in range(0, regime.n_trials, regime.batch):
        trials = study.ask(n=regime.batch)
        for trial in trials:
            told = regime.run(trial.params)
            for i, c in enumerate(told.constraints):
                trial.set_constraint(f"c{i}", c)
            if told.values is None:
                study.tell(trial, state=TrialState.FAIL)
            else:
                study.tell(trial, told.values)
            yield told


def optuna(name: str, regime: Regime, seed: int) -> Iterator[Told]:
    import optuna as peer

    peer.logging.set_verbosity(peer.logging.CRITICAL)
    more: dict[str, Any] = {}
    if name not in NO_CONSTRAINTS:
        more["constraints_func"] = lambda trial: trial.user_attrs.get("c", (0.0,))
    sampler = getattr(peer.samplers, SAMPLERS[name])(seed=seed, **more)
    study = peer.create_study(directions=["minimize"] * len(regime.worst), sampler=sampler)
    for point in regime.begin:
        study.enqueue_trial(dict(point))
    for _ in range(0, regime.n_trials, regime.batch):
        asked = [(trial, suggest(trial, regime.space)) for trial in (study.ask() for _ in range(regime.batch))]
        for trial, params in asked:
            told = regime.run(params)
            if told.constraints:
                trial.set_user_attr("c", told.constraints)
            if told.values is None:
                study.tell(trial, state=peer.trial.TrialState.FAIL)
            else:
                study.tell(trial, list(told.values))
            yield told


def regret(regime: Regime, found: list[Told]) -> Floats:
    """The regret after each trial: of the trial that looks best, or of the volume of the front."""
    return _of_volume(regime, found) if len(regime.worst) > 1 else _of_best(regime, found)


def _of_best(regime: Regime, found: list[Told]) -> Floats:
    (worst,) = regime.worst
    looks, worth, trace = np.inf, worst, []
    for told in found:
        if told.values is not None and told.values[0] < looks and max(told.constraints, default=0.0) <= 0.0:
            looks, worth = told.values[0], told.values[0] if told.worth is None else told.worth
        trace.append(min(max((worth - regime.best) / (worst - regime.best), 0.0), 1.0))
    return np.array(trace)


def _of_volume(regime: Regime, found: list[Told]) -> Floats:
    from tunesmith.foundation.numerics.pareto import hypervolume

    reference, points, trace = np.array(regime.worst), [], [1.0]
    for told in found:
        if told.values is not None and np.all(np.array(told.values) < reference):
            points.append(told.values)
            trace.append(1.0 - float(hypervolume(np.array(points), reference)) / regime.best)
        else:
            trace.append(trace[-1])
    return np.array(trace[1:])


def searched(job: tuple[str, str, int]) -> tuple[float, float]:
    """The regret of a search after half of its trials and after all."""
    name, optimiser, seed = job
    regime = REGIMES[name](seed)
    start = seed_of(name, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if optimiser.startswith(OURS):
            found = list(tunesmith(optimiser.removeprefix(OURS), regime, start))
        else:
            found = list(optuna(optimiser, regime, start))
    trace = regret(regime, found)
    return float(trace[len(trace) // 2 - 1]), float(trace[-1])


def usable(optimiser: str, name: str) -> bool:
    return not (optimiser in NO_CONSTRAINTS and (name == "constraints" or "objectives" in name))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, help="searches of each (10)")
    parser.add_argument("--only", default="*", help="regimes whose names match, with commas between")
    parser.add_argument("--samplers", default="default", help="ours, the first of which is compared; default: default")
    parser.add_argument("--live", default=",".join(SAMPLERS), help=f"peers: {','.join(SAMPLERS)}; '' for none")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="searches at once (cores)")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes: shows that it works, no more")
    args = parser.parse_args(argv)
    if args.quick:
        args.seeds, args.only, args.live = 1, "corner,constraints,two objectives", ""
    os.environ.update(dict.fromkeys(THREADS, "1"))
    names = [name for name in REGIMES if any(fnmatch(name, part) for part in args.only.split(","))]
    peers = [peer for peer in args.live.split(",") if peer]
    for peer in [peer for peer in peers if peer not in SAMPLERS or missing(peer)]:
        print(f"left out {peer}: {'not installed' if peer in PEERS else 'there is no such peer'}")
        peers.remove(peer)
    optimisers = [OURS + name for name in args.samplers.split(",")] + peers
    print(
        f"{'regret at half, at end':24s}" + "".join(f"{o.removeprefix(OURS):>16s}" for o in optimisers) + "   behind by"
    )
    n_behind = 0
    with ProcessPoolExecutor(args.jobs, mp_context=get_context("spawn")) as pool:
        for name in names:
            there = [o for o in optimisers if usable(o, name)]
            jobs = [(name, o, seed) for o in there for seed in range(args.seeds)]
            made = np.array(list(pool.map(searched, jobs))).reshape(len(there), args.seeds, 2)
            cells = dict(zip(there, made.mean(axis=1), strict=True))
            line = f"{name:24s}"
            for o in optimisers:
                line += f"{cells[o][0]:9.3f}{cells[o][1]:7.3f}" if o in cells else f"{'—':>16s}"
            others = [k for k, o in enumerate(there) if not o.startswith(OURS)]
            if others:
                best = min(others, key=lambda k: made[k, :, 1].mean())
                behind = made[0, :, 1] - made[best, :, 1]
                error = float(behind.std(ddof=1) / np.sqrt(len(behind))) if len(behind) > 1 else float("nan")
                is_behind = behind.mean() > max(error, 5e-4)
                n_behind += is_behind
                line += f"   {behind.mean():+.3f} ± {error:.3f}{' *' if is_behind else ''}"
            print(line, flush=True)
    print(f"behind in {n_behind} of {len(names)} regimes" if peers else "no peer was run")
    return 0


if __name__ == "__main__":
    sys.exit(main())
