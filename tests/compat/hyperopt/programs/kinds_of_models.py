"""Which of several models is best, by a function that returns a number."""

from hyperopt import fmin, hp, space_eval, tpe

space = hp.choice(
    "model",
    [
        {"type": "bayes"},
        {"type": "forest", "features": hp.choice("features", [0.1, 0.3, 0.9]), "depth": hp.quniform("depth", 2, 12, 1)},
        {"type": "svm", "C": hp.loguniform("C", -8, 8), "gamma": hp.loguniform("gamma", -8, 2)},
    ],
)


def objective(point):
    if point["type"] == "bayes":
        return 2.0
    if point["type"] == "forest":
        return 1.0 + abs(point["features"] - 0.3) + abs(point["depth"] - 7) / 10
    return (point["C"] ** 0.2 - 1) ** 2 + (point["gamma"] ** 0.2 - 0.5) ** 2


best = fmin(fn=objective, space=space, algo=tpe.suggest, max_evals=50, show_progressbar=False)
chosen = space_eval(space, best)
assert chosen["type"] == "svm"
loss = objective(chosen)
