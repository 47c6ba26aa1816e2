"""LightGBM on handwritten digits: what pruning between boosting rounds makes of the same number of rounds.

Six hyperparameters are searched: the size of the trees, the rows and features that each sees, and three kinds of
regularisation. The learning rate is fixed: a high one leads in the first rounds and loses in the end, so it is best
chosen by what one can afford, and other parameters for it.

The callback saves the model at each report, so the search can pause a run, look at others, and go on with it where it
stopped. The losses on the validation rows choose the winner; the test rows were never looked at.

Run it:    python examples/10_lightgbm.py [picture.png] [--budget ROUNDS]
It needs:  pip install '.[lightgbm,sklearn]' in a clone; with matplotlib it draws.
"""

import argparse
import time
from pathlib import Path

import lightgbm
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from spoken import labels, padded, print

import tunesmith
from tunesmith.integrations.lightgbm import LightGBMCallback

ROUNDS = 81
WHAT = "LightGBM on scikit-learn's digits"

X, y = load_digits(return_X_y=True)  # 1,797 images of 8 x 8 pixels
rest, test = train_test_split(np.arange(len(y)), test_size=400, random_state=0, stratify=y)
train, valid = train_test_split(rest, test_size=400, random_state=0, stratify=y[rest])


def objective(trial):
    params = {
        "objective": "multiclass",
        "num_class": 10,
        "learning_rate": 0.1,
        "num_leaves": trial.suggest_int("num_leaves", 2, 32, log=True),
        "bagging_freq": 1,
        "bagging_fraction": trial.suggest_float("bagging_fraction", 0.1, 1.0),
        "feature_fraction": trial.suggest_float("feature_fraction", 0.1, 1.0),
        "min_child_samples": trial.suggest_int("min_child_samples", 1, 100, log=True),
        "lambda_l2": trial.suggest_float("lambda_l2", 1e-3, 100.0, log=True),
        "min_gain_to_split": trial.suggest_float("min_gain_to_split", 1e-3, 1.0, log=True),
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "seed": 0,
        "verbosity": -1,
    }
    # min_child_samples decides what a Dataset keeps of its rows, so each trial has its own.
    train_set = lightgbm.Dataset(X[train], y[train], params={"verbosity": -1, "min_data_in_leaf": 1})
    valid_set = lightgbm.Dataset(X[valid], y[valid], reference=train_set)
    report = LightGBMCallback(trial, "valid-multi_logloss", every=3, checkpoint=True, cost=1)
    model = report.train(params, train_set, ROUNDS, valid_sets=[valid_set], valid_names=["valid"])
    trial.set_user_attr("accuracy", float((model.predict(X[test]).argmax(1) == y[test]).mean()))
    return report.last


def search(name, pruner, budget):
    began = time.perf_counter()
    study = tunesmith.create_study(pruner=pruner, seed=0)
    study.optimize(objective, max_cost=budget)
    complete = study.get_trials(states=[tunesmith.TrialState.COMPLETE])
    rounds, best = sum(trial.cost for trial in study.trials), study.best_trial
    print(
        f"{padded(name, 10)} {len(study.trials):5} {len(complete):12} {rounds:8.0f} {best.value:17.4f} "
        f"{best.user_attrs['accuracy']:15.3f} {time.perf_counter() - began:9.0f}"
    )
    return study


def draw(studies, path):
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
        for trial in study.trials:
            is_best = trial.number == study.best_trial.number
            curve = trial.intermediate_values
            ax.plot(
                list(curve), list(curve.values()), color="#238b45" if is_best else "#4a97cf", lw=2.5 if is_best else 0.8
            )
        ax.set(
            title=label(f"{name}: {len(study.trials)} runs, best {study.best_value:.4f}"),
            xlabel=label("boosting round"),
            yscale="log",
        )
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set(ylabel=label("log loss on validation rows"))
    fig.suptitle(label(WHAT))
    fig.savefig(path, dpi=120)
    print(f"\nThe learning curves are in {path}")


def main():
    parser = argparse.ArgumentParser(description="LightGBM with pruning between boosting rounds, beside full runs only")
    parser.add_argument("picture", nargs="?", type=Path, default=Path("10_lightgbm.png"))
    parser.add_argument("--budget", type=int, default=12 * ROUNDS, help=f"rounds for each of the two ({12 * ROUNDS})")
    chosen = parser.parse_args()
    print(f"{WHAT}, {ROUNDS} rounds a run; {chosen.budget} rounds for each search\n")
    print("            runs   to the end   rounds   validation loss   test accuracy   seconds")
    studies = {
        name: search(name, pruner, chosen.budget) for name, pruner in {"pruned": "auto", "full runs": "nop"}.items()
    }
    print("\nThe best of the search with pruning:")
    for name, value in studies["pruned"].best_params.items():
        print(f"  {name:18} {value:.4g}")
    draw(studies, chosen.picture)


if __name__ == "__main__":
    main()
