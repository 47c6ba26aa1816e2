"""Runs a search twice for the same budget, with pruning and with full runs only, and shows both: for the examples."""

import argparse
import time
from pathlib import Path

from spoken import labels, padded, print

import tunesmith


def options(name, budget):
    """The command line that these examples share."""
    parser = argparse.ArgumentParser(description=f"examples/{name}.py: a search with pruning, beside full runs only")
    parser.add_argument("picture", nargs="?", type=Path, default=Path(f"{name}.png"))
    parser.add_argument("--budget", type=int, default=budget, help=f"epochs for each of the two ({budget})")
    return parser.parse_args()


def searches(objective, budget):
    """The two studies; what a trial costs is the number of its epochs."""
    studies = {}
    for name, pruner in {"pruned": "auto", "full runs": "nop"}.items():
        began = time.perf_counter()
        study = tunesmith.create_study(direction="maximize", pruner=pruner, seed=0)
        study.optimize(objective, max_cost=budget)
        studies[name] = study
        print_row(name, study, time.perf_counter() - began)
    best = studies["pruned"].best_trial
    print("\nThe best of the search with pruning:")
    for parameter, value in best.params.items():
        print(f"  {parameter:14} {value:.4g}" if isinstance(value, float) else f"  {parameter:14} {value}")
    return studies


def print_heading(what, budget):
    print(f"{what}; {budget} epochs for each search\n")
    print("            runs   to the end   epochs   validation   test   seconds")


def print_row(name, study, seconds):
    complete = study.get_trials(states=[tunesmith.TrialState.COMPLETE])
    best = study.best_trial
    print(
        f"{padded(name, 10)} {len(study.trials):5} {len(complete):12} {sum(t.cost for t in study.trials):8.0f} "
        f"{best.value:12.4f} {best.user_attrs['test']:6.3f} {seconds:9.0f}"
    )


def draw(studies, what, path):
    """One picture of both: every learning curve. Without matplotlib it says so."""
    try:
        import matplotlib

        matplotlib.use("agg")  # draw into a file, also where there is no screen
        import matplotlib.pyplot as plt
    except ImportError:
        print("\nmatplotlib is not installed (pip install matplotlib), so there is no picture")
        return
    label = labels()
    fig, axes = plt.subplots(1, 2, figsize=(9, 4), sharex=True, sharey=True, layout="constrained")
    for ax, (name, study) in zip(axes, studies.items(), strict=True):
        best = study.best_trial.number
        for trial in study.trials:
            colour = "#238b45" if trial.number == best else "#4a97cf"
            values = trial.intermediate_values
            ax.plot(list(values), list(values.values()), color=colour, lw=2.5 if trial.number == best else 0.8)
            ax.plot(trial.last_step, values[trial.last_step], "o", ms=3, color=colour)
        ax.set(title=label(f"{name}: {len(study.trials)} runs, best {study.best_value:.4f}"), xlabel=label("epoch"))
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set(ylabel=label("accuracy on validation rows"))
    fig.suptitle(label(what))
    fig.savefig(path, dpi=120)
    print(f"\nThe learning curves are in {path}")
