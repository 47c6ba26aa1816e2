"""The task tree for scikit-learn's callbacks, the same as that of scikit-learn's own searches."""

from __future__ import annotations

from typing import Any

from tunesmith.sklearn.protocols import CallbackContext, Estimator, Params, Search


def has_callbacks(search: Search, estimator: Estimator, candidates: list[Params]) -> bool:
    """Tell whether the search, the estimator, a part of it or of a candidate has callbacks."""
    if getattr(search, "_skl_callbacks", None) or hasattr(search, "_parent_callback_ctx"):
        return True
    values = [estimator, *(v for params in candidates for v in params.values())]
    return any(_carries(v) for v in values)


def _carries(value: Any) -> bool:
    if isinstance(value, str | int | float | type) or not hasattr(value, "get_params"):
        return False
    if getattr(value, "_skl_callbacks", None):
        return True
    try:
        inner = value.get_params(deep=True).values()
    except Exception:  # a candidate may hold an estimator that cannot be asked; its fit will say so
        return False
    return any(getattr(v, "_skl_callbacks", None) for v in inner)


def evaluation_contexts(context: CallbackContext, n_candidates: int, n_splits: int) -> list[tuple[Any, ...]]:
    """Return the callback context of each fit, by candidate and split, as children of the search's context.

    They are made before the first fit: making them while estimators are sent to workers would change what is sent.
    """
    return [
        tuple(
            context.subcontext(task_name="candidate-split-evaluation", task_id=candidate * n_splits + split)
            for split in range(n_splits)
        )
        for candidate in range(n_candidates)
    ]
