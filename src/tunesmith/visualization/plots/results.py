"""Figures of what a search found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tunesmith.visualization.data.columns import Target
from tunesmith.visualization.data.edf import edf
from tunesmith.visualization.plots.render import render

if TYPE_CHECKING:
    from tunesmith.study.study import Study


def plot_edf(
    study: Study | Iterable[Study] | Mapping[str, Study],
    *,
    target: Target = None,
    target_name: str | None = None,
    backend: str = "plotly",
) -> Any:
    """Plot the empirical distribution function of values: which share of trials has at most some value.

    Args:
        study: a study, a list of studies, or a dict of them by name.
        target: what to show, see `plot_optimization_history`.
        target_name: what to call it; None: as the study does.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one.

    Raises:
        NothingToDrawError: no study has a complete trial with a finite value.
        ValueError: a study has several objectives and the target does not say which.
        MissingDependencyError: the backend is not installed.
    """
    return render(edf(study, target=target, target_name=target_name), backend)
