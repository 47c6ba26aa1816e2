"""A model of scikit-learn whose kernel decides which parameters there are."""

import hyperopt
import numpy as np
from hyperopt import STATUS_OK, Trials, fmin, hp, tpe
from sklearn.datasets import load_iris
from sklearn.model_selection import cross_val_score
from sklearn.svm import SVC

X, y = load_iris(return_X_y=True)
space = {
    "C": hp.loguniform("C", -4, 6),
    "shrinking": hp.choice("shrinking", [True, False]),
    "kernel": hp.choice(
        "kernel",
        [
            {"kernel": "linear"},
            {"kernel": "rbf", "gamma": hp.choice("gamma", ["auto", hp.loguniform("width", -9, 2)])},
            {"kernel": "poly", "degree": hp.uniformint("degree", 1, 4)},
        ],
    ),
}


def objective(point):
    model = SVC(C=point["C"], shrinking=point["shrinking"], max_iter=10_000, **point["kernel"])
    return {"loss": 1 - np.mean(cross_val_score(model, X, y, cv=3)), "status": STATUS_OK}


trials = Trials()
fmin(objective, space, algo=tpe.suggest, max_evals=25, trials=trials, verbose=False)
assert set(hyperopt.pyll.stochastic.sample(space)) == {"C", "shrinking", "kernel"}
loss = min(trials.losses())
