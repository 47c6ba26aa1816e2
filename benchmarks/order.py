"""What it costs that a search with several workers is the same each time: makespan and idle time on a virtual clock.

    python benchmarks/order.py [--seeds 10] [--quick]

A search runs in this process, but each fit takes a time of its own on one of W virtual workers: log-normal, 0.8 of its
variance between configurations and 0.2 between folds, so that nothing depends on this machine. Proposals take no time.
Printed for each kind of search with ``deterministic=True``, and with False in brackets: the share of the workers' time
in which they had nothing to do, and that spent on fits that did not count in the end. From these follows how many times
as long the same fits take. Last, the difference of the best scores, and its standard error.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import warnings
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import KFold, ShuffleSplit

import tunesmith.sklearn.search.base_search_cv as base
from tunesmith.sklearn import SearchCV
from tunesmith.sklearn.evaluate.evaluator import Evaluator
from tunesmith.sklearn.evaluate.pool import Batch, Pool
from tunesmith.sklearn.store.outcome import Outcome

SPACE = dict.fromkeys("abc", "float(0, 1)")
N_TRIALS = 40


class Model(RegressorMixin, BaseEstimator):
    """Scores a bowl with noise; its parameters and the fold decide how long a fit takes."""

    def __init__(self, a: float = 0.5, b: float = 0.5, c: float = 0.5) -> None:
        self.a = a
        self.b = b
        self.c = c

    def fit(self, X: Any, y: Any) -> Model:
        return self

    def predict(self, X: Any) -> Any:
        return np.zeros(len(X))

    def score(self, X: Any, y: Any) -> float:
        noise = np.random.default_rng(abs(hash((self.a, self.b, self.c, float(X[0, 0]))))).standard_normal()
        return 1.0 - (self.a - 0.3) ** 2 - (self.b - 0.7) ** 2 - 0.3 * (self.c - 0.2) ** 2 + 0.03 * noise


class VirtualPool(Pool):
    """Runs each fit at once, and hands it back when its virtual worker would have done it."""

    workers: ClassVar[int] = 2
    sigma: ClassVar[float] = 0.5
    busy: ClassVar[float] = 0.0
    makespan: ClassVar[float] = 0.0

    def __enter__(self) -> VirtualPool:
        super().__enter__()
        self.n_workers, self.inline, self.streams = VirtualPool.workers, False, True
        self._now = 0.0
        self._free = [0.0] * self.n_workers
        self._ends: list[tuple[float, int, list[Outcome]]] = []
        self._count = itertools.count()
        return self

    def __exit__(self, *error: Any) -> None:
        self.inline = True
        super().__exit__(*error)

    def prepare(self, task: Any, splits: Any) -> None:
        self._evaluator = Evaluator(task, splits)

    def submit(self, batch: Batch) -> None:
        outcomes = [self._timed(o, batch) for o in self._evaluator.run(batch)]
        took = sum(o.fit_seconds for o in outcomes)
        begin = max(heapq.heappop(self._free), self._now)
        heapq.heappush(self._free, begin + took)
        heapq.heappush(self._ends, (begin + took, next(self._count), outcomes))
        VirtualPool.busy += took

    def poll(self, timeout: float | None = None) -> list[list[Outcome]]:
        self._now, _, outcomes = heapq.heappop(self._ends)
        VirtualPool.makespan = max(VirtualPool.makespan, self._now)
        return [outcomes]

    def _timed(self, outcome: Outcome, batch: Batch) -> Outcome:
        unit = next(u for u in batch if u.candidate == outcome.candidate)
        own = hash(tuple(unit.params[name] for name in SPACE))
        between, within = (np.random.default_rng(abs(h)).standard_normal() for h in (own, hash((own, outcome.split))))
        seconds = float(np.exp(VirtualPool.sigma * (0.8**0.5 * between + 0.2**0.5 * within)))
        return outcome._replace(fit_seconds=seconds, score_seconds=0.0)


def measured(deterministic: bool, seed: int, workers: int, sigma: float, **settings: Any) -> tuple[float, ...]:
    """Return the shares of the workers' time that were idle and that counted for nothing, and the best score."""
    VirtualPool.workers, VirtualPool.sigma = workers, sigma
    VirtualPool.busy, VirtualPool.makespan = 0.0, 0.0
    X = np.random.default_rng(seed).random((60, 1))
    search = SearchCV(
        Model(), SPACE, n_trials=N_TRIALS, n_jobs=1, confirm=0, refit=False, random_state=seed, prefer_default=None,
        deterministic=deterministic, **settings,
    )  # fmt: skip
    search.fit(X, X[:, 0])
    found = search.cv_results_
    all_of_it = workers * VirtualPool.makespan
    counted = float((found["mean_fit_time"] * found["n_splits_run"]).sum())
    idle, dropped = 1.0 - VirtualPool.busy / all_of_it, (VirtualPool.busy - counted) / all_of_it
    return idle, dropped, float(search.best_score_)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, help="searches of each kind")
    parser.add_argument("--quick", action="store_true", help="one search of each kind")
    args = parser.parse_args()
    seeds = 1 if args.quick else args.seeds
    base.Pool = VirtualPool  # type: ignore[misc]  # that the searches run on it
    warnings.simplefilter("ignore")
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("five folds, racing", {"cv": KFold(5)}),
        ("five folds, no racing", {"cv": KFold(5), "racing": None}),
        ("one split", {"cv": ShuffleSplit(1, random_state=0)}),
    ]
    print("sampler  search                  sigma  W   time   idle        dropped     best score")
    for sampler, (name, settings), sigma, workers in itertools.product(("auto", "random"), kinds, (0.5, 1.0), (2, 4)):
        rows = {
            way: np.array([measured(way, s, workers, sigma, sampler=sampler, **settings) for s in range(seeds)])
            for way in (True, False)
        }
        own, free = rows[True], rows[False]
        idle, dropped = (f"{abs(own[:, i].mean()):4.0%} ({abs(free[:, i].mean()):3.0%})" for i in (0, 1))
        ratio = (1.0 - free[:, :2].sum(axis=1)).mean() / (1.0 - own[:, :2].sum(axis=1)).mean()
        better = own[:, 2] - free[:, 2]
        print(
            f"{sampler:8} {name:23} {sigma:5} {workers:2} {ratio:6.2f}  {idle} {dropped}"
            f" {better.mean():+.4f} +- {better.std(ddof=min(1, seeds - 1)) / seeds**0.5:.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
