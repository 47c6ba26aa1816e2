"""`study.confirm`: the leaders and the default again, with fresh seeds; the winner is chosen from both evidences."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.study.noisy import SPACE, branin, noise, noisy_branin

import tunesmith as ts


def searched(n: int = 40, seed: int = 0, default: dict[str, float] | None = None, **where: Any) -> ts.Study:
    study = ts.create_study(space=SPACE, seed=seed, sampler="random", **where)
    if default is not None:
        study.enqueue_trial(default)
    study.optimize(noisy_branin, n)
    return study


class Recorder:
    """Notes what it is asked to run."""

    def __init__(self) -> None:
        self.runs: list[tuple[dict[str, Any], int, int]] = []

    def __call__(self, trial: ts.Trial) -> float:
        self.runs.append((dict(trial.params), trial.seed, trial.number))
        return noisy_branin(trial)


def test_the_figure_is_near_the_truth_where_the_best_value_is_not() -> None:
    errors, naive, hits = [], [], 0
    for seed in range(40):
        study = searched(seed=seed)
        report = study.confirm(noisy_branin)
        assert report.score is not None
        truth = branin(**report.chosen)
        errors.append(report.score.value - truth)
        naive.append(study.best_value - branin(**study.best_params))
        hits += report.score.interval[0] <= truth <= report.score.interval[1]
    assert abs(np.mean(errors)) < 0.5 * abs(np.mean(naive))
    assert hits >= 32  # 37 are expected: of 300 such searches it is 93 %


def test_all_points_get_the_same_seeds_which_no_trial_had() -> None:
    seen = Recorder()
    study = searched(default={"x": 0.0, "y": 5.0})
    report = study.confirm(seen, top_k=4, repeats=3)
    assert (report.n_confirmed, report.n_repeats, report.n_fits, report.n_candidates) == (5, 3, 55, 40)
    assert len(seen.runs) == 15
    by_seed: dict[int, list[dict[str, Any]]] = {}
    for params, seed, _ in seen.runs:
        by_seed.setdefault(seed, []).append(params)
    assert len(by_seed) == 3
    assert all(points == next(iter(by_seed.values())) for points in by_seed.values())
    assert {"x": 0.0, "y": 5.0} in by_seed[seen.runs[0][1]]
    search_seeds = {ts.Trial(n, study.seed, None, []).seed for n in range(40)}  # type: ignore[arg-type]
    assert not search_seeds & set(by_seed)
    numbers = [number for *_, number in seen.runs]
    assert len(set(numbers)) == 15
    assert min(numbers) >= 1_000_000


def test_the_study_is_as_it_was() -> None:
    study, twin = searched(), searched()
    study.confirm(noisy_branin)
    assert study.trials == twin.trials
    assert study.best_trial == twin.best_trial
    assert study.ask().params == twin.ask().params


def test_a_second_call_makes_only_the_runs_that_are_missing(tmp_path: Path) -> None:
    where = {"storage": str(tmp_path / "tune.db"), "study_name": "s"}
    study, seen = searched(20, **where), Recorder()
    first = study.confirm(seen, top_k=3, repeats=2)
    assert len(seen.runs) == 6
    again = ts.load_study(**where)
    assert str(again.confirm(seen, top_k=3, repeats=2)) == str(first)
    assert len(seen.runs) == 6
    again.confirm(seen, top_k=4, repeats=3)
    assert len(seen.runs) == 12
    assert len({number for *_, number in seen.runs}) == 12
    again.confirm(seen, top_k=3, repeats=2, resume=False)
    assert len(seen.runs) == 18


def test_an_interrupted_call_goes_on(tmp_path: Path) -> None:
    where = {"storage": str(tmp_path / "tune.db"), "study_name": "s"}
    study, seen = searched(20, **where), Recorder()

    def stops(trial: ts.Trial) -> float:
        if len(seen.runs) == 4:
            raise KeyboardInterrupt
        return seen(trial)

    with pytest.raises(KeyboardInterrupt):
        study.confirm(stops, top_k=3, repeats=2)
    ts.load_study(**where).confirm(seen, top_k=3, repeats=2)
    assert len(seen.runs) == 6


def test_in_processes_it_says_the_same() -> None:
    a, b = searched(20), searched(20)
    assert str(a.confirm(noisy_branin, repeats=2)) == str(b.confirm(noisy_branin, repeats=2, n_jobs=2))


def test_a_default_is_kept_unless_something_is_credibly_better() -> None:
    best = {"x": math.pi, "y": 2.275}
    kept = searched(default=best).confirm(noisy_branin)
    assert kept.kept_default
    assert kept.chosen == best == kept.default
    assert kept.runner_up is not None
    assert "Kept the default (" in str(kept)
    beaten = searched(default={"x": -5.0, "y": 0.0}).confirm(noisy_branin)
    assert not beaten.kept_default
    assert beaten.score is not None
    assert beaten.score.beats_default
    assert beaten.score.gain_over_default is not None
    assert beaten.score.gain_over_default > 250
    assert "It beats the default (" in str(beaten)


def test_a_default_can_be_given_and_be_left_out_of_the_choice() -> None:
    study = searched()
    kept = study.confirm(noisy_branin, default={"x": math.pi, "y": 2.275})
    assert kept.kept_default
    free = study.confirm(noisy_branin, default={"x": 3.0, "y": 6.0}, prefer_default=False)
    assert not free.kept_default
    none = study.confirm(noisy_branin)
    assert none.default is None
    assert none.score is not None
    assert none.score.beats_default is None


def test_an_enqueued_trial_that_left_something_open_is_no_default() -> None:
    study = ts.create_study(space=SPACE, seed=0, sampler="random")
    study.enqueue_trial({"x": 1.0})
    study.optimize(noisy_branin, 10)
    assert study.confirm(noisy_branin, top_k=2, repeats=1).default is None


def test_maximising_turns_figures_and_not_the_choice() -> None:
    def up(trial: ts.Trial) -> float:
        return -noisy_branin(trial)

    down = searched(default={"x": 0.0, "y": 5.0}).confirm(noisy_branin)
    study = ts.create_study(direction="maximize", space=SPACE, seed=0, sampler="random")
    study.enqueue_trial({"x": 0.0, "y": 5.0})
    study.optimize(up, 40)
    found = study.confirm(up)
    assert found.score is not None
    assert down.score is not None
    assert found.chosen == down.chosen
    assert found.score.greater_is_better
    assert found.score.value == pytest.approx(-down.score.value)
    assert found.score.optimism == pytest.approx(down.score.optimism)
    assert found.score.gain_over_default == pytest.approx(down.score.gain_over_default)


def test_objectives_of_parameters() -> None:
    def fn(x: float, y: float, trial: ts.Trial) -> float:
        return branin(x, y) + noise(trial, 5.0)

    study = ts.minimize(fn, SPACE, n_trials=15, seed=0, sampler="random")
    report = study.confirm(fn, top_k=2, repeats=2, default={"x": 0.0, "y": 5.0})
    assert report.n_confirmed == 3
    loaded = searched(15)
    assert loaded.confirm(fn, top_k=2, repeats=2, takes_params=True).n_confirmed == 2


def by_run(trial: ts.Trial) -> float:
    kind = trial.suggest_categorical("kind", ["a", "b"])
    x = trial.suggest_float("x", 0, 1) if kind == "a" else trial.suggest_int("n", 1, 5) / 10
    return x + noise(trial, 0.1)


def test_spaces_that_were_never_declared() -> None:
    study = ts.create_study(seed=0, sampler="random")
    study.optimize(by_run, 30)
    for default in ({"kind": "b", "n": 5}, {"kind": "a", "x": 0.5}):
        report = study.confirm(by_run, default=default)
        assert report.default == default
        assert report.score is not None
    with pytest.raises(ValueError, match=r"no value for \['n'\]"):
        study.confirm(by_run, default={"kind": "b"})
    with pytest.raises(ValueError, match="kind"):
        study.confirm(by_run, default={"kind": "c", "n": 5})


def test_runs_without_a_value_put_a_point_out_and_are_told() -> None:
    study = searched(20)
    best = study.confirm(noisy_branin, top_k=1, repeats=1).chosen

    def breaks(trial: ts.Trial) -> float:
        if trial.params == best:
            trial.set_constraint("memory", 1.0)
        elif trial.seed % 2 and trial.params["x"] < -1e9:
            raise ts.TrialPruned
        return noisy_branin(trial)

    report = study.confirm(breaks, top_k=3, resume=False)
    assert report.chosen != best
    assert "violated memory" in str(report)
    nothing = study.confirm(lambda t: math.nan, top_k=2, resume=False)
    assert nothing.score is None
    assert "No point came through" in str(nothing)
    assert "diverged" in str(nothing)

    def prunes(trial: ts.Trial) -> float:
        trial.report(1e9, 0)
        if trial.should_prune():
            raise RuntimeError("it was stopped")
        raise ts.TrialPruned

    assert "TrialPruned" in str(study.confirm(prunes, top_k=2, resume=False))
    assert "inf" in str(study.confirm(lambda t: math.inf, top_k=1, resume=False))


def test_errors_end_the_call_unless_they_are_caught() -> None:
    study = searched(20)

    def raises(trial: ts.Trial) -> float:
        raise KeyError("gpu")

    with pytest.raises(KeyError, match="gpu"):
        study.confirm(raises, top_k=2)
    with pytest.raises(ts.ObjectiveError, match="None"):
        study.confirm(lambda t: None, top_k=2)
    assert study.confirm(noisy_branin, top_k=2).score is not None  # neither was kept
    assert "KeyError" in str(study.confirm(raises, top_k=2, catch=KeyError, resume=False))


def test_an_objective_that_has_no_use_for_the_seed_is_told() -> None:
    study = ts.create_study(space=SPACE, seed=0, sampler="random")
    study.optimize(lambda t: branin(**t.params), 30)
    report = study.confirm(lambda t: branin(**t.params), default={"x": 0.0, "y": 5.0})
    assert "does not use trial.seed" in str(report)
    assert report.chosen == study.best_params
    assert report.score is not None
    assert report.score.value == pytest.approx(study.best_value, abs=0.5)


def test_a_few_trials_have_no_model_but_fresh_runs() -> None:
    report = searched(3).confirm(noisy_branin, top_k=2, repeats=3)
    assert report.score is not None
    assert "mean of fresh runs" in report.score.method


def test_bad_arguments() -> None:
    study = searched(5)
    for name in ("top_k", "repeats"):
        with pytest.raises(ValueError, match=f"{name} must be an integer"):
            study.confirm(noisy_branin, **{name: 0})
    with pytest.raises(TypeError, match="callable"):
        study.confirm(None)  # type: ignore[arg-type]
    with pytest.raises(ts.SpaceError, match="x"):
        study.confirm(noisy_branin, default={"x": 99.0, "y": 1.0})
    with pytest.raises(ValueError, match="no complete feasible trial"):
        ts.create_study(seed=0).confirm(noisy_branin)
    with pytest.raises(RuntimeError, match="best_trials"):
        ts.create_study(directions=["minimize", "minimize"]).confirm(noisy_branin)


def test_the_level_of_the_intervals_is_the_user_s() -> None:
    study = searched(default={"x": 0.0, "y": 5.0})
    usual, low = study.confirm(noisy_branin), study.confirm(noisy_branin, level=0.5)
    assert (usual.score.level, low.score.level) == (0.95, 0.5)
    for wide, short in (
        (usual.score.interval, low.score.interval),
        (usual.score.gain_over_default.interval, low.score.gain_over_default.interval),
    ):
        assert wide[0] < short[0] < short[1] < wide[1]
    with pytest.raises(ValueError, match="level="):
        study.confirm(noisy_branin, level=50)
