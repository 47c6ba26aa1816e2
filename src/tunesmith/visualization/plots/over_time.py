"""Figures over the course of a search."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tunesmith.visualization.data.columns import Target
from tunesmith.visualization.data.hypervolume_history import hypervolume_history
from tunesmith.visualization.data.intermediate_values import intermediate_values
from tunesmith.visualization.data.optimization_history import optimization_history
from tunesmith.visualization.data.terminator_improvement import terminator_improvement
from tunesmith.visualization.data.timeline import timeline
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
    target: int | None = None,
    show_pruned: bool = True,
    show_failed: bool = True,
    selected: Sequence[int] = (),
    backend: str = "plotly",
) -> Any:
    """Plot what each trial reported, step by step: its learning curve.

    Args:
        study: the study, or a fitted search.
        target: the objective whose reports are shown, from 0; None: there is one.
        show_pruned: show trials that were stopped early.
        show_failed: show trials that failed.
        selected: numbers of trials to emphasise.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one. Of more than 300 curves it has the best, those that run, the selected
        ones and every so many of the others.

    Raises:
        NothingToDrawError: no trial reported anything.
        ValueError: the study has several objectives and the target does not say which.
        MissingDependencyError: the backend is not installed.
    """
    data = intermediate_values(
        study, target=target, show_pruned=show_pruned, show_failed=show_failed, selected=selected
    )
    return render(data, backend)


def plot_timeline(
    study: Study,
    n_recent_trials: int | None = None,
    *,
    show_pruned: bool = True,
    show_failed: bool = True,
    selected: Sequence[int] = (),
    backend: str = "plotly",
) -> Any:
    """Plot when each trial began and ended, in the colour of its state.

    Args:
        study: the study, or a fitted search.
        n_recent_trials: show only so many, those with the highest numbers; None: all.
        show_pruned: show trials that were stopped early.
        show_failed: show trials that failed.
        selected: numbers of trials that are there however many there are.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one.

    Raises:
        NothingToDrawError: no trial has a time.
        ValueError: n_recent_trials is below 1.
        MissingDependencyError: the backend is not installed.
    """
    data = timeline(study, n_recent_trials, show_pruned=show_pruned, show_failed=show_failed, selected=selected)
    return render(data, backend)


def plot_hypervolume_history(
    study: Study, reference_point: Sequence[float] | None = None, *, backend: str = "plotly"
) -> Any:
    """Plot the hypervolume that feasible trials dominate, as it grew.

    Args:
        study: a study with two objectives or more.
        reference_point: one value for each objective, in its own direction, worse than what counts; None: the worst
            values of complete trials.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one. Of many trials it is computed after 300.

    Raises:
        NothingToDrawError: no feasible trial is complete with finite values.
        ValueError: the study has one objective, or the point has not one finite value for each.
        MissingDependencyError: the backend is not installed.
    """
    return render(hypervolume_history(study, reference_point), backend)


def plot_terminator_improvement(
    study: Study, plot_error: bool = True, min_n_trials: int = 20, *, backend: str = "plotly"
) -> Any:
    """Plot what a longer search could be expected to gain, as the search went on.

    It is what ``optimize(stop="converged")`` looks at: where the gain falls below the noise of one result, it stops.

    Args:
        study: a study with one objective.
        plot_error: whether the noise of one result is drawn beside it.
        min_n_trials: how many complete trials there must be at the first look.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one.

    Raises:
        NothingToDrawError: there are too few trials, or all values are equal.
        ValueError: the study has several objectives.
        MissingDependencyError: the backend is not installed.
    """
    return render(terminator_improvement(study, plot_error, min_n_trials), backend)
