"""Random search: draw learning rates from the whole range (0, 1], on a logarithmic scale.

The training is that of the first two examples. Learning rates differ by factors - 0.001 is to 0.01 as 0.1 is to 1 -
so they are drawn uniformly in log(eta). A logarithmic scale has no zero: the range begins at a small number instead.

Run it:    python examples/03_random_search.py
It needs:  numpy (and tunesmith)
"""

import numpy as np
from spoken import print, said

from tunesmith import Float, minimize
from tunesmith.samplers import GridSampler, RandomSampler

rng = np.random.default_rng(0)
x = rng.uniform(0, 2, 100)
y = 1 + 2 * x + rng.normal(0, 0.5, 100)
X = np.column_stack([np.ones_like(x), x])
best_possible = np.mean((X @ np.linalg.lstsq(X, y)[0] - y) ** 2)

RATE = Float(1e-4, 1, log=True)


def excess_loss(eta, start=0.0):
    """Train for 50 steps of gradient descent; how far above the best possible loss is the end?"""
    w = np.full(2, start)
    for _ in range(50):
        w = w - eta * 2 / len(y) * X.T @ (X @ w - y)
    return np.mean((X @ w - y) ** 2) - best_possible


def search_the_range():
    """One hyperparameter: what the grid could not see."""
    grid = minimize(excess_loss, {"eta": [0.001, 0.01, 0.1]}, sampler=GridSampler(), n_trials=None, seed=0)
    study = minimize(excess_loss, {"eta": RATE}, sampler=RandomSampler(), n_trials=20, seed=0)

    print("random search over (0, 1], log scale, 20 trainings\n")
    print("     eta   loss above the best possible")
    for trial in sorted(study.trials, key=lambda trial: trial.params["eta"]):
        print(
            f"{trial.params['eta']:8.4f} {trial.value:12.3g}{said('   <- best') if trial == study.best_trial else ''}"
        )
    print(f"\nbest of the grid {{0.001, 0.01, 0.1}}: {grid.best_value:.2g} in {len(grid.trials)} trainings")
    print(f"best of random search:             {study.best_value:.2g} in {len(study.trials)} trainings")
    print("It had more trainings, and could use them: the grid is at its end after three, random search never is.")


def compare_at_equal_cost(repetitions=200):
    """Two hyperparameters, of which one hardly matters: the same number of trainings for both."""
    axes = {"eta": [0.001, 0.01, 0.1], "start": [-1.0, 0.0, 1.0]}
    grid = minimize(excess_loss, axes, sampler=GridSampler(), n_trials=None, seed=0)
    runs = len(grid.trials)

    # One random search may be lucky. Two hundred are not.
    space = {"eta": RATE, "start": Float(-1, 1)}
    results = [
        minimize(excess_loss, space, sampler=RandomSampler(), n_trials=runs, seed=seed).best_value
        for seed in range(repetitions)
    ]
    better = sum(result < grid.best_value for result in results)

    print(f"\nNow two hyperparameters, eta and where the descent starts, and {runs} trainings for either method:\n")
    print(f"grid of 3 x 3 values:   {grid.best_value:.2g}   (3 different learning rates)")
    median = np.median(results)
    print(f"random search:          {median:.2g}   ({runs} different learning rates; median of {repetitions})")
    print(f"\nRandom search was better in {better} of {repetitions} repetitions. The start hardly matters, and the")
    print("grid spends two thirds of its trainings on the same three learning rates with another start.")


if __name__ == "__main__":
    search_the_range()
    compare_at_equal_cost()
