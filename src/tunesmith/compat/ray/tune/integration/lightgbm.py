"""LightGBM: a callback that reports after each round."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tunesmith.compat.ray.names import refuser
from tunesmith.compat.ray.tune.integration import RoundReporter
from tunesmith.compat.ray.tune.session import Checkpoint


class TuneReportCheckpointCallback(RoundReporter):
    """Reports the metrics of ``lightgbm.train`` or ``lightgbm.cv`` after each round, and saves the model.

    Args:
        metrics: which, by the names "data-metric"; a dict gives them other names; None: all.
        filename: of the model in a checkpoint.
        frequency: rounds between two checkpoints; 0: there are none on the way.
        checkpoint_at_end: whether the last round has one.
        results_postprocessing_fn: changes the metrics before they are reported.
    """

    order = 20  # LightGBM calls what stops early, with 30, after it
    before_iteration = False

    def __init__(
        self,
        metrics: str | Sequence[str] | Mapping[str, str] | None = None,
        filename: str = "model.txt",
        frequency: int = 0,
        checkpoint_at_end: bool = True,
        results_postprocessing_fn: Callable[[dict[str, Any]], Mapping[str, Any]] | None = None,
    ) -> None:
        super().__init__(metrics, filename, frequency, checkpoint_at_end, results_postprocessing_fn)

    def __call__(self, env: Any) -> None:
        """Report a round.

        Args:
            env: what LightGBM gives callbacks.
        """
        found: dict[str, Any] = {}
        for data, metric, value, _, *deviation in env.evaluation_result_list:
            found[f"{data}-{metric}{'-mean' * bool(deviation)}"] = value
            found |= {f"{data}-{metric}-stdv": sd for sd in deviation}
        self._report(found, env.model, env.iteration + 1, env.iteration == env.end_iteration - 1)

    @classmethod
    def get_model(cls, checkpoint: Checkpoint, filename: str = "model.txt") -> Any:
        """Return the booster of a checkpoint.

        Args:
            checkpoint: the checkpoint.
            filename: of the model in it.
        """
        from lightgbm import Booster

        return Booster(model_file=str(Path(checkpoint.path, filename)))


__getattr__ = refuser(__name__)
