"""What the choice between the default and the rest does, where the truth is known: in simulated worlds, and on models.

A world is how much true error rates differ (in standard deviations of a row's paired gain), where the default stands
among them, how many candidates and rows there are, and how unsteady models are. Each draw makes the 0/1 losses of all
candidates on all rows, with rows that are hard for all of them, chooses by `select_by_rows`, and holds the figure, the
gain and the chance of none against the model that is fitted in the end.

`--searches` makes real searches instead, on twenty kinds of data and on labels at random, with four classifiers, and
keeps the losses of all candidates (build/decisions.pkl): then other rules choose among the same ones in seconds. It
prints what is returned, by kind of model and number of rows; the same where another candidate stands for the default,
one at random or the worst of all; and the table of `risk=`. Stop it any time and start it again; six seeds take half
an hour. `--tables` does the same on 37 tables of packages (`_datasets.py`), build/decisions-tables.pkl: where defaults
are poorer, as real data have more noise than made ones.

Run it:    python benchmarks/decisions.py [--draws 2000] [--searches | --tables] [--seeds 6] [--quick]
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import _decided
import numpy as np
from _honesty import CHEAP, NOTHING, OTHER_DATA
from scipy.special import ndtri

from tunesmith.selection import Rule, SelectionResult, select_by_rows
from tunesmith.selection.choice import CAUTION_BY_RISK
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
        made.append(outcome(found, true, 0))
    return np.array(made, float)


def outcome(found: SelectionResult, true: np.ndarray, default: int) -> tuple[float, ...]:
    """Return what `line` reads of one choice."""
    own, gain = true[found.index], true[default] - true[found.index]
    low, high = found.interval
    return (
        found.index == default,
        gain,
        gain < -MARGIN,
        (found.gain.value if found.gain else 0.0) - gain,
        own - found.value,
        low <= own <= high,
        found.p_value or 0.0,
        true[default] <= true[found.challenger],
    )


# ----------------------------------------------------------------------------------------------------------------------
# Real searches.


Place = Callable[[np.ndarray, int], int]  # true error rates and a seed -> which candidate stands for the default


def chosen(searches: list[dict[str, Any]], caution: float, place: Place | None = None) -> np.ndarray:
    """Choose again in each search; None: its own default."""
    made = []
    for search in searches:
        true, losses, default = search["true"], search["losses"], search["rule"].default
        if place is not None:
            whole = np.isfinite(losses[np.isfinite(losses).any(axis=1)]).all(axis=0)
            default = int(np.flatnonzero(whole)[place(true[whole], search["seed"] + search["n"])])
        rule = replace(search["rule"], default=default, caution=caution)
        made.append(outcome(select_by_rows(losses, rule, **search["known"]), true, default))
    return np.array(made, float)


def told_of(made: list[dict[str, Any]]) -> None:
    searches = [s for s in made if s["data"] != NOTHING]
    print("gains and figures in points; too good: the figure, given kept and given returned; none: no gain of a leader")
    print(f"{'':25s}    n  kept   gain worse told-true  too good: kept  returned  covered  none told/true")
    caution = Rule().caution
    every = chosen(searches, caution)

    def part(label: str, where: np.ndarray) -> None:
        if where.any():
            print(f"{label:25s} {where.sum():4d}", line(every[where]), flush=True)

    model, n = (np.array([s[field] for s in searches]) for field in ("model", "n"))
    part("all", np.ones(len(searches), bool))
    for label, kinds in (("kinds of later", OTHER_DATA), *_decided.TABLES.items()):
        part(label, np.array([s["data"] in kinds for s in searches]))
    for name in CHEAP:
        part(name, model == name)
    for rows in _decided.SIZES:
        part(f"{rows} rows", n == rows)
    part("tree, 150 rows", (model == "tree") & (n == 150))
    for label, place in (("default: a candidate", _drawn), ("default: the worst", _worst)):
        print(f"{label:25s} {len(searches):4d}", line(chosen(searches, caution, place)))
    if by_chance := [s for s in made if s["data"] == NOTHING]:
        print(f"{'labels at random':25s} {len(by_chance):4d}", line(chosen(by_chance, caution)))
    print("\nrisk  caution  gain  worse  kept  worse by model")
    for risk, caution in CAUTION_BY_RISK:
        a = chosen(searches, caution)
        by_model = " ".join(f"{100 * a[model == m, 2].mean():.1f}" for m in CHEAP if (model == m).any())
        gain, worse, kept = (100 * a[:, c].mean() for c in (1, 2, 0))
        print(f"{risk:5.3f} {caution:6.2f} {gain:+7.2f} {worse:5.1f} {kept:5.0f}   {by_model}", flush=True)


def _drawn(true: np.ndarray, seed: int) -> int:
    return int(np.random.default_rng(seed).integers(len(true)))


def _worst(true: np.ndarray, seed: int) -> int:
    return int(true.argmax())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=2000, help="searches that are simulated in each world")
    parser.add_argument("--quick", action="store_true", help="only show that it works: two worlds, 20 draws")
    parser.add_argument("--searches", action="store_true", help="real searches instead of simulated worlds")
    parser.add_argument("--tables", action="store_true", help="real searches on tables of packages")
    parser.add_argument("--seeds", type=int, default=6, help="searches for each model, number of rows and kind of data")
    parser.add_argument("--out", type=Path, help="where searches are kept: a file")
    args = parser.parse_args()
    if args.searches or args.tables:
        file, kinds = Path("build/decisions.pkl"), {"seeds": range(100, 100 + args.seeds)}
        if args.tables:
            names = [name for tables in _decided.TABLES.values() for name in tables]
            file, kinds = Path("build/decisions-tables.pkl"), {"seeds": range(200, 200 + args.seeds), "kinds": names}
        if args.quick:
            kinds = {"seeds": [101], "sizes": [60], "kinds": names[:1] if args.tables else ["moons", "counts"]}
        told_of(list(_decided.harvests(args.out or file, **kinds)))
        return
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
