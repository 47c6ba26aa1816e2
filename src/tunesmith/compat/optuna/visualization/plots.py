"""Optuna's plots by this library's figures, once for both libraries that draw.

Where there is nothing to draw, Optuna draws an empty figure and logs why; so here, with a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from tunesmith import visualization
from tunesmith.compat.optuna._deprecated import warn_deprecated
from tunesmith.compat.optuna._experimental import experimental_func
from tunesmith.compat.optuna.importance import BaseImportanceEvaluator, get_param_importances, of_records
from tunesmith.compat.optuna.states import TrialState
from tunesmith.compat.optuna.study import Study
from tunesmith.compat.optuna.terminator import (
    DEFAULT_MIN_N_TRIALS,
    BaseErrorEvaluator,
    BaseImprovementEvaluator,
    RegretBoundEvaluator,
    default_error,
)
from tunesmith.errors import NothingToDrawError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.text import shown
from tunesmith.foundation.warnings import caution
from tunesmith.visualization.figures.contour import Contour, Panel, contour
from tunesmith.visualization.figures.rank import Rank, rank
from tunesmith.visualization.figures.terminator_improvement import MOST_LOOKS, TerminatorImprovement

# -- how a figure is returned as Optuna does it: a Plotly figure, or the axes of a figure that pyplot knows ---------

OPTUNAS_NAME = "Objective Value"  # what Optuna calls the objective
Bars = Mapping[str, Mapping[str, float]]  # of each target: values by parameter, the largest first
IMPORTANCE_TITLE, IMPORTANCE_LABEL = "Hyperparameter Importances", "Hyperparameter Importance"


class ByPlotly:
    """Plotly: the figure itself."""

    backend = "plotly"

    def returned(self, figure: Any) -> Any:
        """Return the figure."""
        return figure

    def empty(self) -> Any:
        """Return an empty figure."""
        from plotly.graph_objects import Figure

        return Figure()

    def bars(self, bars: Bars) -> Any:
        """Return bars of importances, one series a target."""
        from plotly.graph_objects import Bar, Figure, Layout

        series = [
            Bar(
                x=list(values.values())[::-1],
                y=list(values)[::-1],
                name=name,
                text=[_importance_label(value) for value in values.values()][::-1],
                textposition="outside",
                cliponaxis=False,
                orientation="h",
            )
            for name, values in bars.items()
            if values
        ]
        return Figure(
            series, Layout(title=IMPORTANCE_TITLE, xaxis={"title": IMPORTANCE_LABEL}, yaxis={"title": "Hyperparameter"})
        )


class ByMatplotlib:
    """Matplotlib: the axes of a figure that pyplot knows, so that ``plt.show()`` and ``plt.savefig()`` find it."""

    backend = "matplotlib"

    def returned(self, figure: Any) -> Any:
        """Return the axes in which something is drawn: one, or an array."""
        from matplotlib import pyplot

        # A new figure of pyplot has the canvas that its backend needs: the figure moves in there.
        canvas = pyplot.figure().canvas
        canvas.figure = figure
        figure.set_canvas(canvas)
        panels = [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]
        grid = panels[0].get_gridspec() if panels else None
        if grid is not None and grid.nrows == grid.ncols > 1 and not panels[0].get_visible():  # pairs: no diagonal
            return np.array(panels, dtype=object).reshape(grid.nrows, grid.ncols)
        panels = [ax for ax in panels if ax.get_visible()]
        return panels[0] if len(panels) == 1 else np.array(panels, dtype=object)

    def empty(self) -> Any:
        """Return empty axes."""
        from matplotlib import pyplot

        return pyplot.subplots()[1]

    def bars(self, bars: Bars) -> Any:
        """Return bars of importances, one series a target."""
        from matplotlib import pyplot

        figure, ax = pyplot.subplots(layout="constrained")
        names = [name for values in list(bars.values())[:1] for name in values][::-1]
        height = 0.8 / max(len(bars), 1)
        for k, (target, values) in enumerate(bars.items()):
            at = [i + (k - (len(bars) - 1) / 2) * height for i in range(len(names))]
            drawn = ax.barh(at, [values.get(name, 0.0) for name in names], height, label=target)
            ax.bar_label(drawn, [_importance_label(values.get(name, 0.0)) for name in names], padding=2)
        ax.set_yticks(range(len(names)), names)
        ax.margins(x=0.12)
        ax.set(title=IMPORTANCE_TITLE, xlabel=IMPORTANCE_LABEL, ylabel="Hyperparameter")
        if bars:
            ax.legend(loc="lower right")
        return figure.axes[0]


def _importance_label(value: float) -> str:
    return f"{value:.2f}" if value >= 0.01 else "<0.01"


Target = Callable[[Any], float]


class Plots:
    """Optuna's functions ``plot_*``, by Plotly or by Matplotlib.

    Args:
        by: what makes a figure of the library's own, and what shows it as Optuna returns it.
    """

    def __init__(self, by: ByPlotly | ByMatplotlib) -> None:
        self._by = by

    @checked()
    def plot_contour(
        self,
        study: Any,
        params: list[str] | None = None,
        *,
        target: Target | None = None,
        target_name: str = OPTUNAS_NAME,
    ) -> Any:
        """Plot what a model expects of the objective over pairs of parameters, with the trials on it.

        Args:
            study: the study.
            params: names of parameters, two or more; None: those that matter.
            target: what to show, of a trial; None: the objective.
            target_name: what to call it.

        Returns:
            A Plotly figure; by Matplotlib the axes, of more than two parameters a grid of them.
        """
        return self._pairs(contour, study, params, target, target_name)

    @checked()
    def plot_edf(self, study: Any, *, target: Target | None = None, target_name: str = OPTUNAS_NAME) -> Any:
        """Plot the empirical distribution function of the objective.

        Args:
            study: a study, or a list of studies.
            target: what to show, of a trial; None: the objective.
            target_name: what to call it.

        Returns:
            A Plotly figure; by Matplotlib the axes.
        """
        return self._drawn(visualization.plot_edf, study, target=target, target_name=target_name)

    @checked()
    def plot_hypervolume_history(self, study: Any, reference_point: Sequence[float]) -> Any:
        """Plot the hypervolume that feasible trials dominate, as it grew.

        Args:
            study: with two objectives or more.
            reference_point: one value for each, worse than what counts.

        Returns:
            A Plotly figure; by Matplotlib the axes.
        """
        return self._drawn(visualization.plot_hypervolume_history, study, reference_point)

    @checked()
    def plot_intermediate_values(self, study: Any) -> Any:
        """Plot what each trial reported, step by step.

        Args:
            study: the study.

        Returns:
            A Plotly figure; by Matplotlib the axes.
        """
        return self._drawn(partial(visualization.plot_intermediate_values, target=0), study)

    @checked()
    def plot_optimization_history(
        self,
        study: Any,
        *,
        target: Target | None = None,
        target_name: str = OPTUNAS_NAME,
        error_bar: bool = False,
    ) -> Any:
        """Plot the objective of each trial, and the best so far.

        Args:
            study: a study, or a list of studies.
            target: what to show, of a trial; None: the objective.
            target_name: what to call it.
            error_bar: show mean and standard deviation over the studies.

        Returns:
            A Plotly figure; by Matplotlib the axes.
        """
        return self._drawn(
            visualization.plot_optimization_history, study, target=target, target_name=target_name, error_bar=error_bar
        )

    @checked()
    def plot_parallel_coordinate(
        self,
        study: Any,
        params: list[str] | None = None,
        *,
        target: Target | None = None,
        target_name: str = OPTUNAS_NAME,
    ) -> Any:
        """Plot each trial as a line over the objective and its parameters.

        Args:
            study: the study.
            params: names of parameters; None: those that vary.
            target: what to show, of a trial; None: the objective.
            target_name: what to call it.

        Returns:
            A Plotly figure; by Matplotlib the axes.
        """
        return self._drawn(
            visualization.plot_parallel_coordinate, study, params, target=target, target_name=target_name
        )

    @checked()
    def plot_param_importances(
        self,
        study: Any,
        evaluator: BaseImportanceEvaluator | None = None,
        params: list[str] | None = None,
        *,
        target: Target | None = None,
        target_name: str = OPTUNAS_NAME,
    ) -> Any:
        """Plot the importance of each parameter, as ``get_param_importances`` has it.

        Args:
            study: the study.
            evaluator: None: ``PedAnovaImportanceEvaluator``.
            params: names of parameters; None: those that the evaluator takes.
            target: what they matter for, of a trial; None: each of the objectives.
            target_name: what to call it.

        Returns:
            A Plotly figure; by Matplotlib the axes.
        """
        if not study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            return self._nothing(NothingToDrawError("no trial is complete"))
        count = len(study.directions)
        if target is not None or count == 1:
            targets: dict[str, Target | None] = {_target_label(study, target, target_name): target}
        else:
            names = study.metric_names or [f"{target_name} {k}" for k in range(count)]
            targets = {name: _objective_target(k) for k, name in enumerate(names)}
        bars = {
            name: get_param_importances(study, evaluator=evaluator, params=params, target=of)
            for name, of in targets.items()
        }
        return self._by.bars(bars)

    @checked()
    def plot_pareto_front(
        self,
        study: Any,
        *,
        target_names: list[str] | None = None,
        include_dominated_trials: bool = True,
        constraints_func: Callable[[Any], Sequence[float]] | None = None,
        targets: Callable[[Any], Sequence[float]] | None = None,
    ) -> Any:
        """Plot trials by two or three objectives, and which of them no other one beats in all.

        Args:
            study: the study.
            target_names: what to call the objectives.
            include_dominated_trials: show the others too.
            constraints_func: not called: the constraints that the trials have count.
            targets: what to show, two or three values of a trial; None: the objectives.

        Returns:
            A Plotly figure; by Matplotlib the axes.
        """
        if constraints_func is not None:
            warn_deprecated(
                "constraints_func", "4.0.0", "6.0.0", "it is not called, the constraints that the trials have count"
            )
        return self._drawn(
            visualization.plot_pareto_front,
            study,
            target_names=target_names or _alone(study).metric_names,
            include_dominated_trials=include_dominated_trials,
            targets=targets,
        )

    @checked()
    def plot_rank(
        self,
        study: Any,
        params: list[str] | None = None,
        *,
        target: Target | None = None,
        target_name: str = OPTUNAS_NAME,
    ) -> Any:
        """Plot pairs of parameters, with the rank of each trial as its colour.

        Args:
            study: the study.
            params: names of parameters, two or more; None: those that matter.
            target: what to rank by, of a trial; None: the objective.
            target_name: what to call it.

        Returns:
            A Plotly figure; by Matplotlib the axes, of more than two parameters a grid of them.
        """
        return self._pairs(rank, study, params, target, target_name)

    @checked()
    def plot_slice(
        self,
        study: Any,
        params: list[str] | None = None,
        *,
        target: Target | None = None,
        target_name: str = OPTUNAS_NAME,
    ) -> Any:
        """Plot the objective of each trial against each of its parameters.

        Args:
            study: the study.
            params: names of parameters; None: those that vary.
            target: what to show, of a trial; None: the objective.
            target_name: what to call it.

        Returns:
            A Plotly figure; by Matplotlib the axes, or an array of them.
        """
        return self._drawn(visualization.plot_slice, study, params, target=target, target_name=target_name)

    @checked()
    def plot_terminator_improvement(
        self,
        study: Any,
        plot_error: bool = False,
        improvement_evaluator: BaseImprovementEvaluator | None = None,
        error_evaluator: BaseErrorEvaluator | None = None,
        min_n_trials: int = DEFAULT_MIN_N_TRIALS,
    ) -> Any:
        """Plot what a longer search could gain, as the search went on.

        Args:
            study: with one objective.
            plot_error: whether the error of a result is drawn beside it.
            improvement_evaluator: None: ``RegretBoundEvaluator``.
            error_evaluator: None: as `Terminator` has it.
            min_n_trials: complete trials at the first look.

        Returns:
            A Plotly figure; by Matplotlib the axes.
        """
        try:
            data = improvement(study, plot_error, improvement_evaluator, error_evaluator, min_n_trials)
        except NothingToDrawError as error:
            return self._nothing(error)
        return self._by.returned(data.drawn(self._by.backend))

    @checked()
    def plot_timeline(self, study: Any, n_recent_trials: int | None = None) -> Any:
        """Plot when each trial began and ended, in the colour of its state.

        Args:
            study: the study.
            n_recent_trials: show only so many, the last ones; None: all.

        Returns:
            A Plotly figure; by Matplotlib the axes.

        Raises:
            ValueError: n_recent_trials is below 1.
        """
        return self._drawn(visualization.plot_timeline, study, n_recent_trials)

    # -- the parts -----------------------------------------------------------------------------------------------

    def _drawn(self, plot: Callable[..., Any], study: Any, *positional: Any, **options: Any) -> Any:
        native = _native(study)
        if native == []:
            return self._nothing(NothingToDrawError("the list of studies is empty"))
        if [] in positional:
            return self._nothing(NothingToDrawError("params is empty"))
        if "target_name" in options:
            options["target_name"] = _target_label(study, options["target"], options["target_name"])
        options |= {name: of_records(_alone(study), options[name]) for name in ("target", "targets") if name in options}
        try:
            figure = plot(native, *positional, backend=self._by.backend, **options)
        except NothingToDrawError as error:
            return self._nothing(error)
        return self._by.returned(figure)

    def _pairs(
        self, read: Callable[..., Any], study: Any, params: list[str] | None, target: Target | None, target_name: str
    ) -> Any:
        """Draw pairs of parameters; by Matplotlib each pair in both orders, as the grid of axes that Optuna returns."""
        if params is not None and len(set(params)) < 2:
            return self._nothing(NothingToDrawError(f"pairs need two parameters; got params={params!r}"))

        def plot(native: Any, *, backend: str, **options: Any) -> Any:
            data = read(native, params, **options)
            return (in_both_orders(data) if backend == "matplotlib" else data).drawn(backend)

        return self._drawn(plot, study, target=target, target_name=target_name)

    def _nothing(self, error: NothingToDrawError) -> Any:
        caution(f"the figure is empty: {error}")
        return self._by.empty()


def functions(by: ByPlotly | ByMatplotlib, since: Mapping[str, str]) -> dict[str, Callable[..., Any]]:
    """Return Optuna's functions ``plot_*`` by name.

    Args:
        by: what draws.
        since: the versions since which functions are experimental in Optuna; they warn of it.
    """
    plots = Plots(by)
    found = {name: getattr(plots, name) for name in vars(Plots) if name.startswith("plot_")}
    return found | {name: experimental_func(version)(found[name]) for name, version in since.items()}


def _target_label(study: Any, target: Target | None, target_name: str) -> str:
    """Return what to call the target; the study's own name for its objective comes first, as in Optuna."""
    if target is not None and target_name == OPTUNAS_NAME:
        caution(f"target= is given without target_name=: the figure calls it {OPTUNAS_NAME!r}")
    names = _alone(study).metric_names if target is None else None
    return str(names[0]) if names else target_name


def _alone(study: Any) -> Any:
    return study[0] if isinstance(study, list | tuple) else study


def _native(study: Any) -> Any:
    """Return a study, or several, as those of this library.

    Raises:
        TypeError: it is not a study.
    """
    if isinstance(study, list | tuple):
        return [_native(one) for one in study]
    if not isinstance(study, Study):
        raise TypeError(f"study must be a study, of create_study or load_study; got {shown(study)}")
    return study.native


def _objective_target(k: int) -> Target:
    return lambda trial: float(trial.values[k])


def in_both_orders(data: Contour | Rank) -> Contour | Rank:
    """Return the arrays with the mirrored panels too, where there are more than two parameters."""
    if len(data.axes) < 3:
        return data
    if isinstance(data, Rank):
        return replace(data, panels=(*data.panels, *((j, i) for i, j in data.panels)))
    mirrored = (Panel(panel.along[::-1], panel.y, panel.x, panel.expected.T) for panel in data.panels)
    return replace(data, panels=(*data.panels, *mirrored))


def improvement(
    study: Any,
    plot_error: bool,
    improvement_evaluator: BaseImprovementEvaluator | None,
    error_evaluator: BaseErrorEvaluator | None,
    min_n_trials: int,
) -> TerminatorImprovement:
    """Return what the evaluators said after more and more trials.

    Args:
        study: with one objective.
        plot_error: whether the error is drawn.
        improvement_evaluator: None: the regret bound.
        error_evaluator: None: as the terminator has it.
        min_n_trials: complete trials at the first look.

    Returns:
        The arrays, for twelve looks at most.

    Raises:
        NothingToDrawError: there are fewer trials.
    """
    evaluator = improvement_evaluator or RegretBoundEvaluator()
    error = error_evaluator or default_error(evaluator)
    trials = [trial for trial in study.trials if trial.state == TrialState.COMPLETE]
    if len(trials) < max(min_n_trials, 1):
        raise NothingToDrawError(
            f"plot_terminator_improvement: it takes {max(min_n_trials, 1)} complete trials; the study has {len(trials)}"
        )
    counts = np.unique(np.linspace(max(min_n_trials, 1), len(trials), MOST_LOOKS).round().astype(np.int64))
    gaps = [float(evaluator.evaluate(trials[:k], study.direction)) for k in counts]
    errors = [float(error.evaluate(trials[:k], study.direction)) if plot_error else np.nan for k in counts]
    return TerminatorImprovement(
        title="What is left to gain",
        summary=f"After {int(counts[-1]):,} trials {type(evaluator).__name__} gives {gaps[-1]:.3g}; after "
        f"{int(counts[0]):,} it was {gaps[0]:.3g}.",
        target=(study.metric_names or [OPTUNAS_NAME])[0],
        number=counts,
        gap=np.array(gaps),
        noise=np.array(errors),
        plot_error=plot_error,
    )
