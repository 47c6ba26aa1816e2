"""The objective of the deployment examples: replace it by your training."""

from __future__ import annotations

import tunesmith


def objective(trial: tunesmith.Trial) -> float:
    lr = trial.suggest_float("lr", 1e-5, 1e-1, log=True)
    layers = trial.suggest_int("layers", 1, 4)
    loss = 1.0 + 0.01 * layers
    for epoch in range(5):
        loss *= 1 - min(0.5, lr * 20)
        trial.report(loss, epoch)
        if trial.should_prune():
            raise tunesmith.TrialPruned
    return loss
