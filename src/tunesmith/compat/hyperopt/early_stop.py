"""When to end a search early."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def no_progress_loss(iteration_stop_count: int = 20, percent_increase: float = 0.0) -> Callable[..., Any]:
    """Return an `early_stop_fn` that ends a search whose best loss no longer falls.

    Args:
        iteration_stop_count: so many trials without progress end it.
        percent_increase: progress is to be better than the best loss by more than this many percent of it.

    Returns:
        the function.
    """

    def stop_fn(trials: Any, best_loss: float | None = None, iteration_no_progress: int = 0) -> tuple[bool, list[Any]]:
        loss = trials.trials[-1]["result"].get("loss")
        if best_loss is None:
            return False, [loss, iteration_no_progress + 1]
        if loss is not None and loss < best_loss - abs(best_loss) * percent_increase / 100.0:
            return False, [loss, 0]
        n = iteration_no_progress + 1
        return n >= iteration_stop_count, [best_loss, n]

    return stop_fn
