"""How much too good the best of n epochs is, and how well losses of validation rows correct it.

    python benchmarks/best_epoch.py [--runs 400] [--quick]

Each run has epochs with a known loss on new rows, and n validation rows. A row's loss varies by 1 (standard deviation):
half of the variance is the row's own, in all epochs alike, half comes anew with each epoch. The true losses are flat,
fall towards an end, or have their best epoch at 60 % of the run.
"""

from __future__ import annotations

import argparse

import numpy as np

from tunesmith.selection import select_by_rows
from tunesmith.trial.metrics import losses_of_rows, metrics_of_rows

SIZES = ((10, 100), (20, 100), (100, 100), (20, 500), (100, 500))  # epochs, validation rows
SHAPES = ("flat", "falls", "best at 60 %")


def true_losses(shape: str, epochs: int) -> np.ndarray:
    """Return the losses on new rows [T]."""
    at = np.arange(epochs) / epochs
    return {"flat": np.zeros(epochs), "falls": 0.6 * np.exp(-4 * at), "best at 60 %": 1.2 * (at - 0.6) ** 2}[shape]


def one_run(rng: np.random.Generator, true: np.ndarray, rows: int) -> tuple[float, float, bool, bool]:
    """Return by how much the best report and the corrected figure are too good, and whether their intervals hold."""
    epochs = len(true)
    losses = true[:, None] + np.sqrt(0.5) * (rng.standard_normal(rows) + rng.standard_normal((epochs, rows)))
    kept = [metrics_of_rows(one, one.mean()) for one in losses]
    steps = np.arange(epochs)
    table = losses_of_rows({n: (steps, np.array([k[n] for k in kept])) for n in kept[0]}, steps.tolist())
    means, sizes = table or (np.empty((0, epochs)), np.empty(0))
    found = select_by_rows(means, weights=sizes, n_resamples=400)
    best = true[found.index]
    own = losses[found.index]
    plain = 1.96 * own.std(ddof=1) / rows**0.5
    low, high = found.interval
    return best - found.naive, best - found.value, abs(best - found.naive) <= plain, low <= best <= high


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--quick", action="store_true", help="a few runs, which only show that it works")
    given = parser.parse_args()
    runs = 3 if given.quick else given.runs
    print(
        "| true losses | epochs | rows | too good | its interval covers | corrected | covers |\n"
        "|---|---|---|---|---|---|---|"
    )
    for shape in SHAPES:
        for epochs, rows in SIZES:
            rng = np.random.default_rng([epochs, rows, SHAPES.index(shape)])
            made = np.array([one_run(rng, true_losses(shape, epochs), rows) for _ in range(runs)], float)
            too_good, corrected, plain, covers = made.mean(axis=0)
            error = made[:, 1].std() / runs**0.5
            print(
                f"| {shape} | {epochs} | {rows} | {too_good:.3f} | {plain:.0%} | {corrected:+.3f} ±{error:.3f} "
                f"| {covers:.0%} |"
            )


if __name__ == "__main__":
    main()
