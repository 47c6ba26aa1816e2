"""Parameters in expressions: integers, functions of one's own, arithmetic, choices with probabilities."""

from hyperopt import fmin, hp, tpe
from hyperopt.pyll.base import scope
from hyperopt.pyll.stochastic import sample

if not hasattr(scope, "twice"):

    @scope.define
    def twice(value):
        return 2 * value


n = hp.randint("n", 1, 9)
space = {
    "units": [2**n, n * 4],
    "width": scope.twice(hp.normal("half", 0, 2)),
    "leaf": scope.int(hp.qloguniform("leaf", 0, 4, 1)),
    "boost": hp.pchoice("boost", [(0.2, "dart"), (0.8, "gbdt")]),
    "sparse": hp.choice("sparse", [0, hp.lognormal("amount", 0, 1)]),
}
assert set(sample(space)) == set(space)


def objective(point):
    wide, narrow = point["units"]
    assert wide == 2 ** (narrow // 4)
    return (
        abs(narrow - 20) / 20
        + (point["width"] - 1) ** 2 / 10
        + abs(point["leaf"] - 10) / 20
        + 0.2 * (point["boost"] == "dart")
        + point["sparse"]
    )


best = fmin(objective, space, algo=tpe.suggest, max_evals=60, verbose=False, return_argmin=False)
loss = objective(best)
