"""Drawing: every figure is JSON, needs no Plotly to be made, and both backends draw it."""

from __future__ import annotations

import html
import inspect
import json
import pkgutil
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from tests.visualization.studies import FakeSearch, conditional, logging, many, ran, scaling_law, trade_off, tuned

import tunesmith
from tunesmith import Float, visualization
from tunesmith.foundation import registry
from tunesmith.foundation.languages import Words
from tunesmith.foundation.look import DATA
from tunesmith.foundation.look.colours import in_dark
from tunesmith.scaling import figures as scaling_figures
from tunesmith.scaling.figures.scaling_bowls import scaling_bowls
from tunesmith.scaling.figures.scaling_coverage import scaling_coverage
from tunesmith.scaling.figures.scaling_optimum import scaling_optimum
from tunesmith.scaling.figures.scaling_plan import scaling_plan
from tunesmith.tables import figures as table_figures
from tunesmith.tables.figures.calibration import calibration
from tunesmith.tables.figures.column_importances import column_importances
from tunesmith.tables.figures.confusion import confusion
from tunesmith.tables.figures.learning_curve import learning_curve
from tunesmith.tables.figures.predictions import predictions
from tunesmith.tables.figures.residuals import residuals
from tunesmith.visualization import matplotlib as by_matplotlib
from tunesmith.visualization.figure import FigureData, as_json
from tunesmith.visualization.figures import draw
from tunesmith.visualization.figures.ablation import AblationPath
from tunesmith.visualization.figures.belief import belief
from tunesmith.visualization.figures.contour import contour
from tunesmith.visualization.figures.edf import edf
from tunesmith.visualization.figures.honest_score import honest_score
from tunesmith.visualization.figures.hypervolume_history import hypervolume_history
from tunesmith.visualization.figures.intermediate_values import intermediate_values
from tunesmith.visualization.figures.leaderboard import leaderboard
from tunesmith.visualization.figures.metrics import metrics
from tunesmith.visualization.figures.optimization_history import optimization_history
from tunesmith.visualization.figures.parallel_coordinate import parallel_coordinate
from tunesmith.visualization.figures.param_importances import param_importances
from tunesmith.visualization.figures.pareto_front import pareto_front
from tunesmith.visualization.figures.racing import racing
from tunesmith.visualization.figures.rank import rank
from tunesmith.visualization.figures.slice import slices
from tunesmith.visualization.figures.terminator_improvement import terminator_improvement
from tunesmith.visualization.figures.timeline import timeline
from tunesmith.visualization.svg_style import as_svg, dark, in_panels, said_of_points, small

LARGE = {"params": 1e8, "tokens": 1e10}
FIGURES: dict[str, Callable[[], FigureData]] = {
    "optimization_history": lambda: optimization_history(
        conditional(), show_pruned=True, show_failed=True, selected=[1]
    ),
    "optimization_history of two": lambda: optimization_history([conditional(), conditional()]),
    "optimization_history as means": lambda: optimization_history([conditional(), conditional()], error_bar=True),
    "slice": lambda: slices(conditional(), show_pruned=True, show_failed=True, selected=[1]),
    "edf": lambda: edf([conditional(), conditional()]),
    "intermediate_values": lambda: intermediate_values(conditional(), selected=[1]),
    "intermediate_values of a metric": lambda: intermediate_values(logging(), metric="<b>loss</b>"),
    "metrics": lambda: metrics(logging()),
    "metrics of a trial": lambda: metrics(logging(), [2], ["<b>loss</b>"]),
    "belief": lambda: belief(conditional("maximize")),
    "contour": lambda: contour(many(40, 3), selected=[1]),
    "contour of one pair": lambda: contour(conditional(), ["C", "scale"]),
    "rank": lambda: rank(conditional("maximize"), selected=[1]),
    "parallel_coordinate": lambda: parallel_coordinate(conditional(), selected=[1]),
    "timeline": lambda: timeline(many(20)),
    "pareto_front": lambda: pareto_front(trade_off(), selected=[1]),
    "pareto_front of three": lambda: pareto_front(many(50, m=3), selected=[1]),
    "hypervolume_history": lambda: hypervolume_history(trade_off()),
    "param_importances": lambda: param_importances(many(60)),
    "terminator_improvement": lambda: terminator_improvement(many(25, 2)),
    "racing": lambda: racing(FakeSearch()),
    "honest_score": lambda: honest_score(FakeSearch()),
    "leaderboard": lambda: leaderboard(tuned()),
    "calibration": lambda: calibration(tuned()),
    "column_importances": lambda: column_importances(tuned().explain(2, 2)),
    "confusion": lambda: confusion(tuned()),
    "learning_curve": lambda: learning_curve(tuned().learning_curve(n_folds=2)),
    "predictions": lambda: predictions(tuned(classes=False)),
    "residuals": lambda: residuals(tuned(), "<b>size</b> $x_1"),
    "residuals of numbers": lambda: residuals(tuned(classes=False), "<b>size</b> $x_1"),
    "residuals of categories": lambda: residuals(tuned(), "kind"),
    "scaling_bowls": lambda: scaling_bowls(scaling_law("<b>lr</b> $x_1")),
    "scaling_optimum": lambda: scaling_optimum(scaling_law(), LARGE),
    "scaling_optimum without a target": lambda: scaling_optimum(scaling_law("<b>lr</b> $x_1")),
    "scaling_coverage": lambda: scaling_coverage(scaling_law()),
    "scaling_plan": lambda: scaling_plan(scaling_law().plan(LARGE, 0.5)),
    "ablation": lambda: AblationPath(
        title="Path", summary="It falls.", target="loss", maximize=False, steps=("default", "lr: 1 → 2"),
        expected=np.array([2.0, 1.0]), low=np.array([np.nan, 0.5]), high=np.array([np.nan, 1.5]),
    ),
}  # fmt: skip


# A figure of the registry that has no line above is drawn of such a study: see docs/add-figure.md.
_OTHERS = sorted(registry.FIGURES.keys() - {key.split()[0] for key in FIGURES})
for _name in _OTHERS:
    FIGURES[_name] = lambda name=_name: registry.load_registered("figures", name)(ran(), backend="arrays")


def test_every_kind_of_figure_is_drawn_here() -> None:
    kinds = {make().kind for make in FIGURES.values()}
    folders = [*visualization.figures.__path__, *scaling_figures.__path__, *table_figures.__path__]
    modules = {m.name for m in pkgutil.iter_modules(folders)} - {"scales", "known"}
    assert kinds == modules, "the file of a figure in visualization/figures/ has the name of its kind"
    assert modules == set(registry.FIGURES), "each file in visualization/figures/ has a line in FIGURES of registry.py"


def test_the_package_has_every_figure_for_type_checkers_too() -> None:
    names = re.findall(r"(plot_\w+) as \1", Path(visualization.__file__ or "").read_text())
    assert sorted(names) == visualization.__all__, "each figure is imported under TYPE_CHECKING, for type checkers"


@pytest.mark.parametrize("make", FIGURES.values(), ids=FIGURES)
def test_every_figure_is_json_and_both_backends_draw_it(make: Callable[[], FigureData]) -> None:
    pytest.importorskip("plotly", reason="needs Plotly: pip install plotly")
    from plotly.graph_objects import Figure

    data = make()
    figure = draw(data)
    text = json.dumps(figure, allow_nan=False)
    assert json.loads(text) == figure
    assert json.loads(json.dumps(data.to_dict(), allow_nan=False))["kind"] == data.kind
    made = Figure(figure)  # Plotly checks every name
    assert made.layout.meta["summary"] == data.summary
    assert data.summary.endswith(".")
    assert made.layout.title.text
    assert len(made.data)
    drawn = data.drawn("matplotlib")
    drawn.draw_without_rendering()
    assert drawn.get_label() == data.summary


@pytest.mark.parametrize("width", [760, 340])
@pytest.mark.parametrize("make", FIGURES.values(), ids=FIGURES)
def test_every_figure_is_drawn_as_svg(make: Callable[[], FigureData], width: int) -> None:
    data = make()
    figure = draw(data)
    text = as_svg(figure, "name", "<A title>", width)
    drawn = ElementTree.fromstring(text)
    assert [part.text for part in drawn[:2]] == ["<A title>", data.summary]
    assert "nan" not in text
    assert "inf" not in re.sub("infeasible", "", text)
    assert len(text) < 100_000
    assert float(drawn.get("viewBox", "").split()[2]) == width
    words = {part.text for part in drawn.findall(".//{*}text")}
    assert "style" not in text  # pages whose headers forbid it show it as well
    layout = in_panels(figure)["layout"]
    axes = [axis for name, axis in layout.items() if name[1:].startswith("axis")]
    titles = {html.unescape(axis["title"]["text"]) for axis in axes} - {""}
    assert titles & words or data.kind in (
        *("param_importances", "pareto_front", "honest_score"),  # these are cut
        "parallel_coordinate",  # which has no axes of its own
    )


@pytest.mark.parametrize("make", FIGURES.values(), ids=FIGURES)
def test_a_drawing_says_where_its_panels_and_series_are(make: Callable[[], FigureData]) -> None:
    figure = draw(make())
    drawn = ElementTree.fromstring(as_svg(figure, "name", "title", 1000, 400))
    said = json.loads(json.dumps(said_of_points(figure), allow_nan=False))
    found = [int(part.get("data-t", "")) for part in drawn.iter() if part.get("data-t")]
    assert sorted(found) == list(range(len(said["traces"])))
    keys = {int(k) for part in drawn.iter() for k in part.get("data-key", "").split()}
    assert keys <= set(found)
    for part in drawn.iter():
        for along in ("data-x", "data-y"):
            if part.get(along):
                low, high, kind = part.get(along, "").split()
                assert float(low) != float(high)
                assert kind in ("lin", "log", "named")


def test_a_page_says_how_high_a_drawing_is_unless_it_needs_more() -> None:
    def height(name: str, asked: int) -> float:
        drawn = ElementTree.fromstring(as_svg(draw(FIGURES[name]()), "name", "title", 1000, asked))
        return float(drawn.get("height", ""))

    for name in ("optimization_history", "slice", "parallel_coordinate", "pareto_front of three", "racing"):
        assert height(name, 500) == pytest.approx(500, abs=1)
    assert height("scaling_bowls", 300) > 400


def test_small_panels_are_one_a_parameter_or_a_pair() -> None:
    for name, n in (("slice", 4), ("rank", 6)):
        drawn = small(draw(FIGURES[name]()))
        assert len(drawn) == n
        for text in drawn:
            panels = [part for part in ElementTree.fromstring(text).iter() if part.get("data-panel")]
            assert len(panels) == 1


def test_svg_has_thousands_of_points_in_some_kilobytes_and_dark_colours_for_all() -> None:
    figure = draw(optimization_history(many(5000, 2)))
    text = as_svg(figure, "name", "title")
    assert len(text) < 80_000
    for make in (lambda: figure, *(lambda m=m: draw(m()) for m in (FIGURES["slice"], FIGURES["timeline"]))):
        used = set(re.findall(r"var\((--f-\w+),", as_svg(make(), "name", "title")))
        kept = {"--f-e69f00", "--f-56b4e9", "--f-8a8a8a"}  # which are as good on black
        assert used - kept <= set(re.findall(r"(--f-\w+):", dark()))


# What stands in these figures besides our words: parameters, their values, metrics, methods, quantities.
FOREIGN = {
    "model", "svm", "forest", "depth", "scale", "True", "False", "None", "inactive", "accuracy", "loss", "anova", "ped",
    "params", "tokens", "batch", "small", "lambda", "size", "kind", "linear", "tree", "It", "falls", "default", "score",
    "objective", "rate",
}  # fmt: skip


@pytest.mark.chinese
@pytest.mark.parametrize("make", FIGURES.values(), ids=FIGURES)
def test_no_english_is_left_in_chinese_figures(make: Callable[[], FigureData]) -> None:
    words = Words("zh")
    data = make().in_language(words)
    figure = draw(data, words)
    layout = figure["layout"]
    axes = [axis for name, axis in layout.items() if name[1:].startswith("axis")]
    scales = [of["colorbar"] for t in figure["data"] for of in (t, t.get("marker", {})) if "colorbar" in of]
    told = [data.title, data.summary, *data.notes, *(t.get("name", "") for t in figure["data"])]
    for named in (*axes, *scales):
        told += [named.get("title", {}).get("text", ""), *named.get("ticktext", ())]
    told += [note["text"] for note in layout.get("annotations", ())]
    told += [re.sub(r"%\{[^}]*\}|<[^>]*>", " ", t.get("hovertemplate", "")) for t in figure["data"]]
    left = {word for text in told for word in re.findall(r"[A-Za-z]{2,}", html.unescape(text))}
    assert left - FOREIGN - {"lr"} == set()


def test_a_parameter_keeps_its_name_in_chinese_even_if_it_is_a_word_of_ours() -> None:
    study = tunesmith.create_study(space={"model": ["a", "b"], "scale": Float(0, 1)}, seed=0)
    study.optimize(lambda trial: trial.params["scale"], n_trials=5)
    layout = draw(slices(study), Words("zh"))["layout"]
    assert [layout[name]["title"]["text"] for name in ("xaxis", "xaxis2")] == ["model", "scale"]


def test_no_name_is_read_as_markup_or_as_a_formula() -> None:
    study = tunesmith.create_study(space={"<b>a</b> $x_1": Float(0, 1)}, study_name="<i>s</i>", seed=0)
    study.optimize(lambda trial: 1.0, n_trials=3)
    for data in (slices(study), edf([study, study]), optimization_history([study, study])):
        text = json.dumps(draw(data)["data"]) + json.dumps(draw(data)["layout"] | {"meta": None})
        assert "<b>" not in text
        assert "<i>" not in text
        drawn = as_svg(draw(data), "name", data.title)
        assert "<b>" not in drawn
        assert "<i>" not in drawn
        data.drawn("matplotlib").draw_without_rendering()


def test_figures_for_a_page_are_made_without_plotly() -> None:
    code = (
        "import sys, tunesmith\n"
        "from tunesmith.visualization.figures.slice import slices\n"
        "from tunesmith.visualization.figures import draw\n"
        "study = tunesmith.create_study(space={'x': tunesmith.Float(0, 1)}, seed=0, sampler='random')\n"
        "study.optimize(lambda trial: trial.params['x'], n_trials=3)\n"
        "draw(slices(study))\n"
        "assert not {'plotly', 'matplotlib', 'pandas'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_numbers_have_the_digits_that_a_figure_can_show() -> None:
    assert as_json(np.array([1 / 3, np.nan, np.inf, 1e-9])) == [0.333333, None, None, 1e-9]
    assert as_json(np.array([123456.123456, 123456.123457])) == [123456.123456, 123456.123457]
    assert as_json({"a": (np.int64(3), float("nan"))}) == {"a": [3, None]}


def test_an_unknown_backend_or_name_gets_an_answer() -> None:
    with pytest.raises(ValueError, match="'plotly' or 'matplotlib'; got 'plotlyy'; did you mean 'plotly'"):
        visualization.plot_edf(conditional(), backend="plotlyy")
    for module in (visualization, by_matplotlib):
        with pytest.raises(AttributeError, match="did you mean 'plot_slice'"):
            module.plot_slices  # noqa: B018  the access raises


STUDIES: dict[str, Callable[[], Any]] = {
    **dict.fromkeys(visualization.__all__, lambda: ran(30)),
    "plot_intermediate_values": conditional,
    "plot_metrics": logging,
    "plot_pareto_front": trade_off,
    "plot_hypervolume_history": trade_off,
    "plot_racing": FakeSearch,
    "plot_honest_score": FakeSearch,
    "plot_leaderboard": tuned,
    "plot_calibration": tuned,
    "plot_column_importances": lambda: tuned().explain(2, 2),
    "plot_confusion": tuned,
    "plot_learning_curve": lambda: tuned().learning_curve(n_folds=2),
    "plot_predictions": lambda: tuned(classes=False),
    "plot_residuals": tuned,
    "plot_scaling_bowls": scaling_law,
    "plot_scaling_coverage": scaling_law,
    "plot_scaling_optimum": scaling_law,
    "plot_scaling_plan": lambda: scaling_law().plan(LARGE, 0.5),
}


@pytest.mark.parametrize("name", visualization.__all__)
def test_every_plot_returns_a_figure(name: str) -> None:
    pytest.importorskip("plotly", reason="needs Plotly: pip install plotly")
    from matplotlib.figure import Figure as Drawn
    from plotly.graph_objects import Figure

    plot, study = getattr(visualization, name), STUDIES[name]()
    more = ("kind",) if name == "plot_residuals" else ()
    assert isinstance(plot(study, *more), Figure)
    assert plot(study, *more, backend="arrays").kind == name.removeprefix("plot_")
    assert isinstance(getattr(by_matplotlib, name)(study, *more), Drawn)


def test_plots_take_what_optuna_takes() -> None:
    optuna = pytest.importorskip("optuna.visualization")
    for name in optuna.__all__:
        if name.startswith("plot_"):
            theirs, ours = (inspect.signature(getattr(m, name)).parameters for m in (optuna, visualization))
            left_out = {"improvement_evaluator", "error_evaluator", "constraints_func"}
            assert not theirs.keys() - ours.keys() - left_out, name


def test_a_figure_is_dark_where_it_is_asked_for() -> None:
    colors = pytest.importorskip("matplotlib.colors")
    pytest.importorskip("plotly")
    figure = slices(conditional(), show_failed=True, selected=[1])
    light, night = (figure.drawn("plotly", theme=theme).to_plotly_json() for theme in ("light", "dark"))
    assert light["layout"]["paper_bgcolor"] == "white"
    assert night["layout"]["paper_bgcolor"] == DATA["white"]
    assert night["layout"]["font"]["color"] == DATA["#2a2a2a"]
    assert [trace["name"] for trace in night["data"]] == [trace["name"] for trace in light["data"]]
    for made in FIGURES.values():
        drawn = made().drawn("matplotlib", theme="dark")
        assert colors.to_hex(drawn.get_facecolor()) == DATA["white"]
    with pytest.raises(ValueError, match="'light' or 'dark'; got 'drak'"):
        figure.drawn("plotly", theme="drak")


def test_names_are_no_colours() -> None:
    of = {"name": "white", "marker": {"color": "white", "colorscale": [[0.0, "black"]]}, "ticktext": ["black"]}
    dark_one = in_dark(of)
    assert dark_one["name"] == "white"
    assert dark_one["ticktext"] == ["black"]
    assert dark_one["marker"] == {"color": DATA["white"], "colorscale": [[0.0, DATA["black"]]]}
