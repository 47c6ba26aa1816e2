"""Grid search: try every learning rate of a list - and see nothing of what lies between.

The training is that of the first example. Its hyperparameter eta is now searched for: over {0.001, 0.01, 0.1}.

Run it:    python examples/02_grid_search.py
It needs:  numpy (and tunesmith)
"""

import numpy as np
from spoken import print, said

from tunesmith import Float, Space, minimize
from tunesmith.samplers import GridSampler

rng = np.random.default_rng(0)
x = rng.uniform(0, 2, 100)
y = 1 + 2 * x + rng.normal(0, 0.5, 100)
X = np.column_stack([np.ones_like(x), x])
best_possible = np.mean((X @ np.linalg.lstsq(X, y)[0] - y) ** 2)


def excess_loss(eta):
    """Train for 50 steps of gradient descent; how far above the best possible loss is the end?"""
    w = np.zeros(2)
    for _ in range(50):
        w = w - eta * 2 / len(y) * X.T @ (X @ w - y)
    return np.mean((X @ w - y) ** 2) - best_possible


def main():
    # A list is a set of choices. The grid sampler proposes each combination once and then ends the search by itself,
    # so no number of trials is needed.
    study = minimize(excess_loss, {"eta": [0.001, 0.01, 0.1]}, sampler=GridSampler(), n_trials=None, seed=0)

    print("grid search over {0.001, 0.01, 0.1}\n")
    print("     eta   loss above the best possible")
    for trial in sorted(study.trials, key=lambda trial: trial.params["eta"]):
        print(f"{trial.params['eta']:8} {trial.value:12.3g}{said('   <- best') if trial == study.best_trial else ''}")

    beyond = excess_loss(0.3)
    print("\nA grid sees its grid and nothing else: eta = 0.3, which it does not try, leads to")
    print(f"{beyond:.2g}, {study.best_value / beyond:.0f} times closer to the best possible loss.")

    # With d hyperparameters and k values of each, a grid has k ** d points. Space counts them without running any.
    print("\nAnd it explodes. Trainings that a grid of 3 or of 10 values of each hyperparameter needs:\n")
    print("hyperparameters       3 values      10 values")
    for d in range(1, 7):
        space = Space({f"h{i}": Float(0, 1) for i in range(d)})
        print(f"{d:15} {len(space.grid(3)):14,} {len(space.grid(10)):14,}")
    print("\nAt one minute each, six hyperparameters at ten values take two years.")


if __name__ == "__main__":
    main()
