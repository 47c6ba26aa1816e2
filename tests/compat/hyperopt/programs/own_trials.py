"""Trials of a class of the user's, noisy losses, and what is read of them afterwards."""

import pickle

import numpy as np
from hyperopt import STATUS_OK, Trials, fmin, hp, tpe, trials_from_docs
from hyperopt.base import JOB_STATE_DONE, miscs_to_idxs_vals


class CountedTrials(Trials):
    n_refreshed = 0

    def refresh(self):
        CountedTrials.n_refreshed += 1
        super().refresh()


noise = np.random.default_rng(0)


def objective(x):
    folds = x**2 + noise.normal(0, 0.01, 3)
    return {"loss": folds.mean(), "loss_variance": folds.var(), "true_loss": x**2, "status": STATUS_OK, "x": x}


trials = CountedTrials()
fmin(objective, hp.uniform("x", -2, 2), algo=tpe.suggest, max_evals=15, trials=trials, verbose=False)
fmin(objective, hp.uniform("x", -2, 2), algo=tpe.suggest, max_evals=40, trials=trials, verbose=False)
assert trials.n_refreshed
assert trials.count_by_state_synced(JOB_STATE_DONE) == len(trials) == 40
idxs, vals = miscs_to_idxs_vals(trials.miscs)
assert vals["x"] == [result["x"] for result in trials.results]
again = pickle.loads(pickle.dumps(trials_from_docs(trials.trials)))
assert again.losses() == trials.losses()
loss = trials.average_best_error()
