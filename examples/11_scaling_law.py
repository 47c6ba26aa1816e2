"""Learning rate and batch size of large language models from small ones, on real pretraining runs.

The table has 16 small scales (model size and number of tokens) with 15 runs each, and four scales that are 3 to 11
times larger than the largest of them, with all of their runs. The law sees the small ones alone. What it says of the
large ones is then held against what was found there, beside what people do by hand: a line through the best run of each
scale.

Run it:    python examples/11_scaling_law.py [report.html]
It needs:  tunesmith
Data:      examples/scaling/README.md (CC BY 4.0)
"""

import csv
import sys
from pathlib import Path

import numpy as np
from spoken import print, said

from tunesmith.report import write_report
from tunesmith.scaling import ScalingLaw, ScalingResults

TABLE = Path(__file__).parent / "scaling" / "step_law_runs.csv"
SCALE, TUNED = ("params", "tokens"), ("lr", "batch_sequences")
LARGE = 9e19  # FLOP


def read():
    with TABLE.open() as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    small = [row for row in rows if 6 * row["params"] * row["tokens"] < LARGE]
    return small, [row for row in rows if row not in small]


def cells(rows):
    found = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in SCALE), []).append(row)
    return found


def line(rows):
    """A straight line through the best run of each scale, in the logarithms, by least squares."""
    best = [min(runs, key=lambda run: run["loss"]) for runs in cells(rows).values()]
    sides = np.array([[1.0, *(np.log(run[name]) for name in SCALE)] for run in best])
    slopes = np.linalg.lstsq(sides, np.log([[run[name] for name in TUNED] for run in best]), rcond=None)[0]
    return lambda target: dict(zip(TUNED, np.exp(np.array([1.0, *np.log(target)]) @ slopes), strict=True))


def regret(setting, runs):
    """How much worse than the best run of a scale is the run next to a setting?"""
    near = min(runs, key=lambda run: sum(np.log(run[name] / setting[name]) ** 2 for name in TUNED))
    return near["loss"] - min(run["loss"] for run in runs)


def main():
    small, large = read()
    law = ScalingLaw(SCALE, TUNED).fit(small)
    by_hand = line(small)
    print(f"Fitted to {len(small)} runs at {len(cells(small))} scales; asked about {len(cells(large))} larger ones.\n")
    head = f"{'params':>8} {'tokens':>8}  {'lr':>8} {'95 %':>17} {'best':>8}  {'batch':>6} {'95 %':>12} {'best':>5}"
    print(f"{head}  {'in both':>7}  regret: {'law':>6} {'line':>7}")
    regrets, held, advice = [], [], []
    for target, runs in cells(large).items():
        found = law.predict(dict(zip(SCALE, target, strict=True)))
        advice.append(found)
        best = min(runs, key=lambda run: run["loss"])
        both = found.region.contains({name: best[name] for name in TUNED})
        held.append([low <= best[name] <= high for name in TUNED for low, high in [found[name].interval]] + [both])
        regrets.append([regret({name: found[name].value for name in TUNED}, runs), regret(by_hand(target), runs)])
        (low, high), (few, many) = found["lr"].interval, found["batch_sequences"].interval
        word = said("yes" if both else "no")
        print(
            f"{target[0]:8.3g} {target[1]:8.3g}  {found['lr'].value:8.2e} {low:8.1e}-{high:8.1e} {best['lr']:8.2e}  "
            f"{found['batch_sequences'].value:6.0f} {few:5.0f}-{many:6.0f} {best['batch_sequences']:5.0f}  "
            f"{word:>{7 - (word > '~')}}  {regrets[-1][0]:14.4f} {regrets[-1][1]:7.4f}"
        )
    of_law, of_line = np.mean(regrets, axis=0)
    print(f"\nmean regret in loss: law {of_law:.4f}, line through the best runs {of_line:.4f}")
    lr, batch, both = np.sum(held, axis=0)
    print(f"the 95 % intervals hold the best run: lr {lr} of {len(held)}, batch {batch}, both together {both}")
    print(f"\n{advice[-1]}")
    if len(sys.argv) > 1:
        plan = law.plan(advice[-1].target, budget=0.2)
        write_report(ScalingResults(law, advice[::-1], [plan]), sys.argv[1])
        print(f"\nreport: {sys.argv[1]}")


if __name__ == "__main__":
    main()
