"""The same problem in three libraries: tunesmith, Optuna and Hyperopt side by side.

The problem is that of the fourth example: SGDRegressor on the diabetes data, four hyperparameters, one of which
(power_t) only exists for one value of another (learning_rate). Each library's version is one function below, as its
users would write it, with the library's default sampler.

Run it:    python examples/05_three_libraries.py
It needs:  pip install '.[sklearn,peers]' in a clone; a library that is not installed is left out, and said to be
"""

import time
import warnings

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import SGDRegressor
from sklearn.model_selection import cross_val_score
from spoken import padded, print

warnings.simplefilter("ignore", ConvergenceWarning)  # see the fourth example

N_TRIALS, SEEDS = 20, (0, 1, 2)
X, y = load_diabetes(return_X_y=True)


def score(params):
    """Mean R^2 of three-fold cross-validation; higher is better."""
    return cross_val_score(SGDRegressor(random_state=0, **params), X, y, cv=3).mean()


def objective(trial):
    """Define-by-run: asks for what it needs as it runs. tunesmith and Optuna take the very same function."""
    schedule = trial.suggest_categorical("learning_rate", ["constant", "invscaling", "adaptive"])
    params = {
        "eta0": trial.suggest_float("eta0", 1e-2, 1, log=True),
        "alpha": trial.suggest_float("alpha", 1e-6, 1e-1, log=True),
        "learning_rate": schedule,
    }
    if schedule == "invscaling":
        params["power_t"] = trial.suggest_float("power_t", 0.1, 0.5)
    return score(params)


def with_tunesmith(seed):
    import tunesmith

    study = tunesmith.create_study(direction="maximize", seed=seed)
    study.optimize(objective, n_trials=N_TRIALS)
    return study.best_value


def with_tunesmith_space(seed):
    from tunesmith import Categorical, Float, maximize

    space = {
        "eta0": Float(1e-2, 1, log=True),
        "alpha": Float(1e-6, 1e-1, log=True),
        "learning_rate": Categorical(["constant", "invscaling", "adaptive"]),
        "power_t": Float(0.1, 0.5).when(learning_rate="invscaling"),
    }
    return maximize(score, space, n_trials=N_TRIALS, seed=seed).best_value


def with_optuna(seed):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(objective, n_trials=N_TRIALS)
    return study.best_value


def with_hyperopt(seed):
    import hyperopt
    from hyperopt import hp

    space = {
        "eta0": hp.loguniform("eta0", np.log(1e-2), np.log(1)),  # the bounds are logarithms
        "alpha": hp.loguniform("alpha", np.log(1e-6), np.log(1e-1)),
        "schedule": hp.choice(
            "schedule",
            [
                {"learning_rate": "constant"},
                {"learning_rate": "adaptive"},
                {"learning_rate": "invscaling", "power_t": hp.uniform("power_t", 0.1, 0.5)},
            ],
        ),
    }

    def objective(params):
        params = dict(params)
        params.update(params.pop("schedule"))
        return -score(params)  # it only minimises

    trials = hyperopt.Trials()
    hyperopt.fmin(
        objective, space, algo=hyperopt.tpe.suggest, max_evals=N_TRIALS, trials=trials,
        rstate=np.random.default_rng(seed), show_progressbar=False,
    )  # fmt: skip
    return -trials.best_trial["result"]["loss"]


VERSIONS = [
    ("tunesmith, define-by-run", "auto", "tunesmith", with_tunesmith),
    ("tunesmith, declared space", "auto", "tunesmith", with_tunesmith_space),
    ("Optuna", "TPE", "optuna", with_optuna),
    ("Hyperopt", "TPE", "hyperopt", with_hyperopt),
]


def main():
    score({})  # the first fit in a process is slow, and should count against nobody
    print(f"best R^2 after {N_TRIALS} trials; median of {len(SEEDS)} seeds, and the seconds that one search took\n")
    print("                            search   best R^2   seconds")
    missing = []
    for name, method, package, search in VERSIONS:
        try:
            __import__(package)  # outside of the measured time
        except ImportError as error:
            missing.append(f"{name}: pip install {package} ({error})")
            continue
        start = time.perf_counter()
        best = [search(seed) for seed in SEEDS]
        seconds = (time.perf_counter() - start) / len(SEEDS)
        print(f"{padded(name, 27)} {method:7} {np.median(best):9.4f} {seconds:9.2f}")
    for line in missing:
        print(f"left out, not installed - {line}")

    print("\nWhat to look at is the code. The values are close: twenty trials are few, and three seeds decide nothing.")
    print("Each library searches with its default, which learns from the trials before; tunesmith's picks a sampler by")
    print("the space, here a Gaussian process. The seconds are nearly all spent in SGDRegressor.")


if __name__ == "__main__":
    main()
