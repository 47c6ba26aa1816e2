"""Callbacks that report after each round of LightGBM and of XGBoost, in a module for each."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tunesmith.compat.ray.names import refuser
from tunesmith.compat.ray.tune.session import Checkpoint, report


class RoundReporter:
    """Reports metrics after a round, and saves the model.

    Args:
        metrics: which, by the names "data-metric"; a dict gives them other names; None: all.
        filename: of the model in a checkpoint.
        frequency: rounds between two checkpoints; 0: there are none on the way.
        checkpoint_at_end: whether there is one at the end.
        results_postprocessing_fn: changes the metrics before they are reported.
    """

    def __init__(
        self,
        metrics: str | Sequence[str] | Mapping[str, str] | None,
        filename: str,
        frequency: int,
        checkpoint_at_end: bool,
        results_postprocessing_fn: Callable[[dict[str, Any]], Mapping[str, Any]] | None,
    ) -> None:
        names = [metrics] if isinstance(metrics, str) else metrics
        self._names = dict(names) if isinstance(names, Mapping) else names and {name: name for name in names}
        self._filename, self._frequency, self._at_end = filename, frequency, checkpoint_at_end
        self._change = results_postprocessing_fn

    def _report(self, found: dict[str, Any], model: Any, rounds: int, is_last: bool) -> None:
        metrics: Mapping[str, Any] = {new: found[old] for new, old in self._names.items()} if self._names else found
        if self._change is not None:
            metrics = self._change(dict(metrics))
        due = (self._frequency > 0 and rounds % self._frequency == 0) or (is_last and self._at_end)
        if not due or hasattr(model, "boosters") or hasattr(model, "cvfolds"):  # those of a cross-validation
            report(metrics)
            return
        with tempfile.TemporaryDirectory() as folder:
            model.save_model(str(Path(folder, self._filename)))
            report(metrics, checkpoint=Checkpoint.from_directory(folder))


__getattr__ = refuser(__name__)
