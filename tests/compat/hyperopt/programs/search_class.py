"""A class of the user's that searches inside, casts what it gets, and knows points that fail."""

import os

import numpy as np
from hyperopt import STATUS_FAIL, STATUS_OK, Trials, hp, space_eval, tpe
from hyperopt.fmin import fmin


class Tuner:
    def __init__(self, space, types, n_iter, seed):
        self.space, self.types, self.n_iter, self.seed = space, types, n_iter, seed
        self.trials = Trials()

    def cast(self, point):
        return {name: self.types.get(name, lambda value: value)(value) for name, value in point.items()}

    def objective(self, point):
        point = self.cast(point)
        if point["depth"] * point["trees"] > 900:
            return {"status": STATUS_FAIL, "why": "too large"}
        score = 1 / (1 + (point["depth"] - 8) ** 2 / 30 + (point["trees"] - 90) ** 2 / 9000 + 0.1 * (point["leaf"] - 1))
        return {"loss": -score, "status": STATUS_OK}

    def fit(self):
        rng = np.random.default_rng(self.seed)
        found = fmin(
            fn=self.objective, space=self.space, algo=tpe.suggest, max_evals=self.n_iter, trials=self.trials,
            rstate=rng, verbose=False,
        )  # fmt: skip
        self.best_params_ = self.cast(space_eval(self.space, found))
        return self


space = {
    "trees": hp.quniform("trees", 25, 225, 25),
    "depth": hp.quniform("depth", 2, 20, 1),
    "leaf": hp.choice("leaf", [1, 2, 4]),
}
tuner = Tuner(space, {"trees": int, "depth": int}, 60, int(os.environ["HYPEROPT_FMIN_SEED"])).fit()
assert type(tuner.best_params_["trees"]) is int
loss = tuner.trials.best_trial["result"]["loss"]
