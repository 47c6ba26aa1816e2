"""How far a search's score can be trusted, and whether its choice is better than the default: beside the peers.

Every search gets n training rows, the same space and the same number of model fits. Reported score, interval and
choice are held against thousands of rows that no search saw. A run is kept as one line of build/honesty/runs.jsonl;
stop it any time and start it again. `--curve` adds searches with fewer fits, for the plot of test score against fits.

`--cells` measures the figure for each metric of scikit-learn instead, kept in build/honesty/cells.jsonl, and prints the
table of docs/trust.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import math
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import _cells
import numpy as np
from _honesty import CHEAP, DATA, SEARCHES, draw, models
from sklearn.base import clone

CURVE = (25, 50, 100, 200)
MARGIN = 0.005  # half a point of accuracy: what counts as worse than the default
Run = dict[str, Any]
RUN = ("search", "data", "model", "n", "seed", "budget")  # what tells one run from another
CELL = ("name", "data", "model", "n", "seed")


def run(name: str, data: str, model: str, n: int, seed: int, budget: int) -> Run | None:
    drawn = draw(data, n, seed)
    if drawn is None:
        return None
    X, y, X_test, y_test = drawn
    made = models(n)[model]
    default = clone(made.estimator).fit(X, y).score(X_test, y_test)
    start = time.process_time()
    found = SEARCHES[name](made, X, y, budget, seed)
    seconds = time.process_time() - start
    return {
        "fits": found.fits,
        "seconds": seconds,
        "reported": float(found.reported),
        "low": float(found.interval[0]),
        "high": float(found.interval[1]),
        "true": float(found.estimator.score(X_test, y_test)),
        "default": float(default),
        "kept_default": found.kept_default,
    }


def runs(args: argparse.Namespace) -> Iterator[Run]:
    """Yield all searches asked for."""
    budgets = [*(CURVE if args.curve else ()), args.fits]
    jobs = itertools.product(_seeds(args), args.sizes, args.data, args.models, budgets, args.searches)
    ordered = ((name, data, model, n, seed, budget) for seed, n, data, model, budget, name in jobs)
    return kept(args, "runs", RUN, ordered, run)


def cells(args: argparse.Namespace) -> Iterator[Run]:
    """Yield the searches of all cells asked for."""
    named = [(n, c) for n, c in _cells.CELLS.items() if any(fnmatch(n, pattern) for pattern in args.names)]
    jobs = itertools.product(_seeds(args), named)
    ordered = ((name, cell.data, cell.model, cell.rows, seed) for seed, (name, cell) in jobs)
    return kept(args, "cells", CELL, ordered, _cells.run)


def _seeds(args: argparse.Namespace) -> range:
    return range(args.first_seed, args.first_seed + args.seeds)


def kept(
    args: argparse.Namespace,
    name: str,
    fields: tuple[str, ...],
    jobs: Iterable[tuple[Any, ...]],
    make: Callable[..., Run | None],
) -> Iterator[Run]:
    """Yield what was measured of each job, named by the fields; what is in the file is not measured again."""
    args.out.mkdir(parents=True, exist_ok=True)
    file = args.out / f"{name}.jsonl"
    lines = file.read_text().splitlines() if file.exists() and not args.quick else []
    known = {tuple(made[f] for f in fields): made for made in map(json.loads, lines)}
    with (args.out / f"quick-{name}.jsonl" if args.quick else file).open("a") as out:
        for job in jobs:
            if job not in known:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    measured = make(*job)
                if measured is None:
                    continue
                known[job] = dict(zip(fields, job, strict=True)) | measured
                out.write(json.dumps(known[job]) + "\n")
                out.flush()
            yield known[job]


def columns(made: list[Run]) -> dict[str, np.ndarray]:
    return {k: np.array([r.get(k, math.nan) for r in made]) for k in made[-1]}


def row(label: str, made: list[Run]) -> str:
    c = columns(made)
    error, gain = c["reported"] - c["true"], c["true"] - c["default"]
    covered = (c["low"] <= c["true"]) & (c["true"] <= c["high"])
    width = (c["high"] - c["low"]).mean()
    hold_out = (2 * 1.96 * np.sqrt(c["true"] * (1 - c["true"]) / c["n"])).mean()
    # Searches on the same rows share their luck: the error of the mean error is that of the means of rows' draws.
    draws = [np.mean(error[(c["seed"] == s) & (c["data"] == d) & (c["n"] == n)]) for s, d, n in _draws(c)]
    return (
        f"{label:24s} {len(made):5d} {c['fits'].mean():6.0f} {100 * error.mean():+7.2f} ±{_se(draws):4.2f}"
        f" {100 * covered.mean():7.1f} {width:7.3f} {width / max(hold_out, 1e-9):6.2f}"
        f" {100 * gain.mean():+7.2f} {100 * (gain < -MARGIN).mean():7.1f} {100 * c['kept_default'].mean():6.0f}"
        f" {c['seconds'].mean():7.1f}"
    )


def _draws(c: dict[str, np.ndarray]) -> set[tuple[Any, ...]]:
    return set(zip(c["seed"].tolist(), c["data"].tolist(), c["n"].tolist(), strict=True))


def _se(values: list[float]) -> float:
    return 100 * float(np.std(values) / np.sqrt(len(values)))


def table(made: list[Run], fits: int) -> None:
    full = [r for r in made if r["budget"] == fits]
    print(f"\nAt {fits} model fits; accuracy in points. error: reported - true, with its standard error; covered: 95 %")
    print(
        "intervals that hold the truth, %; x: their width over that of an independent hold-out of n rows; worse: than"
    )
    print("the default by more than half a point, %; kept: the default was returned, %; CPU: seconds of a search.\n")
    print(f"{'':24s} {'runs':>5s} {'fits':>6s} {'error':>13s} {'covered':>7s} {'width':>7s} {'x':>6s}", end="")
    print(f" {'gain':>7s} {'worse':>7s} {'kept':>6s} {'CPU':>7s}")
    for name in dict.fromkeys(r["search"] for r in full):
        own = [r for r in full if r["search"] == name]
        print(row(name, own))
        for field in ("n", "model"):
            for value in dict.fromkeys(r[field] for r in own):
                print(row(f"  {field} = {value}", [r for r in own if r[field] == value]))
    budgets = sorted({r["budget"] for r in made})
    if len(budgets) > 1:
        print("\nMean true accuracy by model fits:")
        curves = {}
        for name in dict.fromkeys(r["search"] for r in made):
            parts = [columns([r for r in made if r["search"] == name and r["budget"] == b]) for b in budgets]
            curves[name] = [(float(c["fits"].mean()), float(c["true"].mean())) for c in parts]
            print(f"{name:24s} " + "  ".join(f"{spent:.0f}: {score:.4f}" for spent, score in curves[name]))
        wanted = curves["scikit-learn"][-1][1] if "scikit-learn" in curves else math.inf
        for name, curve in curves.items():
            enough = next((spent for spent, score in curve if score >= wanted), None)
            if enough is not None:
                print(f"{name} reaches with {enough:.0f} fits what scikit-learn reaches with {fits}")


def plots(made: list[Run], fits: int, folder: Path) -> None:
    """Calibration of the interval (coverage by model and n), and test score against fits, into two SVG files."""
    if importlib.util.find_spec("matplotlib") is None:
        print("matplotlib is not installed: no plots")
        return
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "honesty"  # the same figures make the same file
    import matplotlib.pyplot as plt

    names = list(dict.fromkeys(r["search"] for r in made))
    figure, axes = plt.subplots(1, len(names), figsize=(4 * len(names), 4), sharex=True, sharey=True, squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        c = columns([r for r in made if r["search"] == name and r["budget"] == fits])
        held = (c["low"] <= c["true"]) & (c["true"] <= c["high"])
        for inside, colour in ((True, "tab:blue"), (False, "tab:red")):
            axis.scatter(c["true"][held == inside], c["reported"][held == inside], s=6, c=colour)
        axis.axline((0.5, 0.5), slope=1, color="grey", lw=1)
        axis.set(title=f"{name}: {100 * held.mean():.0f} % covered", xlabel="true accuracy", ylabel="reported")
    figure.tight_layout()
    figure.savefig(folder / "calibration.svg", metadata={"Date": None})
    budgets = sorted({r["budget"] for r in made})
    if len(budgets) > 1:
        figure, axis = plt.subplots(figsize=(5, 4))
        for name in names:
            parts = [columns([r for r in made if r["search"] == name and r["budget"] == b]) for b in budgets]
            axis.plot([p["fits"].mean() for p in parts], [p["true"].mean() for p in parts], "o-", label=name)
        axis.set(xlabel="model fits", ylabel="mean true accuracy")
        axis.legend()
        figure.tight_layout()
        figure.savefig(folder / "fits.svg", metadata={"Date": None})
    print(f"plots: {folder}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    have_optuna = importlib.util.find_spec("optuna") is not None
    searches = [name for name in SEARCHES if name != "optuna" or have_optuna]
    parser.add_argument("--searches", type=_names, default=searches, help=f"of {', '.join(SEARCHES)}")
    parser.add_argument("--data", type=_names, default=list(DATA), help=f"of {', '.join(DATA)} (semicolons between)")
    parser.add_argument("--models", type=_names, default=list(CHEAP), help="of svc; tree; knn; ridge; boosting; mlp")
    parser.add_argument("--sizes", type=lambda s: [int(v) for v in s.split(",")], default=[50, 100, 300])
    parser.add_argument("--fits", type=int, default=300, help="model fits of a search")
    parser.add_argument("--seeds", type=int, default=None, help="3, or 40 with --cells")
    parser.add_argument("--first-seed", type=int, default=100, help="the method was tuned on 0 to 4")
    parser.add_argument("--curve", action="store_true", help="searches with fewer fits, too")
    parser.add_argument("--cells", action="store_true", help="each metric of scikit-learn, and the hard cells")
    parser.add_argument("--names", type=_names, default=["*"], help="of cells, with * (semicolons between)")
    parser.add_argument("--out", type=Path, default=Path("build/honesty"))
    parser.add_argument("--quick", action="store_true", help="only show that it works")
    args = parser.parse_args()
    args.seeds = args.seeds or (40 if args.cells else 3)
    if args.cells:
        if args.quick:
            args.names, args.seeds = ["accuracy", "r2"], 2
        print(_cells.table(list(cells(args))))
        return
    if args.quick:
        args.data, args.models, args.sizes, args.seeds, args.fits = ["moons"], ["tree", "knn"], [60], 1, 50
    made = list(runs(args))
    if not made:
        raise SystemExit("nothing was run: too few rows of these data for these sizes")
    table(made, args.fits)
    plots(made, args.fits, args.out)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(";" if ";" in text or ", " in text else ",")]


if __name__ == "__main__":
    main()
