"""Options of algorithms, mixtures of them, and random search."""

from functools import partial

from hyperopt import Trials, anneal, fmin, hp, mix, rand, tpe

space = {"x": hp.uniform("x", -3, 3), "y": hp.quniform("y", -3, 3, 0.5)}


def objective(point):
    return (point["x"] - 1) ** 2 + (point["y"] + 1) ** 2


losses = []
for algo in (
    partial(tpe.suggest, n_startup_jobs=8, n_EI_candidates=50),
    partial(mix.suggest, p_suggest=[(0.1, rand.suggest), (0.2, anneal.suggest), (0.7, tpe.suggest)]),
    rand.suggest,
):
    trials = Trials()
    fmin(objective, space, algo=algo, max_evals=30, trials=trials, verbose=False)
    losses.append(min(trials.losses()))
loss = sum(losses) / len(losses)
