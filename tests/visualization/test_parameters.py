"""Figures of parameters, from studies with known answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.visualization.studies import VALUES, conditional, many

import tunesmith
from tunesmith import Float
from tunesmith.errors import NothingToDrawError
from tunesmith.importance import Change, Importance, ImportanceRow
from tunesmith.space.estimators import FloatOr, IntOr
from tunesmith.visualization.axes import beyond, ends_of, round_logs, round_values
from tunesmith.visualization.figures import ablation as path
from tunesmith.visualization.figures.belief import belief
from tunesmith.visualization.figures.contour import contour
from tunesmith.visualization.figures.parallel_coordinate import parallel_coordinate
from tunesmith.visualization.figures.param_importances import importances_of_table, param_importances
from tunesmith.visualization.figures.rank import rank
from tunesmith.visualization.figures.slice import slices


def test_slices_show_inactive_parameters_in_a_strip() -> None:
    data = slices(conditional())
    assert [a.name for a in data.axes] == ["model", "C", "depth", "scale"]
    assert [a.kind for a in data.axes] == ["category", "log", "linear", "category"]
    model, c, depth, scale = data.axes
    assert model.categories == ("svm", "forest")
    assert scale.categories == ("True", "False", "None")
    assert c.at[[0, 2, 4, 5]].tolist() == [0.01, 1.0, 100.0, 10.0]
    assert np.isnan(c.at[[1, 3]]).all()
    assert (c.low, c.high) == (0.01, 100.0)
    assert c.placed[1] == c.strip < c.low
    assert c.unit[[0, 4]] == pytest.approx([0.0, 1.0])
    assert depth.strip < 1
    assert not model.has_strip
    assert data.value.tolist() == VALUES
    assert data.number[data.best] == 3
    assert "depth = 9" in data.summary
    assert "C = inactive" in data.summary


def test_slices_of_pruned_and_failed_trials_and_of_attributes() -> None:
    data = slices(conditional(), ["depth", "user_attrs_seconds", "user_attrs_host"], show_pruned=True, show_failed=True)
    assert data.number.tolist() == list(range(8))
    assert np.flatnonzero(data.failed).tolist() == [7]
    assert np.flatnonzero(data.pruned).tolist() == [6]
    seconds, host = data.axes[1:]
    assert seconds.at[:6].tolist() == [0.0, 10.0, 20.0, 30.0, 40.0, 50.0]
    assert seconds.strip_name == "not set"
    assert host.categories == ("node0", "node1")
    assert host.at[:4].tolist() == [0.0, 1.0, 0.0, 1.0]


def test_of_very_many_trials_some_are_drawn_and_of_very_many_parameters_some_are_shown() -> None:
    study = many(6000, 15)
    data = slices(study, selected=[5])
    assert len(data.axes) == 12
    assert data.notes[1] == "12 of 15 parameters shown"
    assert len(data.number) < 3000
    assert {5, study.best_trial.number} <= set(data.number.tolist())
    assert data.value.max() == study.history.y.max()


def test_a_name_that_is_not_there_gets_an_answer() -> None:
    with pytest.raises(ValueError, match=r"no parameter 'dept'; did you mean 'depth'\? .*user_attrs_NAME"):
        slices(conditional(), ["dept"])
    with pytest.raises(ValueError, match="params is empty"):
        slices(conditional(), [])
    with pytest.raises(ValueError, match="has the user attribute 'speed'"):
        slices(conditional(), ["user_attrs_speed"])
    bare = tunesmith.create_study(study_name="bare")
    bare.add_trial(tunesmith.create_trial(value=1.0))
    with pytest.raises(NothingToDrawError, match="'bare' have no parameters"):
        slices(bare)


def test_a_name_that_several_branches_share_is_told_apart() -> None:
    space = tunesmith.Space([{"kernel": ["rbf"], "C": Float(0, 1), "gamma": Float(0, 1)}, {"C": Float(5, 9)}])
    study = tunesmith.create_study(space=space, seed=0, sampler="random")
    study.optimize(lambda trial: trial.params["C"], n_trials=20)
    assert [a.name for a in slices(study).axes] == ["kernel", "C@0", "gamma", "C@1"]
    assert slices(study, ["C@1"]).axes[0].low == 5


def test_constant_values_and_a_constant_parameter() -> None:
    study = tunesmith.create_study(space={"x": Float(2.0, 2.0)}, seed=0)
    study.optimize(lambda trial: 1.0, n_trials=3)
    (axis,) = slices(study).axes
    assert axis.low < 2.0 < axis.high
    assert axis.unit.tolist() == [0.5, 0.5, 0.5]


def test_ticks_are_round() -> None:
    assert round_values(0.0, 1.0, 5) == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert round_values(-3.0, 12.0, 6) == [0.0, 5.0, 10.0]
    # a scale of colours has such ends, where a model expects the same everywhere, or nothing
    assert round_values(2.0, 2.0, 5) == round_values(2.0, np.inf, 5) == [2.0]
    assert round_values(np.nan, np.nan, 5) == []
    assert round_values(0.0, 5e-324, 5) == [0.0]
    assert len(round_values(-1e308, 1e308, 5)) > 1
    assert round_logs(1e-5, 1e-1, 6) == [1e-5, 1e-4, 1e-3, 1e-2, 1e-1]
    assert round_logs(1.0, 50.0, 6) == [1.0, 2.0, 5.0, 10.0, 20.0, 50.0]


def test_a_few_values_that_are_far_worse_are_drawn_at_the_edge() -> None:
    values = np.array([*np.linspace(1.0, 2.0, 41), 1e9, np.inf, np.nan])
    low, high = ends_of(values, maximize=False)
    assert low == 1.0
    assert 2.0 <= high < 3.0
    assert ends_of(-values, maximize=True) == (-high, -low)
    assert ends_of(values, maximize=None) == (1.0, 1e9)
    assert beyond(values, (low, high)) == ("1 far worse value at the edge",)
    assert ends_of(np.array([1.0, 2.0, 5.0]), maximize=False) == (1.0, 5.0)
    assert ends_of(np.array([np.nan]), maximize=False) == (0.0, 1.0)


def test_ranks() -> None:
    data = rank(conditional(), ["C", "depth", "scale"])
    assert data.panels == ((0, 1), (0, 2), (1, 2))
    assert data.rank == pytest.approx([0.8, 0.4, 0.6, 0.0, 1.0, 0.2])
    assert data.scale.tolist() == [2.0, 2.625, 3.5, 4.75, 6.0]
    upside = rank(conditional("maximize"), ["C", "depth"])
    assert upside.rank == pytest.approx(data.rank)
    assert upside.scale[0] == -2.0


def test_equal_values_share_a_rank() -> None:
    study = tunesmith.create_study(space={"x": Float(0, 1), "y": Float(0, 1)}, seed=0)
    study.optimize(lambda trial: 1.0, n_trials=5)
    assert rank(study).rank.tolist() == [0.5] * 5


def test_contours_are_what_a_model_expects() -> None:
    study = many(120, 2, seed=1)
    data = contour(study)
    (panel,) = data.panels
    assert panel.expected.shape == (len(panel.y), len(panel.x)) == (50, 50)
    u, v = panel.x[None, :], data.axes[1].scaled(panel.y)[:, None]
    truth = (u - 0.3) ** 2 + (v - 0.3) ** 2
    assert np.sqrt(np.mean((panel.expected - truth) ** 2)) < 0.05
    assert "model of 120 trials" in data.notes[-1]


def test_contours_of_parameters_that_are_never_active_together_have_points_alone() -> None:
    study = conditional()
    for _ in range(3):
        study.add_trials([t for t in study.trials if t.number < 6])
    data = contour(study, ["C", "depth", "model", "user_attrs_seconds"])
    sizes = {p.along: p.expected.size for p in data.panels}
    assert sizes[0, 1] == 0
    assert sizes[0, 2] > 0
    assert sizes[2, 3] == 0
    assert np.isfinite(data.panels[1].expected).all()


def test_without_a_model_there_are_points_alone() -> None:
    study = tunesmith.create_study(space={"x": Float(0, 1), "y": Float(0, 1)}, seed=0)
    study.optimize(lambda trial: 1.0, n_trials=12)
    data = contour(study)
    assert data.panels[0].expected.size == 0
    assert data.notes[-1].startswith("no contours")


def test_belief_is_what_the_model_expects_and_how_sure_it_is() -> None:
    study = many(60, 2, seed=1)
    data = belief(study)
    best = {p.axis.name: p.axis.scaled(np.array(study.best_params[p.axis.name])) for p in data.panels}
    for panel, (name, other) in zip(data.panels, (("x0", "x1"), ("x1", "x0")), strict=True):
        assert panel.axis.name == name
        u, rest = panel.axis.scaled(panel.at), best[other]
        truth = (u - 0.3) ** 2 + (rest - 0.3) ** 2
        assert np.sqrt(np.mean((panel.mean - truth) ** 2)) < 0.03
        assert np.mean((panel.low <= truth) & (truth <= panel.high)) > 0.8
        assert (panel.low <= panel.mean).all()
        assert (panel.mean <= panel.high).all()
        assert panel.improvement.max() == panel.improvement[panel.next] > 0
        assert abs(u[panel.next] - 0.3) < 0.15
        assert panel.number[panel.best] == study.best_trial.number
    assert "of 60 trials believes" in data.summary
    other_way = tunesmith.create_study(space=study.history.space, direction="maximize", seed=0)
    other_way.add_trials([replace(t, values=(-t.values[0],)) for t in study.trials if t.values])
    turned = belief(other_way)
    for a, b in zip(data.panels, turned.panels, strict=True):
        assert b.mean == pytest.approx(-a.mean, rel=1e-3, abs=1e-3)
        assert b.low == pytest.approx(-a.high, rel=1e-2, abs=1e-2)
        assert b.next == pytest.approx(a.next, abs=2)


def test_belief_follows_conditions_and_leaves_failures_out() -> None:
    study = conditional()
    data = belief(study)
    model, c, depth, scale = data.panels
    assert [p.axis.name for p in data.panels] == ["model", "C", "depth", "scale"]
    assert model.at.tolist() == [0.0, 1.0]
    assert scale.at.tolist() == [0.0, 1.0, 2.0]
    assert depth.at.tolist() == list(range(1, 10))
    assert (c.at[0], c.at[-1]) == pytest.approx((0.01, 100.0))
    assert not any(p.axis.has_strip for p in data.panels), "trials of other branches are not here"
    assert c.number.tolist() == [0, 2, 4, 5]
    assert depth.number.tolist() == [1, 3]
    assert not set(model.number.tolist()) & {
        t.number for t in study.trials if t.state is not tunesmith.TrialState.COMPLETE
    }
    # At the best trial of each branch, the panel of the branch shows what that trial had.
    assert model.mean == pytest.approx([2.5, 2.0], abs=0.4)


def test_belief_needs_three_trials_and_takes_thousands() -> None:
    with pytest.raises(NothingToDrawError, match="a model needs 3 complete trials; it has 2 complete"):
        belief(many(2, 2))
    assert len(belief(many(3, 2)).panels) == 2
    equal = tunesmith.create_study(space={"x": Float(0, 1)}, seed=0)
    equal.optimize(lambda trial: 1.0, n_trials=5)
    with pytest.raises(NothingToDrawError, match=r"all values of .* are equal"):
        belief(equal)
    with pytest.raises(ValueError, match="has no parameter 'x9'"):
        belief(many(5, 2), ["x9"])
    with pytest.raises(ValueError, match="2 objectives"):
        belief(many(5, 2, m=2))
    assert belief(many(5, 2, m=2), objective=1).target == "objective 1"
    large = belief(many(2000, 2))
    assert "of 500 trials believes" in large.summary
    assert sum(len(p.number) for p in large.panels) <= 20_000
    assert len(belief(many(25, 1000), ["x7"]).panels) == 1


def test_where_trials_fail_nothing_is_expected() -> None:
    study = tunesmith.create_study(space={"x": Float(0, 1)}, seed=0, sampler="random")

    def objective(trial: tunesmith.Trial) -> float:
        if trial.params["x"] > 0.5:
            raise ArithmeticError
        return -float(trial.params["x"])  # better and better towards where they fail

    study.optimize(objective, n_trials=30, catch=(ArithmeticError,))
    (panel,) = belief(study).panels
    assert panel.at[panel.next] < 0.6
    assert panel.improvement[panel.at > 0.8].max() < 0.2 * panel.improvement.max()


def test_pairs_need_two_parameters() -> None:
    study = tunesmith.create_study(space={"x": Float(0, 1)}, seed=0)
    study.optimize(lambda trial: trial.params["x"], n_trials=3)
    with pytest.raises(NothingToDrawError, match="there is one, 'x'"):
        contour(study)
    with pytest.raises(ValueError, match="pairs need two parameters"):
        rank(conditional(), ["C"])


def test_a_thousand_parameters() -> None:
    study = many(25, 1000)
    assert len(slices(study).axes) == 12
    assert len(parallel_coordinate(study).axes) == 20
    assert rank(study).notes == ("5 of 1,000 parameters shown",)
    assert contour(study, ["x7", "x500"]).panels[0].expected.size > 0
    with pytest.raises(ValueError, match="13 parameters make too many panels"):
        rank(study, [f"x{j}" for j in range(13)])


def test_parallel_coordinates_draw_the_best_last() -> None:
    data = parallel_coordinate(conditional(), ["C", "user_attrs_host"])
    assert data.value.tolist() == sorted(VALUES, reverse=True)
    assert data.best == len(data.value) - 1
    assert [a.name for a in data.axes] == ["C", "host"]
    assert np.isnan(data.axes[0].at[-1])
    assert data.axes[0].placed[-1] == data.axes[0].strip


def table(**more: object) -> Importance:
    rows = (
        ImportanceRow(("x",), 0.2, (0.1, 0.3), 0.15, 0.01, 0.0, 50),
        ImportanceRow(("y",), 0.5, (0.4, 0.6), 0.1, 0.01, 0.0, 50),
    )
    pairs = (ImportanceRow(("x", "y"), 0.1, (0.0, 0.2), 0.12, 0.3, 0.0, 50),)
    return Importance(rows, pairs, "fanova", "a share", (), 50, **more)  # type: ignore[arg-type]


def test_importances_with_intervals_and_null_lines() -> None:
    data = importances_of_table(table(), "loss")
    assert data.names == ("y", "x", "x × y")
    assert data.value.tolist() == [0.5, 0.2, 0.1]
    assert data.low.tolist() == [0.4, 0.1, 0.0]
    assert data.null.tolist() == [0.1, 0.15, 0.12]
    assert data.pair.tolist() == [False, False, True]
    assert "y 0.500, x 0.200" in data.summary
    found = param_importances(many(100, 2))
    assert set(found.names) == {"x0", "x1"}
    two = many(60, 2, m=2)
    assert param_importances(two, target=1).target == "objective 1"
    with pytest.raises(ValueError, match="2 objectives"):
        param_importances(two)


def test_the_ablation_path() -> None:
    steps = (
        ImportanceRow(("lr",), 0.3, (0.2, 0.4), 0.1, 0.01, 0.0, 50, Change(0.1, 0.001, 0.4, (0.3, 0.5))),
        ImportanceRow(("depth",), 0.1, (0.0, 0.2), 0.1, 0.2, 0.0, 50, Change(3, None, 0.3, (0.2, 0.4))),
    )
    data = path.ablation_of_table(Importance(steps, (), "ablation", "a gain", (), 50, start=0.7), "loss", False)
    assert data.steps == ("default", "lr: 0.1 → 0.001", "depth: 3 → inactive")
    assert data.expected.tolist() == [0.7, 0.4, 0.3]
    assert data.low[1:].tolist() == [0.3, 0.2]
    assert "that of lr changes most" in data.summary
    with pytest.raises(NothingToDrawError, match="no path"):
        path.ablation_of_table(table(), "loss", False)


def test_words_of_a_range_stand_on_the_axis_and_are_what_a_trial_has() -> None:
    space = {
        "depth": IntOr(1, 32, log=True, words={None: 32}),
        "gamma": FloatOr(0.0, 1.0, words={"scale": 0.41}),
    }
    study = tunesmith.create_study(space=space, seed=0, sampler="random")
    study.enqueue_trial({"depth": None, "gamma": "scale"})
    study.optimize(lambda point: float(point["depth"] is not None), n_trials=6, space=space)
    made = slices(study)
    depth, gamma = made.axes
    assert (depth.text(0), gamma.text(0)) == ("None", "scale")
    assert dict(zip(*reversed(depth.ticks()), strict=True)) == {
        "1": 1, "2": 2, "5": 5, "10": 10, "20": 20, "None": 32,
    }  # fmt: skip
    at, names = gamma.ticks()
    assert "scale" in names
    assert "0.4" not in names  # it would be written over it
    assert at[names.index("scale")] == 0.41
    assert "depth = None, gamma = scale" in str(made.summary)
