"""What regret.py shows: tables, a plot (in letters where matplotlib is missing), and the same as files."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from _score import Floats, Reference, Runs, interval, mean_ranks, mean_regret, regrets

NOISE = 0.005  # differences of regret that the verdict on a task does not call a loss
OURS = ["#08519c", "#cb181d", "#238b45", "#88419d", "#d94801"]
OTHERS = ["#8c6d31", "#5f9ea0", "#b07aa1", "#7f7f7f", "#d6a05c", "#6b8e23", "#a0522d", "#708090", "#c48a9f"]


@dataclass(frozen=True)
class Result:
    """All that is shown, over the tasks that every optimiser shown has runs on."""

    regret: dict[str, dict[str, Floats]]  # optimiser -> task -> regret [seeds, n]
    tasks: list[str]
    kinds: Mapping[str, str]  # "ours", "peer", "recorded", "also"
    seconds: Mapping[str, Sequence[float]]  # CPU seconds a trial, of each run
    points: Sequence[int]
    n: int

    @cached_property
    def mean(self) -> dict[str, Floats]:
        return {o: mean_regret(by_task, self.tasks) for o, by_task in self.regret.items()}

    @cached_property
    def intervals(self) -> dict[str, tuple[Floats, Floats]]:
        return {o: interval(by_task, self.tasks) for o, by_task in self.regret.items()}

    @cached_property
    def ranks(self) -> dict[int, dict[str, float]]:
        return {n: mean_ranks(self.regret, self.tasks, n) for n in self.points}

    @cached_property
    def order(self) -> list[str]:
        return sorted(self.regret, key=lambda o: float(self.mean[o][self.points[-1] - 1]))

    @property
    def ours(self) -> str | None:
        """The first of our samplers, the one that the verdicts are on."""
        return next((o for o in self.regret if self.kinds[o] == "ours"), None)

    @property
    def peers(self) -> list[str]:
        return [o for o in self.regret if self.kinds[o] in ("peer", "recorded")]

    @property
    def random(self) -> str | None:
        """Random search: a peer's recorded one first, since it has a share in what regret 0 and 1 mean."""
        named = [o for o in self.regret if "random" in o]
        return next((o for o in named if self.kinds[o] == "recorded"), named[0] if named else None)


def result(
    runs: Runs,
    references: Mapping[str, Reference],
    kinds: Mapping[str, str],
    seconds: Mapping[str, Sequence[float]],
    points: Sequence[int],
    n: int,
) -> tuple[Result | None, list[str]]:
    """Return what can be compared, and remarks on what cannot."""
    remarks = []
    regret = regrets(runs, references, n)
    made = [t for t in references if any(t in regret[o] for o in regret if kinds[o] != "recorded")]
    for optimiser in list(regret):
        lacking = [t for t in made if t not in regret[optimiser]]
        if len(lacking) == len(made):
            remarks.append(f"{optimiser} has no run on any of the tasks and is not shown")
            del regret[optimiser]
        elif lacking:
            remarks.append(f"{optimiser} has no run on {', '.join(lacking)}: left out of all figures")
    tasks = [t for t in made if all(t in by_task for by_task in regret.values())]
    if not tasks:
        return None, [*remarks, "there is no task that all of these have runs on"]
    return Result(regret, tasks, kinds, seconds, points, n), remarks


# -- tables --------------------------------------------------------------------------------------------------------


def regret_table(r: Result) -> list[str]:
    wide = max(map(len, r.order)) + 2
    lines = [
        f"Mean normalised regret over {len(r.tasks)} tasks after so many trials, with a 95 % interval over seeds",
        " " * wide + f"{'runs':>10s}{'seeds':>6s}{'CPU ms':>9s}" + "".join(f"{f'@{n}':>24s}" for n in r.points),
    ]
    for o in r.order:
        low, high = r.intervals[o]
        cells = "".join(
            f"{r.mean[o][n - 1]:8.4f} [{low[n - 1]:.4f}, {high[n - 1]:.4f}]".replace("[nan, nan]", " " * 16)
            for n in r.points
        )
        seeds = min(len(r.regret[o][t]) for t in r.tasks)
        spent = f"{np.mean(r.seconds[o]) * 1e3:9.2f}" if o in r.seconds else f"{'-':>9s}"
        lines.append(f"{o:{wide}s}{r.kinds[o]:>10s}{seeds:6d}{spent}{cells}")
    return lines


def rank_table(r: Result) -> list[str]:
    wide = max(map(len, r.order)) + 2
    lines = [
        f"Mean rank among these {len(r.order)} (1 is best)",
        " " * wide + "".join(f"{f'@{n}':>8s}" for n in r.points),
    ]
    return lines + [f"{o:{wide}s}" + "".join(f"{r.ranks[n][o]:8.2f}" for n in r.points) for o in r.order]


def against_peers(r: Result) -> list[str]:
    """How the first of our samplers stands beside the best peer of each point."""
    if r.ours is None or not r.peers:
        return []
    lines = []
    for n in r.points:
        best = min(r.peers, key=lambda o: float(r.mean[o][n - 1]))
        own, other = float(r.mean[r.ours][n - 1]), float(r.mean[best][n - 1])
        times = f"{own / other:.2f} x" if other > 0 else "against"
        lines.append(f"after {n} trials {r.ours} has {own:.4f}: {times} the {other:.4f} of the best peer, {best}")
    return lines


def task_table(r: Result) -> list[str]:
    """Each task: ours / the best of the peers there, which is a different one on each task."""
    if r.ours is None:
        return []
    ours = r.regret[r.ours]
    wide = max(map(len, r.tasks)) + 2
    shown = r.points[-3:]
    title = "the best peer there" if r.peers else "(no peers)"
    lines = [
        f"Per task: regret of {r.ours} / {title}",
        " " * wide + "".join(f"{f'@{n}':>16s}" for n in shown) + f"{'random':>9s}  verdict",
    ]
    for task in r.tasks:
        cells = ""
        for n in shown:
            best = min((float(r.regret[o][task][:, n - 1].mean()) for o in r.peers), default=np.nan)
            cells += f"{ours[task][:, n - 1].mean():8.4f}/{best:.4f} ".replace("/nan", "       ")
        chance = float(r.regret[r.random][task][:, -1].mean()) if r.random else np.nan
        lines.append(f"{task:{wide}s}{cells}{chance:9.4f}  {verdict(r, task)}")
    return lines


def verdict(r: Result, task: str) -> str:
    """In words, how the first of our samplers stands on a task in the end."""
    ours = r.ours
    if ours is None:
        return ""
    own = float(r.regret[ours][task][:, -1].mean())
    words = []
    if r.random and r.random != ours and own > float(r.regret[r.random][task][:, -1].mean()) + NOISE:
        words.append("WORSE THAN RANDOM")
    if r.peers:
        best = min(r.peers, key=lambda o: float(r.regret[o][task][:, -1].mean()))
        gap = own - float(r.regret[best][task][:, -1].mean())
        words.append(f"loses to {best} by {gap:.3f}" if gap > NOISE else "level" if gap > -NOISE else "wins")
    return ", ".join(words)


# -- plots ---------------------------------------------------------------------------------------------------------


def draw(r: Result, path: Path) -> None:
    """Mean regret against trials, with intervals; raises ImportError without matplotlib."""
    import matplotlib

    matplotlib.use("agg")  # draw into a file, also where there is no screen
    matplotlib.rcParams["svg.hashsalt"] = "tunesmith"  # the same runs give the same file
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(8.5, 5.2), layout="constrained")
    trials = np.arange(1, r.n + 1)
    floor = max(min(float(m[-1]) for m in r.mean.values()) / 2, 1e-4)
    ours = [o for o in r.regret if r.kinds[o] == "ours"]
    colours = dict(zip(ours, OURS * 9, strict=False)) | dict(
        zip([o for o in r.order if o not in ours], OTHERS * 9, strict=False)
    )
    ends = []
    for o in reversed(r.order):
        mean = np.maximum(r.mean[o], floor)
        low, high = (np.maximum(end, floor) for end in r.intervals[o])
        is_ours, colour = o in ours, colours[o]
        ax.plot(trials, mean, color=colour, lw=2.4 if is_ours else 1.1, zorder=3 if is_ours else 2)
        ax.fill_between(trials, low, high, color=colour, alpha=0.2 if is_ours else 0.08, lw=0)
        ends.append((o, float(mean[-1]), colour))
    ax.set(
        yscale="log", xlim=(1, r.n), ylim=(floor, 1.05), xlabel="trials", ylabel="mean normalised regret",
        title=f"{len(r.tasks)} tasks; bands: 95 % over seeds",
    )  # fmt: skip
    _label_ends(ax, r.n, ends, np.log(floor), np.log(1.05))
    ax.spines[["top", "right"]].set_visible(False)
    fig.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(fig)


def _label_ends(ax: object, n: int, ends: list[tuple[str, float, str]], low: float, high: float) -> None:
    """Write each name at the end of its curve, moved apart where they would overlap."""
    gap = 0.038 * (high - low)
    at = float("-inf")
    for name, value, colour in sorted(ends, key=lambda e: e[1]):
        at = max(np.log(value), at + gap)
        ax.annotate(  # type: ignore[attr-defined]  # matplotlib is imported only where it draws
            name, (n, value), (n * 1.03, float(np.exp(at))), color=colour, va="center", fontsize=9,
            annotation_clip=False, arrowprops={"arrowstyle": "-", "color": colour, "lw": 0.5},
        )  # fmt: skip


def letters(r: Result, height: int = 14, width: int = 60) -> list[str]:
    """The same curves in letters, for where there is no matplotlib: log of the regret upwards, trials to the right."""
    shown = r.order[:26]
    low = np.log10(max(min(float(r.mean[o][-1]) for o in shown) / 1.3, 1e-4))
    canvas = [[" "] * width for _ in range(height)]
    for i in reversed(range(len(shown))):  # the best one is drawn last, over the others
        for column in range(width):
            value = r.mean[shown[i]][round(column / (width - 1) * (r.n - 1))]
            row = np.log10(max(float(value), 10**low)) / low if low < 0 else 0.0
            canvas[min(round(row * (height - 1)), height - 1)][column] = chr(ord("a") + i)
    lines = [f"{1:8.3g} +" + "".join(canvas[0])]
    lines += ["         |" + "".join(row) for row in canvas[1:-1]]
    lines += [f"{10**low:8.3g} +" + "".join(canvas[-1]), f"          1{f'{r.n} trials':>{width - 1}s}"]
    return [*lines, "          " + "  ".join(f"{chr(ord('a') + i)} {o}" for i, o in enumerate(shown))]


# -- all of it -----------------------------------------------------------------------------------------------------


def as_json(r: Result) -> dict[str, object]:
    def rounded(x: Floats) -> list[float]:
        return [round(float(v), 6) for v in x]

    return {
        "tasks": r.tasks,
        "trials": r.n,
        "optimisers": {
            o: {
                "runs": r.kinds[o],
                "regret": rounded(r.mean[o]),
                "interval": [rounded(end) for end in np.nan_to_num(r.intervals[o])],
                "rank": {str(n): r.ranks[n][o] for n in r.points},
                "per_task": {t: {str(n): round(float(r.regret[o][t][:, n - 1].mean()), 6) for n in r.points}
                             for t in r.tasks},
            }
            for o in r.order
        },
    }  # fmt: skip


def show(
    runs: Runs,
    references: Mapping[str, Reference],
    kinds: Mapping[str, str],
    seconds: Mapping[str, Sequence[float]],
    points: Sequence[int],
    n: int,
    out: Path,
) -> int:
    """Print the tables, write them and the plot into `out`; return the exit status."""
    r, remarks = result(runs, references, kinds, seconds, points, n)
    if r is None:
        print("\n".join(remarks))
        return 1
    parts = [remarks, regret_table(r), rank_table(r), against_peers(r), task_table(r)]
    text = "\n\n".join("\n".join(lines) for lines in parts if lines)
    print("\n" + text)
    out.mkdir(parents=True, exist_ok=True)
    written = [out / "report.txt", out / "report.json"]
    written[0].write_text(text + "\n", encoding="utf-8")
    written[1].write_text(json.dumps(as_json(r)) + "\n")
    try:
        for suffix in (".svg", ".png"):
            draw(r, out / f"regret{suffix}")
            written.append(out / f"regret{suffix}")
    except ImportError:
        print("\n" + "\n".join(letters(r)) + "\n(matplotlib would draw this as a picture)")
    print("\nwritten: " + ", ".join(os.path.relpath(p) for p in written))
    return 0
