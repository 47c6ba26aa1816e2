"""How well small pretraining runs say what a large one needs: regret, coverage and width, against a line by hand.

    python benchmarks/scaling.py [--draws 20] [--plans 2] [--data FILE] [--quick]

FILE has the columns params, tokens, lr, batch_sequences and loss; by default the table of real pretraining runs that
lies beside the project, if it is there. The law is fitted to the scales below each cut (FLOP = 6 · params · tokens), to
all runs and to 12 random ones a scale, and asked about all scales above 1e20. Regret: the loss of the tried setting
that is nearest to the advice, less the lowest loss there. Line: least squares through the logarithms of the best runs.
Coverage: of the best run, and of the optimum of the bowl that is fitted to all runs, also jointly. Plans: what random
purchases for the same money reach, from eight random runs at each of the five smallest scales.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
CUTS = (4e18, 6e18, 1.05e19, 2.6e19, 5e19)
LARGE = 1e20
DATA = Path(__file__).parents[2] / "shared" / "data" / "llm_pretraining_lr_batch.csv"


class Table:
    """The runs as arrays, and what is true of each scale.

    Args:
        data: columns of the runs.
    """

    def __init__(self, data: Any) -> None:
        import numpy as np

        from tunesmith.scaling.bowls import fit_bowls
        from tunesmith.scaling.runs import read_runs

        self.columns = {name: data[name] for name in ("params", "tokens", "lr", "batch_sequences", "loss")}
        self.runs = read_runs(self.columns, ["params", "tokens"], {"lr": "log", "batch_sequences": "log"}, "loss", None)
        self.flop = 6 * self.runs.scales.prod(axis=1)
        self.bowls = fit_bowls(self.runs)
        rows = [np.flatnonzero(self.runs.cell == s) for s in range(len(self.flop))]
        self.best = np.array([self.runs.z[r[np.argmin(self.runs.loss[r])]] for r in rows])
        self.rows = rows

    def part(self, chosen: Any) -> dict[str, Any]:
        """Return some of the runs as columns.

        Args:
            chosen: rows.
        """
        return {name: column[chosen] for name, column in self.columns.items()}

    def regret(self, scale: int, z: Any) -> tuple[float, float]:
        """Return the regret of a setting: of the nearest tried one, and by the bowl.

        Args:
            scale: place of the scale.
            z: logarithms of the setting.
        """
        rows = self.rows[scale]
        losses = self.runs.loss[rows]
        near = ((self.runs.z[rows] - z) ** 2).sum(axis=1).argmin()
        steep = float(self.bowls.steepness(self._log(scale))[0])
        return float(losses[near] - losses.min()), float(
            self.bowls.excess((z - self.bowls.optimum[scale])[None], steep)[0]
        )

    def _log(self, scale: int) -> Any:
        import numpy as np

        return np.log(self.runs.scales[scale])[None]


def main() -> None:
    """Print both tables."""
    os.environ.update(dict.fromkeys(THREADS, "1"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--plans", type=int, default=2)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--quick", action="store_true", help="a made table, one draw, one cut, no plans: a smoke test")
    given = parser.parse_args()
    if not (given.quick or given.data.exists()):
        parser.exit(2, f"there is no {given.data.name}; name a table with --data\n")
    import numpy as np

    table = Table(_made() if given.quick else np.genfromtxt(given.data, delimiter=",", names=True))
    predictions(table, 1 if given.quick else given.draws, CUTS[-1:] if given.quick else CUTS)
    if given.plans and not given.quick:
        plans(table, given.plans)


def _made() -> dict[str, Any]:
    """Return a table of runs that follow a law exactly, but for noise."""
    import numpy as np

    rng = np.random.default_rng(0)
    scales = [(n, d) for n in (6e7, 2.4e8, 1e9) for d in (2e9, 8e9, 3.2e10)]
    params, tokens = np.repeat(scales, 15, axis=0).T
    u, v = rng.uniform(-1.5, 1.5, (2, len(params)))
    lr, batch = 0.003 * (params / 1e8) ** -0.6 * np.exp(u), 128 * (tokens / 4e9) ** 0.5 * np.exp(v)
    loss = 1.7 + 90 * params**-0.3 + 500 * tokens**-0.32 + 0.02 * u**2 + 0.015 * v**2
    noise = 0.002 * rng.standard_normal(len(loss))
    return {"params": params, "tokens": tokens, "lr": lr, "batch_sequences": batch, "loss": loss + noise}


def predictions(table: Table, draws: int, cuts: Sequence[float]) -> None:
    """Print regret, coverage and width for each cut.

    Args:
        table: of runs.
        draws: of 12 runs a scale.
        cuts: the law is fitted to scales of at most so many FLOP.
    """
    import numpy as np

    print(
        "cut      runs  regret  of bowl  line    | best run: lr  batch joint | optimum: lr  batch joint | ÷× lr  batch"
    )
    for cut in cuts:
        small = np.flatnonzero(table.flop <= cut)
        rows = np.concatenate([table.rows[s] for s in small])
        scored = {"all": [_score(table, small, rows)], "12": []}
        for seed in range(draws):
            rng = np.random.default_rng(seed)
            drawn = np.concatenate([rng.choice(table.rows[s], 12, replace=False) for s in small])
            scored["12"].append(_score(table, small, drawn))
        for name, found in scored.items():
            if found:
                regret, bowl, line, *rest = np.mean(found, axis=0)
                told = " ".join(f"{v:6.3f}" for v in rest)
                print(f"{cut:.2e} {name:4} {regret:.4f}  {bowl:.4f}   {line:.4f}  | {told}", flush=True)


def _score(table: Table, small: Any, rows: Any) -> list[float]:
    import numpy as np

    from tunesmith.scaling import ScalingLaw

    law = ScalingLaw(["params", "tokens"], ["lr", "batch_sequences"]).fit(table.part(rows))
    sides = np.column_stack([np.ones(len(small)), np.log(table.runs.scales[small])])
    mine = [rows[table.runs.cell[rows] == s] for s in small]
    line = np.linalg.lstsq(sides, [table.runs.z[r[np.argmin(table.runs.loss[r])]] for r in mine], rcond=None)[0]
    found = []
    for s in np.flatnonzero(table.flop > LARGE):
        params, tokens = table.runs.scales[s]
        advice = law.predict(params=params, tokens=tokens)
        z = np.log([setting.value for setting in advice.values()])
        by_hand = np.array([1.0, *np.log(table.runs.scales[s])]) @ line
        one = [*table.regret(s, z), table.regret(s, by_hand)[0]]
        for true in np.exp([table.best[s], table.bowls.optimum[s]]):
            one += [float(a.interval[0] <= t <= a.interval[1]) for a, t in zip(advice.values(), true, strict=True)]
            one.append(float(advice.region.contains(dict(zip(advice, true, strict=True)))))
        found.append([*one, *(np.sqrt(a.interval[1] / a.interval[0]) for a in advice.values())])
    return np.mean(found, axis=0).tolist()


def plans(table: Table, seeds: int) -> None:
    """Print what planned and random purchases reach.

    Args:
        table: of runs.
        seeds: starts for each target.
    """
    import numpy as np

    print("budget  planned: regret  of bowl  random: regret  of bowl  ratio of bowls  error of the difference")
    for budget in (0.5, 1.0, 2.0):
        pairs = []
        for target in np.flatnonzero(table.flop > LARGE):
            for seed in range(seeds):
                rng = np.random.default_rng([seed, target])
                start = np.concatenate([rng.choice(table.rows[s], 8, replace=False) for s in range(5)])
                planned, drawn = _planned(table, start, target, budget), _drawn(table, start, target, budget, rng)
                pairs.append([*_reached(table, planned, target), *_reached(table, drawn, target)])
        mean = np.mean(pairs, axis=0)
        difference = np.array(pairs)[:, 1] - np.array(pairs)[:, 3]
        error = difference.std(ddof=1) / np.sqrt(len(pairs))
        print(f"{budget:<7} " + "  ".join(f"{v:.4f}" for v in [*mean, mean[1] / mean[3], error]), flush=True)


def _planned(table: Table, rows: Any, target: int, budget: float) -> Any:
    import numpy as np

    from tunesmith.scaling import ScalingLaw

    named = [{"params": p, "tokens": t} for p, t in table.runs.scales]
    menu = [named[s] for s in np.flatnonzero(table.flop <= table.flop[target] / 2)]
    law = ScalingLaw(["params", "tokens"], ["lr", "batch_sequences"]).fit(table.part(rows))
    for purchase in law.plan(named[target], budget, menu=menu).purchases:
        s = named.index(purchase.scale)
        for point in purchase.points:
            free = np.setdiff1d(table.rows[s], rows)
            if len(free):
                far = ((table.runs.z[free] - np.log(list(point.values()))) ** 2).sum(axis=1)
                rows = np.append(rows, free[far.argmin()])
    return rows


def _drawn(table: Table, rows: Any, target: int, budget: float, rng: Any) -> Any:
    import numpy as np

    price = table.flop / table.flop[target]
    while True:
        open_scales = [s for s in np.flatnonzero(price <= min(budget, 0.5)) if len(np.setdiff1d(table.rows[s], rows))]
        if not open_scales:
            return rows
        s = rng.choice(open_scales)
        rows = np.append(rows, rng.choice(np.setdiff1d(table.rows[s], rows)))
        budget -= price[s]


def _reached(table: Table, rows: Any, target: int) -> tuple[float, float]:
    import numpy as np

    from tunesmith.scaling.fitted import Fitted, normal_draws
    from tunesmith.scaling.runs import read_runs

    named = ["params", "tokens"], {"lr": "log", "batch_sequences": "log"}
    fitted = Fitted.to(read_runs(table.part(rows), *named, "loss", None), True, {})
    belief = fitted.belief(table.runs.scales[target], "")
    return table.regret(target, np.asarray(fitted.least_expected(belief, normal_draws(belief.mean, belief.covariance))))


if __name__ == "__main__":
    main()
