"""The task tree for scikit-learn's callbacks, the same as that of scikit-learn's own searches."""

from __future__ import annotations

from collections.abc import Iterable
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


def split_contexts(
    context: CallbackContext, candidate: int, splits: Iterable[int], n_splits: int
) -> tuple[CallbackContext, ...]:
    """Return the callback context of each fit of a candidate, as children of the search's context.

    They are made before the first fit: making them while estimators are sent to workers would change what is sent.

    Args:
        context: of the search.
        candidate: its position.
        splits: its splits, in the order in which they are run.
        n_splits: how many splits a candidate has.
    """
    ids = [candidate * n_splits + split % n_splits for split in splits]
    return tuple(context.subcontext(task_name="candidate-split-evaluation", task_id=i) for i in ids)
