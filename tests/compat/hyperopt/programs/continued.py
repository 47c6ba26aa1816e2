"""A search that is kept in a file, begins at a point that is known, goes on, and ends by itself."""

import pickle
import tempfile
from pathlib import Path

import numpy as np
from hyperopt import fmin, hp, tpe
from hyperopt.early_stop import no_progress_loss
from hyperopt.pyll import scope

space = {
    "lr": hp.loguniform("lr", np.log(1e-5), np.log(1.0)),
    "layers": scope.int(hp.quniform("layers", 1, 6, 1)),
    "act": hp.choice("act", ["relu", "tanh"]),
}


def objective(point):
    return (np.log10(point["lr"]) + 3) ** 2 + 0.2 * abs(point["layers"] - 3) + 0.1 * (point["act"] == "tanh")


with tempfile.TemporaryDirectory() as folder:
    path = str(Path(folder, "trials.pkl"))
    known = [{"lr": 0.01, "layers": 2.0, "act": 0}]
    fmin(
        objective, space, algo=tpe.suggest, max_evals=10, points_to_evaluate=known, trials_save_file=path, verbose=False
    )
    fmin(
        objective, space, algo=tpe.suggest, max_evals=45, trials_save_file=path, verbose=False, timeout=600,
        loss_threshold=1e-4, early_stop_fn=no_progress_loss(40),
    )  # fmt: skip
    trials = pickle.loads(Path(path).read_bytes())
assert trials.trials[0]["misc"]["vals"]["lr"] == [0.01]
assert len(trials) <= 46
loss = min(trials.losses())
