"""Real data: scikit-learn's SGDRegressor on the diabetes data, tuned in three ways.

SGDRegressor fits a linear model by stochastic gradient descent. Its learning rate is called `eta0` (`learning_rate` is
the name of its *schedule*: 'constant', 'invscaling', ...). The searches are tunesmith's, under the names and with the
contract of scikit-learn's; SearchCV is the one that scikit-learn does not have.

Run it:    python examples/04_sgd_regressor.py
It needs:  pip install '.[sklearn]' in a clone
"""

import time
import warnings

from scipy.stats import loguniform
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import SGDRegressor
from sklearn.model_selection import cross_val_score, train_test_split
from spoken import padded, print

from tunesmith import Categorical, Float
from tunesmith.sklearn import GridSearchCV, RandomizedSearchCV, SearchCV

# A learning rate that is too small does not arrive within max_iter epochs. That is what is looked at here: no warning.
warnings.simplefilter("ignore", ConvergenceWarning)

X, y = load_diabetes(return_X_y=True)  # 442 patients, 10 measurements; how the disease went on for a year
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
model = SGDRegressor(random_state=0)


def searches():
    # 1. The grid of the chapter: three values of one hyperparameter.
    yield "GridSearchCV", GridSearchCV(model, {"eta0": [0.001, 0.01, 0.1]}, cv=5)

    # 2. The whole range, on a logarithmic scale: scipy's distributions, as in scikit-learn.
    rates = {"eta0": loguniform(1e-3, 1)}
    yield "RandomizedSearchCV", RandomizedSearchCV(model, rates, n_iter=20, cv=5, random_state=0)

    # 3. More than one hyperparameter, and one that only exists for one of the schedules.
    space = {
        "eta0": Float(1e-3, 1, log=True),
        "alpha": Float(1e-6, 1e-1, log=True),
        "learning_rate": Categorical(["constant", "invscaling", "adaptive"]),
        "power_t": Float(0.1, 0.5).when(learning_rate="invscaling"),
    }
    yield "SearchCV", SearchCV(model, space, n_trials=20, cv=5, random_state=1)


def main():
    print("R^2 of SGDRegressor on the diabetes data (1 is perfect, 0 is as good as guessing the mean)\n")
    print("                      cv score  test score  fits  seconds  best parameters")
    start = time.perf_counter()
    cv_score = cross_val_score(model, X_train, y_train, cv=5).mean()
    test_score = model.fit(X_train, y_train).score(X_test, y_test)
    print(
        f"{padded('default', 20)} {cv_score:9.3f} {test_score:11.3f} {6:5} {time.perf_counter() - start:8.1f}  "
        "eta0=0.01"
    )

    for name, search in searches():
        start = time.perf_counter()
        search.fit(X_train, y_train)
        seconds = time.perf_counter() - start
        fits = len(search.cv_results_["params"]) * search.n_splits_ + 1  # and the best one once more, on all rows
        best = ", ".join(f"{k}={v:.3g}" if isinstance(v, float) else f"{k}={v}" for k, v in search.best_params_.items())
        test_score = search.score(X_test, y_test)
        print(f"{padded(name, 20)} {search.best_score_:9.3f} {test_score:11.3f} {fits:5} {seconds:8.1f}  {best}")

    print("\nEvery search beats the default by far; the step from 0.01 to a better learning rate is most of it.")
    print(f"There are only {len(y_test)} test rows: test scores that differ by a few hundredths differ by chance.")
    print("And the cv score of a winner is a little too good: it was chosen for being the highest of many.")

    print("\nWhat happens with a name that SGDRegressor does not have:")
    try:
        GridSearchCV(model, {"learning_rate_init": [0.001, 0.01, 0.1]}).fit(X_train, y_train)
    except ValueError as error:
        print(f"  {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
