"""What the choice between the default and the rest does, in simulated worlds where the truth is known.

A world is how much true error rates differ (in standard deviations of a row's paired gain), where the default stands
among them, how many candidates and rows there are, and how unsteady models are. Each draw makes the 0/1 losses of all
candidates on all rows, with rows that are hard for all of them, chooses by `select_by_rows`, and holds the figure, the
gain and the chance of none against the model that is fitted in the end.

Run it:    python benchmarks/decisions.py [--draws 2000] [--quick]
"""

from __future__ import annotations

import argparse
import itertools
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from tunesmith.selection import Rule, select_by_rows
from tunesmith.selection.posterior import FIT_NOISE, FIT_POWER

ALIKE = 0.7  # correlation of the losses of two candidates on a row, as of latent normal variables
ERROR = 0.25  # the middle error rate
MARGIN = 0.005
PLACES = {"middle": 0.0, "good": 1.0, "poor": -1.5}  # of the default, in spreads of the candidates


@dataclass(frozen=True)
class World:
    """Where searches are drawn from.

    Attributes:
        spread: of true error rates, in standard deviations of a row's paired gain.
        place: of the default, a key of `PLACES`.
        candidates: how many, beside the default.
        rows: n.
        unsteady: which part of a paired gain changes from run to run.
    """

    spread: float
    place: str
    candidates: int
    rows: int
    unsteady: float = 0.65

    def __str__(self) -> str:
        return f"{self.spread:.3f} {self.place:7s} {self.candidates:3d} {self.rows:4d} {self.unsteady:.2f}"


WORLDS = [
    *(
        World(s, p, 25, n)
        for s, p, n in itertools.product((0.0, 0.03, 0.067, 0.15), PLACES, (60, 150, 400))
        if s or p == "middle"
    ),
    World(0.067, "middle", 5, 150),
    World(0.067, "middle", 100, 150),
    World(0.067, "poor", 5, 150),
    World(0.067, "middle", 25, 150, 0.3),
    World(0.067, "middle", 25, 150, 0.9),
    World(0.0, "middle", 100, 150),
    World(0.15, "middle", 100, 60),
    World(0.03, "good", 100, 400),
    World(0.067, "good", 5, 400),
    World(0.0, "middle", 25, 150, 0.9),
]


def draw(world: World, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return losses [n, C], the default's first, and the true error rates [C] of the models fitted in the end."""
    n, c = world.rows, world.candidates + 1
    effect = world.spread * rng.normal(size=c)
    effect[0] = world.spread * PLACES[world.place]
    row = np.sqrt(2.0 * ERROR * (1.0 - ERROR) * (1.0 - ALIKE))  # about a row's paired gain
    fit = row * np.sqrt(0.5 * 0.5 * FIT_NOISE * n**FIT_POWER * world.unsteady**2 / n)  # of one of the two
    typical = ERROR - row * effect
    seen, used = (np.clip(typical + fit * rng.normal(size=c), 0.005, 0.9) for _ in range(2))
    hard = np.sqrt(ALIKE) * rng.normal(size=(n, 1)) + np.sqrt(1.0 - ALIKE) * rng.normal(size=(n, c))
    return (hard < ndtri(seen)).astype(float), used


def run(world: World, draws: int, seed: int) -> np.ndarray:
    rng, made = np.random.default_rng(seed), []
    for _ in range(draws):
        losses, true = draw(world, rng)
        found = select_by_rows(losses, Rule(default=0), bounds=(0.0, 1.0), unsteadiness=world.unsteady, no_skill=0.5)
        gain = true[0] - true[found.index]
        kept = found.index == 0
        told = float(found.gain or 0.0)
        low, high = found.interval
        none = true[0] <= true[found.challenger]
        made.append(
            (
                kept,
                gain,
                gain < -MARGIN,
                told - gain,
                true[found.index] - found.value,
                low <= true[found.index] <= high,
                found.p_value,
                none,
            )
        )
    return np.array(made, float)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=2000, help="searches that are simulated in each world")
    parser.add_argument("--quick", action="store_true", help="only show that it works: two worlds, 20 draws")
    args = parser.parse_args()
    worlds, draws = (WORLDS[:2], 20) if args.quick else (WORLDS, args.draws)
    print(
        "spread: sd of true effects; gains and figures in points; too good: the figure, given kept and given returned"
    )
    print(
        "spread default  C    n unsteady  kept  gain worse told-true  too good: kept  returned  covered  none told/true"
    )
    every = []
    for seed, world in enumerate(worlds):
        a = run(world, draws, seed)
        every.append(a)
        print(world, "  ", line(a), flush=True)
    print("all", " " * 28, line(np.concatenate(every)))


def line(a: np.ndarray) -> str:
    kept = a[:, 0] == 1.0

    def mean(column: int, where: np.ndarray) -> float:
        return 100.0 * float(a[where, column].mean()) if where.any() else float("nan")

    return (
        f"{100 * kept.mean():5.0f} {100 * a[:, 1].mean():+6.2f} {100 * a[:, 2].mean():5.1f} {mean(3, ~kept):+9.2f}"
        f" {mean(4, kept):+15.2f} {mean(4, ~kept):+9.2f} {100 * a[:, 5].mean():8.1f}"
        f"   {a[:, 6].mean():.2f}/{a[:, 7].mean():.2f}"
    )


if __name__ == "__main__":
    main()
