"""What trials keep beside their loss."""

import pickle
import time

import matplotlib as mpl

mpl.use("agg")

import hyperopt.plotting
import matplotlib.pyplot as plt
from hyperopt import STATUS_OK, Trials, fmin, hp, tpe


def objective(x):
    return {
        "loss": x**2,
        "status": STATUS_OK,
        "eval_time": time.time(),
        "other_stuff": {"type": None, "value": [0, 1, 2]},
        "attachments": {"curve": pickle.dumps([x, x / 2])},
    }


trials = Trials()
best = fmin(objective, space=hp.uniform("x", -10, 10), algo=tpe.suggest, max_evals=40, trials=trials, verbose=0)
assert pickle.loads(trials.trial_attachments(trials.trials[5])["curve"])[0] == trials.vals["x"][5]
assert trials.results[7]["other_stuff"]["value"] == [0, 1, 2]
assert trials.argmin == best
for draw in (hyperopt.plotting.main_plot_history, hyperopt.plotting.main_plot_histogram):
    draw(trials, do_show=False)
    plt.close("all")
loss = trials.best_trial["result"]["loss"]
