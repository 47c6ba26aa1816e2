"""Figures of parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tunesmith.visualization.data.columns import Target
from tunesmith.visualization.data.slice import slices
from tunesmith.visualization.plots.render import render

if TYPE_CHECKING:
    from tunesmith.study.study import Study


def plot_slice(
    study: Study,
    params: Sequence[str] | None = None,
    *,
    target: Target = None,
    target_name: str | None = None,
    show_pruned: bool = False,
    show_failed: bool = False,
    selected: Sequence[int] = (),
    backend: str = "plotly",
) -> Any:
    """Plot the value of each trial against each of its parameters.

    Args:
        study: the study, or a fitted search.
        params: names of parameters, and user attributes as "user_attrs_NAME"; None: those that vary. Of more than
            twelve these are the ones whose order goes best with the value's.
        target: what to show, see `plot_optimization_history`.
        target_name: what to call it; None: as the study does.
        show_pruned: show trials that were stopped early, by their last report.
        show_failed: show where trials failed, below the others.
        selected: numbers of trials to emphasise.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one. Trials in which a parameter was inactive lie in a strip beside its axis.

    Raises:
        NothingToDrawError: there is no complete trial with a finite value, or no parameter.
        ValueError: there is no such parameter, or there are several objectives and the target does not say which.
        MissingDependencyError: the backend is not installed.
    """
    data = slices(
        study,
        params,
        target=target,
        target_name=target_name,
        show_pruned=show_pruned,
        show_failed=show_failed,
        selected=selected,
    )
    return render(data, backend)
