"""Figures of parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tunesmith.visualization.data.ablation import ablation
from tunesmith.visualization.data.belief import belief
from tunesmith.visualization.data.columns import Target
from tunesmith.visualization.data.contour import contour
from tunesmith.visualization.data.parallel_coordinate import parallel_coordinate
from tunesmith.visualization.data.param_importances import param_importances
from tunesmith.visualization.data.rank import rank
from tunesmith.visualization.data.slice import slices
from tunesmith.visualization.plots.render import render

if TYPE_CHECKING:
    from tunesmith.importance import Evaluator
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


def plot_belief(
    study: Study, params: Sequence[str] | None = None, *, objective: int | None = None, backend: str = "plotly"
) -> Any:
    """Plot what a model believes along each parameter: what it expects, how sure it is, and where it would look next.

    The model is the Gaussian process by which `tunesmith.samplers.GPSampler` would search on, fitted to the complete
    trials of any sampler; it needs three of them. Along one parameter the others are those of the best trial, or of the
    best trial in which the parameter is active. The band holds, with 95 %, what the value would be without noise. The
    dotted line is where a trial is expected to improve most on the best one.

    Args:
        study: the study, or a fitted search.
        params: names of parameters; None: those that vary. Of more than twelve these are the ones whose order goes best
            with the value's.
        objective: of several objectives the one that is shown, from 0; None: there is one.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one. The model rests on 500 trials at most, the best ones among them.

    Raises:
        NothingToDrawError: fewer than three trials are complete with finite values, all values are equal, or there is
            no parameter.
        ValueError: there is no such parameter, or there are several objectives and none is chosen.
        MissingDependencyError: the backend is not installed.
    """
    return render(belief(study, params, objective=objective), backend)


def plot_parallel_coordinate(
    study: Study,
    params: Sequence[str] | None = None,
    *,
    target: Target = None,
    target_name: str | None = None,
    selected: Sequence[int] = (),
    backend: str = "plotly",
) -> Any:
    """Plot each trial as a line over its value and its parameters.

    Args:
        study: the study, or a fitted search.
        params: names of parameters, and user attributes as "user_attrs_NAME"; None: those that vary, twenty at most.
        target: what to show, see `plot_optimization_history`.
        target_name: what to call it; None: as the study does.
        selected: numbers of trials to emphasise.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one. A parameter that was inactive is below the others of its axis.

    Raises:
        NothingToDrawError: there is no complete trial with a finite value, or no parameter.
        ValueError: there is no such parameter, or there are several objectives and the target does not say which.
        MissingDependencyError: the backend is not installed.
    """
    data = parallel_coordinate(study, params, target=target, target_name=target_name, selected=selected)
    return render(data, backend)


def plot_contour(
    study: Study,
    params: Sequence[str] | None = None,
    *,
    target: Target = None,
    target_name: str | None = None,
    selected: Sequence[int] = (),
    backend: str = "plotly",
) -> Any:
    """Plot what a model expects of the value over pairs of parameters, with the trials on it.

    The model is a Gaussian process of 300 trials at most, the best ones among them. The other parameters are those of
    the best trial in which both of a pair are active.

    Args:
        study: the study, or a fitted search.
        params: two names or more, of parameters, and of user attributes as "user_attrs_NAME" (these have points
            alone); None: the five parameters whose order goes best with the value's.
        target: what to show, see `plot_optimization_history`.
        target_name: what to call it; None: as the study does.
        selected: numbers of trials to emphasise.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one. Trials in which a parameter was inactive lie in a strip beside
        its axis.

    Raises:
        NothingToDrawError: there is no complete trial with a finite value, or only one parameter.
        ValueError: there is no such parameter, or there are several objectives and the target does not say which.
        MissingDependencyError: the backend is not installed.
    """
    data = contour(study, params, target=target, target_name=target_name, selected=selected)
    return render(data, backend)


def plot_rank(
    study: Study,
    params: Sequence[str] | None = None,
    *,
    target: Target = None,
    target_name: str | None = None,
    selected: Sequence[int] = (),
    backend: str = "plotly",
) -> Any:
    """Plot pairs of parameters, with the rank of each trial's value as its colour.

    Args:
        study: the study, or a fitted search.
        params: two names or more, of parameters, and of user attributes as "user_attrs_NAME"; None: the five parameters
            whose order goes best with the value's.
        target: what to show, see `plot_optimization_history`.
        target_name: what to call it; None: as the study does.
        selected: numbers of trials to emphasise.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one.

    Raises:
        NothingToDrawError: there is no complete trial with a finite value, or only one parameter.
        ValueError: there is no such parameter, or there are several objectives and the target does not say which.
        MissingDependencyError: the backend is not installed.
    """
    data = rank(study, params, target=target, target_name=target_name, selected=selected)
    return render(data, backend)


def plot_param_importances(
    study: Study,
    evaluator: str | Evaluator | None = None,
    params: Sequence[str] | None = None,
    *,
    target: Target = None,
    target_name: str | None = None,
    backend: str = "plotly",
) -> Any:
    """Plot how much each parameter mattered, with 95 % intervals and with what noise alone would reach.

    Args:
        study: the study, or a fitted search.
        evaluator: as for `tunesmith.importance.importance`; None: its default.
        params: names of parameters; None: all.
        target: what they matter for, see `plot_optimization_history`; of a function low is good.
        target_name: what to call it; None: as the study does.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one.

    Raises:
        NothingToDrawError: there is no complete trial with a finite value.
        ValueError: as for `tunesmith.importance.importance`, or several objectives and no target.
        MissingDependencyError: the backend is not installed.
    """
    return render(param_importances(study, evaluator, params, target=target, target_name=target_name), backend)


def plot_ablation(study: Study, default: Mapping[str, Any] | None = None, *, backend: str = "plotly") -> Any:
    """Plot the path from the default configuration to the best one, a parameter at a time, by what is expected.

    Args:
        study: a study with one objective, or a fitted search.
        default: the configuration to begin with; None: the first enqueued trial that gave all parameters.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one.

    Raises:
        NothingToDrawError: there is no complete trial with a finite value, or no path.
        ValueError: there are too few trials, no default, or several objectives.
        MissingDependencyError: the backend is not installed.
    """
    return render(ablation(study, default), backend)
