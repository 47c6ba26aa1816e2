"""Plots under Optuna's names: Plotly's figures, and axes of Matplotlib that pyplot knows."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tunesmith.compat.optuna as optuna
from tunesmith.compat.optuna.terminator import BestValueStagnationEvaluator, StaticErrorEvaluator

pytest.importorskip("plotly")
matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  # after the backend is set
from matplotlib.axes import Axes  # noqa: E402  # after the backend is set

BOTH = [optuna.visualization, optuna.visualization.matplotlib]
PLOTS = [name for name in optuna.visualization.__all__ if name.startswith("plot_")]


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    pyplot.close("all")


def objective(trial: optuna.Trial) -> float:
    x, y = trial.suggest_float("x", -5, 5), trial.suggest_int("y", 1, 10)
    trial.suggest_categorical("kind", ["a", "b"])
    for step in range(3):
        trial.report(x**2 + y - step, step)
    return x**2 + y


@pytest.fixture(scope="module")
def study() -> optuna.Study:
    found = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    found.optimize(objective, n_trials=25)
    return found


@pytest.fixture(scope="module")
def front() -> optuna.Study:
    found = optuna.create_study(directions=["minimize", "maximize"], sampler=optuna.samplers.RandomSampler(seed=0))
    found.optimize(lambda t: (t.suggest_float("x", 0, 1), t.suggest_float("y", 0, 1) - 1), n_trials=20)
    return found


@pytest.mark.parametrize("name", PLOTS)
def test_each_plot_is_there_by_both_libraries(name: str, study: optuna.Study, front: optuna.Study) -> None:
    arguments: list[Any] = [study]
    if name in ("plot_pareto_front", "plot_hypervolume_history"):
        arguments = [front, [2, -2]] if name == "plot_hypervolume_history" else [front]
    figure, drawn = (getattr(of, name)(*arguments) for of in BOTH)
    assert figure.data
    figure.update_layout(title="mine", width=900)
    axes = np.atleast_1d(drawn).ravel()
    assert all(isinstance(ax, Axes) for ax in axes)
    assert pyplot.gcf() is axes[0].figure


@pytest.mark.parametrize("name", PLOTS)
def test_the_arguments_are_optunas(name: str) -> None:
    real = pytest.importorskip("optuna")
    for of, theirs in zip(BOTH, (real.visualization, real.visualization.matplotlib), strict=True):
        ours = inspect.signature(getattr(of, name)).parameters
        expected = inspect.signature(getattr(theirs, name)).parameters
        assert [(n, p.kind, p.default) for n, p in ours.items()] == [
            (n, p.kind, p.default) for n, p in expected.items()
        ]


def test_names_and_targets(study: optuna.Study) -> None:
    figure = optuna.visualization.plot_slice(study, ["x"], target=lambda t: t.duration.total_seconds(), target_name="s")
    assert "s" in figure.to_json()
    history = optuna.visualization.plot_optimization_history(study)
    assert "Objective Value" in history.to_json()
    other = optuna.create_study()
    other.set_metric_names(["loss"])
    other.optimize(objective, n_trials=5)
    assert "loss" in optuna.visualization.plot_optimization_history(other).to_json()
    assert list(optuna.visualization.plot_param_importances(other).data[0].y)
    assert optuna.visualization.plot_edf([study, other]).data


def test_each_objective_has_its_importances(front: optuna.Study) -> None:
    bars = optuna.visualization.plot_param_importances(front).data
    assert [bar.name for bar in bars] == ["Objective Value 0", "Objective Value 1"]
    assert bars[0].y[-1] == "x"
    ax = optuna.visualization.matplotlib.plot_param_importances(front)
    assert len(ax.patches) == 4


def test_axes_have_optunas_shapes(study: optuna.Study) -> None:
    plots = optuna.visualization.matplotlib
    assert plots.plot_slice(study).shape == (3,)
    assert isinstance(plots.plot_slice(study, ["x"]), Axes)
    assert isinstance(plots.plot_contour(study, ["x", "y"]), Axes)
    assert plots.plot_contour(study).ndim >= 1


@pytest.mark.parametrize("of", BOTH)
def test_the_terminators_evaluators_are_drawn(of: Any, study: optuna.Study) -> None:
    figure = of.plot_terminator_improvement(
        study, True, BestValueStagnationEvaluator(), StaticErrorEvaluator(3), min_n_trials=5
    )
    if of is optuna.visualization:
        assert next(iter(figure.data[0].y)) <= 30


@pytest.mark.parametrize("of", BOTH)
def test_nothing_to_draw_is_an_empty_figure_and_a_warning(of: Any) -> None:
    with pytest.warns(UserWarning, match="the figure is empty: plot_slice: no trial"):
        of.plot_slice(optuna.create_study())
    with pytest.warns(UserWarning, match="it takes 20 complete trials"):
        of.plot_terminator_improvement(optuna.create_study())
    with pytest.warns(UserWarning, match="the list of studies is empty"):
        of.plot_edf([])
    with pytest.raises(TypeError, match="must be a study"):
        of.plot_slice("study")
    assert of.is_available()


@pytest.mark.parametrize("plot", ["plot_contour", "plot_rank"])
def test_pairs_by_matplotlib_are_a_grid_of_axes(plot):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda trial: sum(trial.suggest_float(name, 0, 1) for name in "abc"), n_trials=8)
    axes = getattr(optuna.visualization.matplotlib, plot)(study)
    assert axes.shape == (3, 3)
    assert all(axes[i, j].collections for i in range(3) for j in range(3) if i != j)  # each pair in both orders
    pyplot.close("all")


@pytest.mark.parametrize("n_objectives", [1, 2])
def test_importance_without_a_complete_trial_is_an_empty_figure(n_objectives):
    study = optuna.create_study(directions=["minimize"] * n_objectives)
    with pytest.warns(UserWarning, match="no trial is complete"):
        figure = optuna.visualization.plot_param_importances(study, params=["x"])
    assert not figure.data
