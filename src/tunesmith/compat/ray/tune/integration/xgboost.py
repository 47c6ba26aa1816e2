"""XGBoost: a callback that reports after each round."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from xgboost import Booster
from xgboost.callback import TrainingCallback

from tunesmith.compat.ray.names import refuser
from tunesmith.compat.ray.tune.integration import RoundReporter
from tunesmith.compat.ray.tune.sample import flattened
from tunesmith.compat.ray.tune.session import Checkpoint


class TuneReportCheckpointCallback(RoundReporter, TrainingCallback):  # type: ignore[misc]  # XGBoost has no types
    """Reports the metrics of ``xgboost.train`` or ``xgboost.cv`` after each round, and saves the model.

    Args:
        metrics: which, by the names "data-metric"; a dict gives them other names; None: all.
        filename: of the model in a checkpoint.
        frequency: rounds between two checkpoints; 0: there are none on the way.
        checkpoint_at_end: whether the last round's report is made once more, with the model.
        results_postprocessing_fn: changes the metrics before they are reported.
    """

    def __init__(
        self,
        metrics: str | Sequence[str] | Mapping[str, str] | None = None,
        filename: str = "model.ubj",
        frequency: int = 0,
        checkpoint_at_end: bool = True,
        results_postprocessing_fn: Callable[[dict[str, Any]], Mapping[str, Any]] | None = None,
    ) -> None:
        super().__init__(metrics, filename, frequency, checkpoint_at_end, results_postprocessing_fn)
        self._last: tuple[dict[str, Any], int] = {}, 0

    def after_iteration(self, model: Any, epoch: int, evals_log: Mapping[str, Any]) -> bool:
        """Report a round; return False: the training goes on.

        Args:
            model: the booster.
            epoch: the round, from 0.
            evals_log: values by metric by data.
        """
        found = {path.replace("/", "-"): values[-1] for path, values in flattened(evals_log).items()}
        self._last = found, epoch + 1
        self._report(found, model, epoch + 1, is_last=False)
        return False

    def after_training(self, model: Any) -> Any:
        """Report the last round with the model, if that has no checkpoint; return the model.

        Args:
            model: the booster.
        """
        found, rounds = self._last
        if self._at_end and found and not (self._frequency and rounds % self._frequency == 0):
            self._report(found, model, rounds, is_last=True)
        return model

    @classmethod
    def get_model(cls, checkpoint: Checkpoint, filename: str = "model.ubj") -> Booster:
        """Return the booster of a checkpoint.

        Args:
            checkpoint: the checkpoint.
            filename: of the model in it.
        """
        booster = Booster()
        booster.load_model(str(Path(checkpoint.path, filename)))
        return booster


__getattr__ = refuser(__name__)
