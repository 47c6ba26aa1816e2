"""Figures of what a search found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tunesmith.visualization.data.columns import Target
from tunesmith.visualization.data.edf import edf
from tunesmith.visualization.data.honest_score import honest_score
from tunesmith.visualization.data.pareto_front import Targets, pareto_front
from tunesmith.visualization.data.racing import racing
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


def plot_pareto_front(
    study: Study,
    *,
    target_names: Sequence[str] | None = None,
    include_dominated_trials: bool = True,
    targets: Targets = None,
    selected: Sequence[int] = (),
    backend: str = "plotly",
) -> Any:
    """Plot trials by two or three objectives, and which of them no other one beats in all.

    Args:
        study: the study.
        target_names: names of what is shown; None: as the study has them.
        include_dominated_trials: show the others too.
        targets: what to show: None, all objectives; numbers of two or three of them, such as [0, 2]; or a function of a
            `FrozenTrial` that returns two or three values. The directions are those of the study if it returns as many
            values as there are objectives, else low is good.
        selected: numbers of trials to emphasise.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one. The front is that of the objectives shown; all of it is drawn.

    Raises:
        NothingToDrawError: no trial is complete with finite values.
        ValueError: there are not two or three objectives to show, or not as many names.
        MissingDependencyError: the backend is not installed.
    """
    data = pareto_front(
        study,
        target_names=target_names,
        include_dominated_trials=include_dominated_trials,
        targets=targets,
        selected=selected,
    )
    return render(data, backend)


def plot_racing(search: Any, *, backend: str = "plotly") -> Any:
    """Plot which folds each candidate of a search was run on, and how many fits the race has saved.

    Args:
        search: a fitted `tunesmith.sklearn.SearchCV`, or another search with ``cv_results_``.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one.

    Raises:
        TypeError: it is no fitted search.
        NothingToDrawError: it has no candidate.
        MissingDependencyError: the backend is not installed.
    """
    return render(racing(search), backend)


def plot_honest_score(search: Any, *, backend: str = "plotly") -> Any:
    """Plot what the search saw, what to expect on new data with its interval, and what the default had.

    Args:
        search: a fitted `tunesmith.sklearn.SearchCV`, or what ``study.confirm`` returned.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one.

    Raises:
        TypeError: it has no report.
        NothingToDrawError: there is no honest score; the report says why.
        MissingDependencyError: the backend is not installed.
    """
    return render(honest_score(search), backend)
