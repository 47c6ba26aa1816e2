"""Permutations and subsets in studies: storages, exports, queries, figures, the command line, other programs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import tunesmith
from tunesmith import Float, Permutation, Space, Study, Subset
from tunesmith.cli.main import main
from tunesmith.compat import to_optuna
from tunesmith.importance import get_param_importances

SPACE = Space(
    order=Permutation(list("abcdef")),
    some=Subset(["u", "v", 2, None], 1, 3),
    few=Permutation([1, 2, 3]),
    x=Float(0, 1),
)


def made(storage: str | None = None) -> Study:
    study = tunesmith.create_study(space=SPACE, storage=storage, study_name="s", seed=0, sampler="random")
    for _ in range(24):
        trial = study.ask()
        params = trial.take_whole()
        study.tell(trial, params["order"].index("c") + len(params["some"]) + params["x"])
    return study


def test_a_file_gives_back_what_was_tried(tmp_path: Path) -> None:
    storage = str(tmp_path / "s.db")
    study = made(storage)
    again = tunesmith.load_study(storage=storage, study_name="s")
    assert [t.params for t in again.trials] == [t.params for t in study.trials]
    assert again.trials[0].distributions == study.trials[0].distributions


def test_a_frame_holds_tuples() -> None:
    pytest.importorskip("pandas")
    frame = made().trials_dataframe()
    assert set(frame["params_order"][0]) == set("abcdef")


def test_enqueued_values_may_be_lists() -> None:
    study = tunesmith.create_study(space=SPACE, seed=0)
    study.enqueue_trial({"order": list("fedcba"), "some": [2, "u"], "few": (3, 2, 1), "x": 0.5})
    params = study.ask().take_whole()
    assert params == {"order": tuple("fedcba"), "some": ("u", 2), "few": (3, 2, 1), "x": 0.5}


@pytest.mark.parametrize("name", ["slice", "contour", "parallel_coordinate", "rank", "param_importances", "belief"])
def test_figures_have_an_axis_for_them(name: str) -> None:
    pytest.importorskip("plotly")
    figure = getattr(tunesmith.visualization, f"plot_{name}")(made())
    text = figure.to_json() if hasattr(figure, "to_json") else ""
    if name == "slice":
        assert "order: pairs in another order than the best" in text
        assert "1 &gt; 2 &gt; 3" in text


def test_importances_know_them() -> None:
    found = get_param_importances(made())
    assert set(found) == set(SPACE)


def test_a_journal_for_optuna_has_them_as_choices(tmp_path: Path) -> None:
    study, path = made(), tmp_path / "s.log"
    (note,) = [text for text in to_optuna(study, path) if "permutations" in text]
    assert "choices there" in note
    first = " > ".join(study.trials[0].params["order"])
    assert first in path.read_text("utf-8").replace("\\u003e", ">")


def test_the_command_line_reads_lists(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    storage = str(tmp_path / "s.db")
    made(storage)
    point = ["-p", "order=b > a > c > d > e > f", "-p", "some=u, 2", "-p", "few=[2, 1, 3]", "-p", "x=0.25"]
    assert main(["enqueue", storage, *point]) == 0
    trial = tunesmith.load_study(storage=storage, study_name="s").ask()
    assert trial.take_whole() == {"order": tuple("bacdef"), "some": ("u", 2), "few": (2, 1, 3), "x": 0.25}
    assert main(["enqueue", storage, "-p", "order=b,a"]) != 0
    assert "lacks" in capsys.readouterr().err


def test_a_trial_that_asks_for_other_items_has_its_own_order() -> None:
    study = tunesmith.create_study(seed=0)

    def objective(trial: tunesmith.Trial) -> float:
        items = ["a", "b", "c"] if trial.number % 2 else ["c", "d"]
        order = trial.suggest_permutation("order", items)
        assert sorted(order) == sorted(items)
        return float(order.index("c"))

    study.optimize(objective, n_trials=12)
    assert all(np.isfinite(t.value) for t in study.trials)


def test_trials_as_json_have_lists(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    storage = str(tmp_path / "s.db")
    made(storage)
    assert main(["trials", storage, "--json"]) == 0
    order = tunesmith.load_study(storage=storage, study_name="s").trials[0].params["order"]
    assert json.dumps(list(order)) in " ".join(capsys.readouterr().out.split()).replace("[ ", "[").replace(" ]", "]")
