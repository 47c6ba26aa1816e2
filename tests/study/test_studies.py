"""Create, load, copy, delete; resume."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest

import tunesmith as ts


def objective(trial: ts.Trial) -> float:
    x = trial.suggest_float("x", 0, 1)
    if trial.suggest_categorical("c", ["a", None, 3]) == "a":
        x += trial.suggest_int("k", 1, 3)
    trial.report(x, 0)
    trial.set_user_attr("half", x / 2)
    return x


def test_a_resumed_study_goes_on_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    whole = ts.create_study(seed=7)
    whole.optimize(objective, n_trials=20)
    for n in (3, 7, 10):
        study = ts.create_study(storage=tmp_path / "s.db", study_name="s", load_if_exists=True, seed=7)
        study.optimize(objective, n_trials=n)
    assert study.trials == whole.trials
    assert study.best_trial == whole.best_trial
    loaded = ts.load_study(study_name=None, storage=tmp_path / "s.db")
    assert loaded.trials == whole.trials


def test_two_objects_on_one_study_share_it(tmp_path: Path) -> None:
    a = ts.create_study(storage=tmp_path / "s.db", study_name="s", seed=1)
    b = ts.load_study(study_name="s", storage=str(tmp_path / "s.db"))
    for _ in range(5):
        for study in (a, b):
            study.optimize(objective, n_trials=1)
    assert [t.number for t in a.trials] == list(range(10))
    alone = ts.create_study(seed=1)
    alone.optimize(objective, n_trials=10)
    assert a.trials == alone.trials == b.trials
    assert len(a.history) == len(b.history) == 10


def test_names(tmp_path: Path) -> None:
    file = tmp_path / "s.db"
    ts.create_study(storage=file, study_name="digits")
    with pytest.raises(ts.DuplicatedStudyError, match="digits"):
        ts.create_study(storage=file, study_name="digits")
    with pytest.raises(ts.StudyNotFoundError, match="did you mean 'digits'"):
        ts.load_study(study_name="digit", storage=file)
    ts.create_study(storage=file, study_name="iris")
    assert ts.get_all_study_names(file) == ["digits", "iris"]
    ts.delete_study(study_name="digits", storage=file)
    assert ts.get_all_study_names(file) == ["iris"]


def test_copy(tmp_path: Path) -> None:
    study = ts.create_study(storage=tmp_path / "a.db", study_name="s", seed=4, direction="maximize")
    study.set_user_attr("data", [1, 2])
    study.optimize(objective, n_trials=5)
    study.enqueue_trial({"x": 0.5})
    copy = ts.copy_study(
        from_study_name="s", from_storage=tmp_path / "a.db", to_storage=tmp_path / "b.db", to_study_name="t"
    )
    assert copy.trials == study.trials
    assert copy.user_attrs == {"data": [1, 2]}
    assert copy.seed == 4
    assert copy.direction == "maximize"
    copy.optimize(objective, n_trials=1)
    assert copy.trials[5].params["x"] == 0.5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"direction": "up"}, "'minimize' or 'maximize'"),
        ({"direction": "minimize", "directions": ["minimize"]}, "not both"),
        ({"directions": []}, "at least one"),
        ({"directions": "minimize"}, "list"),
        ({"sampler": "randon"}, "did you mean 'random'"),
        ({"sampler": 3}, "sampler"),
        ({"pruner": "mediam"}, "did you mean 'median'"),
        ({"pruner": 3}, "pruner"),
        ({"seed": -1}, "seed"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ts.create_study(**arguments)


def test_a_loaded_study_keeps_its_directions_and_seed(tmp_path: Path) -> None:
    file = tmp_path / "s.db"
    ts.create_study(storage=file, study_name="s", direction="maximize", seed=9)
    study = ts.create_study(storage=file, study_name="s", load_if_exists=True, seed=1)
    assert study.direction == "maximize"
    assert study.seed == 9
    with pytest.raises(ValueError, match="maximize"):
        ts.create_study(storage=file, study_name="s", load_if_exists=True, direction="minimize")


def test_a_seed_given_to_the_sampler_is_taken() -> None:
    from tunesmith.samplers import RandomSampler

    assert ts.create_study(sampler=RandomSampler(seed=3)).seed == 3


def test_repr_says_how_it_stands() -> None:
    study = ts.create_study(study_name="s", seed=0)
    study.optimize(objective, n_trials=2)
    assert "2 COMPLETE" in repr(study)
    assert "'s'" in repr(study)


def test_a_notebook_shows_a_study_and_its_recommendation() -> None:
    study = ts.create_study(study_name="<script>alert(1)</script>\x1b[2J", seed=0)
    assert "no trials" in study._repr_html_()
    study.optimize(lambda t: (t.suggest_float("<x>", 0, 1) - 0.3) ** 2, n_trials=3)
    shown = (study, study.recommend(), study.best_trial, study.trials[0], study.space)
    for page in (thing._repr_html_() for thing in shown):
        assert page.startswith('<div class="tunesmith-card')
        assert "&lt;x&gt;" in page
        assert "<script>" not in page
        assert "<x>" not in page
        assert "\x1b" not in page
    assert f"(trial {study.best_trial.number})" in study._repr_html_()
    found = study.recommend()
    answer = found.card_answer()
    for page in (study._repr_html_(), study.best_trial._repr_html_()):
        assert answer.label in page[:400], "the answer stands first"
        assert f"<strong>{answer.value}</strong>" in page
        assert page.index("<strong>") < page.index("<table")
        assert page.count("<script>") == 0
        assert len(page) < 6_000, "most of which is the style"
    assert f"Use trial {found.trial.number}." in study._repr_html_()


def test_the_card_of_a_large_study_asks_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunesmith.study.summary.TRIALS_WEIGHED", 20)
    study = ts.create_study(seed=0)
    study.optimize(lambda t: (t.suggest_float("x", 0, 1) - 0.3) ** 2, n_trials=20)
    assert "Expected of a new run" in study._repr_html_()
    study.optimize(lambda t: (t.suggest_float("x", 0, 1) - 0.3) ** 2, n_trials=5)
    page = study._repr_html_()
    assert "Expected of a new run" not in page
    assert "best value seen" in page
    assert "study.recommend() says what to expect" in page


def test_a_notebook_shows_a_trial_that_runs() -> None:
    study = ts.create_study(seed=0)
    trial = study.ask()
    assert "Trial 0" in trial._repr_html_()
    trial.suggest_float("<lr>", 0, 1)
    trial.report(0.5, 1)
    trial.report(0.4, 2)
    page = trial._repr_html_()
    assert "&lt;lr&gt;" in page
    assert "● running" in page
    assert 'class="spark"' in page
    assert "running" in study._repr_html_()


def test_a_notebook_shows_several_objectives() -> None:
    several = ts.create_study(directions=["minimize", "maximize"])
    several.optimize(lambda t: (t.suggest_float("x", 0, 1), 1.0), n_trials=2)
    assert "minimize, maximize" in several._repr_html_()


def test_the_best_trial_is_a_record_as_any_other() -> None:
    study = ts.create_study(seed=0)
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=3)
    best = study.best_trial
    assert best == study.trials[best.number]
    for other in (pickle.loads(pickle.dumps(best)), copy.copy(best), copy.deepcopy(best)):
        assert type(other) is ts.FrozenTrial
        assert other == best
    study.optimize(lambda t: 1 / 0, n_trials=1, catch=ZeroDivisionError)
    failed = study.trials[-1]._repr_html_()
    assert "<b>Trial 3</b>" in failed
    assert "✗ fail" in failed
    assert "ZeroDivisionError" in failed


def test_a_notebook_shows_a_part_of_a_wide_space() -> None:
    space = ts.Space({f"x{i}": ts.Float(0, 1) for i in range(130)})
    page = space._repr_html_()
    assert "Space of 130 parameters" in page
    assert "30 more parameters are not shown" in page


def test_a_data_frame_takes_time_in_proportion_to_its_trials() -> None:
    pytest.importorskip("pandas")
    from tunesmith.study.frame import to_frame

    class Counted(list[ts.FrozenTrial]):
        looks = 0

        def __len__(self) -> int:
            self.looks += 1
            return super().__len__()

    study = ts.create_study(seed=0)
    study.optimize(objective, 50)
    trials = Counted(study.trials)
    frame = to_frame(trials, 1, ("number", "value", "params", "user_attrs", "state", "intermediate_values"), False)
    assert trials.looks < 10, "something of the length of the study is made for each cell"
    assert frame.shape == (50, 8)
    assert frame["number"].tolist() == list(range(50))
    assert frame["params_k"].isna().sum() == sum("k" not in t.params for t in study.trials)
