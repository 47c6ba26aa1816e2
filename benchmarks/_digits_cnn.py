"""A task of real training: a small convolutional network on scikit-learn's digits, timed while it trains.

Its curves are made epoch by epoch, as a search asks for them, and its seconds are CPU time of this machine.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, overload

import numpy as np
from _curves import CurveTask
from _score import Reference

from tunesmith import Categorical, Float, Int, Space

EPOCHS = 27
N_TYPICAL = 9  # random full runs that say what one costs, and what regret 1 is
SPACE = Space(
    rate=Float(1e-4, 1.0, log=True),
    decay=Float(1e-6, 1e-1, log=True),
    dropout=Float(0.0, 0.8),
    channels=Int(2, 24, log=True),
    batch=Int(16, 256, log=True),
    optimizer=Categorical(["sgd", "adam"]),
)


class Training:
    """One run: the share of wrong answers on the validation rows after each epoch, and the seconds until then."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        import torch
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
        from torch import nn

        torch.set_num_threads(1)
        torch.manual_seed(0)
        pixels, digits = load_digits(return_X_y=True)
        self._torch, self._batch = torch, int(params["batch"])
        self._X = torch.tensor(pixels.reshape(-1, 1, 8, 8) / 16, dtype=torch.float32)
        self._y = torch.tensor(digits)
        self._train, self._valid = train_test_split(torch.arange(len(digits)), test_size=0.4, random_state=0)
        n = int(params["channels"])
        layers = [nn.Conv2d(1, n, 3, padding=1), nn.ReLU(), nn.Conv2d(n, 2 * n, 3, stride=2, padding=1), nn.ReLU()]
        self._model = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(params["dropout"]), nn.Linear(32 * n, 10))
        kind = torch.optim.SGD if params["optimizer"] == "sgd" else torch.optim.AdamW
        scale = 1.0 if params["optimizer"] == "sgd" else 0.1
        self._optimizer = kind(self._model.parameters(), scale * params["rate"], weight_decay=params["decay"])
        self.errors: list[float] = []
        self.seconds: list[float] = []

    def until(self, epoch: int) -> None:
        """Train on, until so many epochs are done."""
        torch = self._torch
        while len(self.errors) < epoch:
            start = time.process_time()
            self._model.train()
            for rows in self._train[torch.randperm(len(self._train))].split(self._batch):
                self._optimizer.zero_grad()
                torch.nn.functional.cross_entropy(self._model(self._X[rows]), self._y[rows]).backward()
                self._optimizer.step()
            self._model.eval()
            with torch.no_grad():
                wrong = self._model(self._X[self._valid]).argmax(1) != self._y[self._valid]
            before = self.seconds[-1] if self.seconds else 0.0
            self.errors.append(float(wrong.float().mean()))
            self.seconds.append(before + time.process_time() - start)


class AsAsked(Sequence[float]):
    """The values of a run's epochs; one that is asked for is trained first."""

    def __init__(self, training: Training, values: list[float]) -> None:
        self._training, self._values = training, values

    def __len__(self) -> int:
        return EPOCHS

    @overload
    def __getitem__(self, at: int) -> float: ...
    @overload
    def __getitem__(self, at: slice) -> list[float]: ...
    def __getitem__(self, at: Any) -> Any:
        last = at if isinstance(at, int) and at >= 0 else EPOCHS - 1
        self._training.until(last + 1)
        return self._values[at]


def curve(params: Mapping[str, Any]) -> Any:
    """Return the errors and the seconds of a run, which trains as they are read."""
    training = Training(params)
    return AsAsked(training, training.errors), AsAsked(training, training.seconds)


def task() -> CurveTask:
    """Return the task, after the random runs that say what its regret and its budget mean."""
    runs = [curve(p) for p in SPACE.decode(SPACE.sample(np.random.default_rng(1), N_TYPICAL))]
    typical = float(np.median([min(errors) for errors, _ in runs]))
    cost = float(np.mean([seconds[EPOCHS - 1] for _, seconds in runs]))
    return CurveTask("real/digits-cnn", SPACE, curve, np.arange(1, EPOCHS + 1), Reference(0.0, typical), cost)
