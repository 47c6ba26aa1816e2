"""Figures over the course of a search."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tunesmith.visualization.data.columns import Target
from tunesmith.visualization.data.intermediate_values import intermediate_values
from tunesmith.visualization.data.optimization_history import optimization_history
from tunesmith.visualization.plots.render import render

if TYPE_CHECKING:
    from tunesmith.study.study import Study


def plot_optimization_history(
    study: Study | Iterable[Study] | Mapping[str, Study],
    *,
    target: Target = None,
    target_name: str | None = None,
    error_bar: bool = False,
    show_pruned: bool = False,
    show_failed: bool = False,
    selected: Sequence[int] = (),
    backend: str = "plotly",
) -> Any:
    """Plot the value of each trial, and the best so far.

    Args:
        study: a study, a list of studies, or a dict of them by name; so is a fitted search in place of a study.
        target: what to show: None, the objective; a number, that objective; "user_attrs_NAME", a user attribute; or a
            function of a `FrozenTrial` that returns a number.
        target_name: what to call it; None: as the study does.
        error_bar: show mean and standard deviation over the studies, in place of each study.
        show_pruned: show trials that were stopped early, by their last report.
        show_failed: show at which numbers trials failed.
        selected: numbers of trials to emphasise.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one.

    Raises:
        NothingToDrawError: no study has a complete trial with a finite value.
        ValueError: a study has several objectives and the target does not say which.
        MissingDependencyError: the backend is not installed.
    """
    data = optimization_history(
        study,
        target=target,
        target_name=target_name,
        error_bar=error_bar,
        show_pruned=show_pruned,
        show_failed=show_failed,
        selected=selected,
    )
    return render(data, backend)


def plot_intermediate_values(
    study: Study,
    *,
    show_pruned: bool = True,
    show_failed: bool = True,
    selected: Sequence[int] = (),
    backend: str = "plotly",
) -> Any:
    """Plot what each trial reported, step by step: its learning curve.

    Args:
        study: the study, or a fitted search.
        show_pruned: show trials that were stopped early.
        show_failed: show trials that failed.
        selected: numbers of trials to emphasise.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one. Of more than 300 curves it has the best, those that run, the selected
        ones and every so many of the others.

    Raises:
        NothingToDrawError: no trial reported anything.
        MissingDependencyError: the backend is not installed.
    """
    data = intermediate_values(study, show_pruned=show_pruned, show_failed=show_failed, selected=selected)
    return render(data, backend)
