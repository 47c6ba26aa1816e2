"""CPU seconds and megabytes of each figure of a study of 100,000 trials with ten parameters, beside Optuna's.

The studies are in memory and hold the same trials. Ours makes the arrays, the figure and its JSON, as a page gets it;
Optuna's makes Plotly's figure and its JSON. A figure of theirs that takes longer than the limit is left out of the
larger sizes. `left to gain` is theirs on 1,000 trials at most: it fits a model for each trial.
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

D = 10
NAMES = [f"x{i}" for i in range(D)]
SIZES = (1_000, 100_000)
FIGURES = {
    "plot_optimization_history": ("optimization_history", {}),
    "plot_slice": ("slice", {}),
    "plot_belief": ("belief", {}),
    "plot_contour": ("contour", {}),
    "plot_rank": ("rank", {}),
    "plot_parallel_coordinate": ("parallel_coordinate", {}),
    "plot_edf": ("edf", {}),
    "plot_timeline": ("timeline", {}),
    "plot_intermediate_values": ("intermediate_values", {}),
    "plot_param_importances": ("param_importances", {}),
    "plot_terminator_improvement": ("terminator_improvement", {}),
    "plot_pareto_front": ("pareto_front", {}),
    "plot_hypervolume_history": ("hypervolume_history", {"reference_point": [8.0, 8.0]}),
}
TWO_OBJECTIVES = {"plot_pareto_front", "plot_hypervolume_history"}


def points(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.random((n, D))
    y = np.column_stack([((x - centre) ** 2).sum(axis=1) for centre in (0.3, 0.7)])
    return x, y + 0.05 * rng.standard_normal(y.shape)


def ours(n: int, m: int) -> Any:
    import tunesmith
    from tunesmith.trial.record import TrialRecord

    space = tunesmith.Space({name: tunesmith.Float(0.0, 1.0) for name in NAMES})
    study = tunesmith.create_study(space=space, directions=["minimize"] * m, seed=0)
    x, y = points(n)

    def report(i: int, step: int) -> Any:
        return y[i, 0] + 1 / (1 + step) if m == 1 else tuple(y[i, :m] + 1 / (1 + step))

    study.add_trials(
        [
            TrialRecord(
                -1, tunesmith.TrialState.COMPLETE, space=space, x=x[i].tolist(), values=tuple(y[i, :m].tolist()),
                started=1e9 + i, finished=1e9 + i + 0.9, reports={step: report(i, step) for step in range(3)},
            )
            for i in range(n)
        ]
    )  # fmt: skip
    return study


def theirs(n: int, m: int) -> Any:
    import datetime

    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(directions=["minimize"] * m)
    ranges = {name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in NAMES}
    x, y = points(n)
    start = datetime.datetime(2026, 1, 1)
    trials = []
    for i in range(n):
        trial = optuna.trial.create_trial(
            params=dict(zip(NAMES, x[i].tolist(), strict=True)), distributions=ranges, values=y[i, :m].tolist(),
            intermediate_values={s: float(y[i, 0]) + 1 / (1 + s) for s in range(3)},
        )  # fmt: skip
        trial.datetime_start = start + datetime.timedelta(seconds=i)
        trial.datetime_complete = trial.datetime_start + datetime.timedelta(seconds=0.9)
        trials.append(trial)
    study.add_trials(trials)
    return study


def draw_ours(study: Any, name: str) -> str:
    from tunesmith.foundation import registry
    from tunesmith.visualization.figures import draw

    module, arguments = FIGURES[name]
    arrays = registry.load_registered("figures", module)(study, backend="arrays", **arguments)
    return json.dumps(draw(arrays), separators=(",", ":"))


def draw_theirs(study: Any, name: str) -> str:
    import optuna.visualization

    figure = getattr(optuna.visualization, name)(study, **FIGURES[name][1])
    return str(figure.to_json())


def measure(draw: Callable[[Any, str], str], study: Any, name: str, limit: int) -> tuple[float, float] | str:
    """Seconds and megabytes of one figure; or why there are none."""

    def too_long(*_: Any) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(limit)
    start = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            text = draw(study, name)
        return time.process_time() - start, len(text) / 1e6
    except TimeoutError:
        return f"> {limit} s"
    except Exception as error:  # of a figure, not of the benchmark
        return type(error).__name__
    finally:
        signal.alarm(0)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few trials: shows that it works, no more")
    parser.add_argument("--limit", type=int, default=60, help="seconds for a figure (60)")
    parser.add_argument("--memory", type=int, default=6, help="gigabytes that the program may use (6)")
    parser.add_argument("--only-ours", action="store_true", help="leave Optuna out")
    args = parser.parse_args(argv)
    libraries: dict[str, tuple[Any, Any]] = {"tunesmith": (ours, draw_ours)}
    if not args.only_ours:
        libraries["optuna"] = (theirs, draw_theirs)
    # What some figures of Optuna take would stop the machine; so it is refused, and is told as a MemoryError.
    resource.setrlimit(resource.RLIMIT_AS, (args.memory << 30, args.memory << 30))
    slow: set[tuple[str, str]] = set()
    for n in (200,) if args.quick else SIZES:
        print(f"\n{n:,} trials, {D} parameters" + " " * 12 + "".join(f"{name:>26s}" for name in libraries))
        cells: dict[str, list[str]] = {name: [] for name in ("(reading the study)", *FIGURES)}
        for library, (make, draw) in libraries.items():
            try:
                studies = {m: make(n, m) for m in (1, 2)}
            except ImportError as error:
                print(f"{library} is left out: {error}")
                continue
            start = time.process_time()
            for study in studies.values():
                study.history if library == "tunesmith" else study.trials  # noqa: B018  what is read is kept by it
            reading = (time.process_time() - start) / len(studies)
            cells["(reading the study)"].append(f"{reading:8.2f} s {'':11s}")
            for name in FIGURES:
                study = studies[2 if name in TWO_OBJECTIVES else 1]
                if (library, name) in slow or (library == "optuna" and "terminator" in name and n > 1000):
                    cells[name].append("-")
                    continue
                found = measure(draw, study, name, args.limit)
                if isinstance(found, str):
                    slow.add((library, name))
                    cells[name].append(found)
                else:
                    cells[name].append(f"{found[0]:8.2f} s {found[1]:8.2f} MB")
        for name, row in cells.items():
            print(f"{name:36s}" + "".join(f"{cell:>26s}" for cell in row))


if __name__ == "__main__":
    main()
