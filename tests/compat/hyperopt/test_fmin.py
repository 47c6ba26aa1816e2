"""`fmin` as programs of Hyperopt call it."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tunesmith.compat.hyperopt import (
    JOB_STATE_ERROR,
    STATUS_FAIL,
    STATUS_OK,
    Trials,
    anneal,
    atpe,
    exceptions,
    fmin,
    fmin_pass_expr_memo_ctrl,
    hp,
    mix,
    pyll,
    rand,
    space_eval,
    tpe,
    trials_from_docs,
)
from tunesmith.compat.hyperopt.early_stop import no_progress_loss
from tunesmith.compat.hyperopt.fmin import generate_trials_to_calculate

quiet = functools.partial(fmin, show_progressbar=False)
ALGORITHMS = {
    "tpe": tpe.suggest,
    "tpe with options": functools.partial(tpe.suggest, n_startup_jobs=3, n_EI_candidates=8),
    "rand": rand.suggest,
    "anneal": anneal.suggest,
    "atpe": atpe.suggest,
    "mix": functools.partial(mix.suggest, p_suggest=[(0.3, rand.suggest), (0.7, tpe.suggest)]),
}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def parabola(x: float) -> float:
    return (x - 3.0) ** 2


LINE = hp.uniform("x", -5, 5)


@pytest.mark.filterwarnings("ignore:anneal.suggest", "ignore:atpe.suggest")  # which say that they are others
@pytest.mark.parametrize("algo", ALGORITHMS.values(), ids=ALGORITHMS)
def test_every_algorithm_searches_and_is_reproducible(algo: Any) -> None:
    courses = []
    for _ in range(2):
        trials = Trials()
        best = quiet(parabola, LINE, algo=algo, max_evals=25, trials=trials, rstate=rng())
        assert len(trials) == 25
        assert best == trials.argmin == {"x": trials.best_trial["misc"]["vals"]["x"][0]}
        assert all(-5 <= x <= 5 for x in trials.vals["x"])
        assert min(trials.losses()) < 1.0
        courses.append(trials.vals["x"])
    assert courses[0] == courses[1]


def test_models_beat_random_search() -> None:
    losses = {}
    for name in ("tpe", "rand"):
        found = []
        for seed in range(5):
            trials = Trials()
            quiet(parabola, LINE, algo=ALGORITHMS[name], max_evals=50, trials=trials, rstate=rng(seed))
            found.append(min(trials.losses()))
        losses[name] = np.median(found)
    assert losses["tpe"] < losses["rand"]


def test_an_objective_gets_nested_points_and_only_what_is_active() -> None:
    space = {
        "model": hp.choice(
            "model",
            [
                {"type": "svm", "C": hp.loguniform("C", -3, 3), "kernel": hp.choice("kernel", ["linear", "rbf"])},
                {"type": "forest", "depth": pyll.scope.int(hp.quniform("depth", 1, 12, 1))},
            ],
        ),
        "layers": [hp.randint("a", 3), (hp.uniformint("b", 5, 6), "end")],
        "constant": 7,
    }
    seen: list[Any] = []

    def objective(point: Any) -> dict[str, Any]:
        seen.append(point)
        return {"loss": point["layers"][0], "status": STATUS_OK}

    trials = Trials()
    best = quiet(objective, space, algo=tpe.suggest, max_evals=30, trials=trials, rstate=rng())
    assert {type(point["layers"]) for point in seen} == {tuple}
    assert {point["layers"][1][0] for point in seen} == {5, 6}
    for point, doc in zip(seen, trials.trials, strict=True):
        vals = doc["misc"]["vals"]
        svm = point["model"]["type"] == "svm"
        assert set(point["model"]) == ({"type", "C", "kernel"} if svm else {"type", "depth"})
        assert [len(vals[label]) for label in ("C", "kernel", "depth")] == ([1, 1, 0] if svm else [0, 0, 1])
        assert doc["misc"]["idxs"]["model"] == [doc["tid"]]
        assert svm or type(point["model"]["depth"]) is int
        assert space_eval(space, {label: v[0] for label, v in vals.items() if v}) == point
    assert space_eval(space, best)["layers"][0] == 0


def test_results_are_kept_as_they_were_returned_and_failures_count_as_trials() -> None:
    def objective(x: float) -> dict[str, Any]:
        if x < 0:
            return {"status": STATUS_FAIL, "why": "negative"}
        return {"loss": np.float32(x), "status": STATUS_OK, "note": [1, 2], "attachments": {"log": b"bytes"}}

    trials = Trials()
    best = quiet(objective, LINE, algo=tpe.suggest, max_evals=20, trials=trials, rstate=rng())
    assert best["x"] >= 0
    assert set(trials.statuses()) == {STATUS_OK, STATUS_FAIL}
    ok = trials.best_trial
    assert ok["result"]["note"] == [1, 2]
    assert "attachments" not in ok["result"]
    assert trials.trial_attachments(ok)["log"] == b"bytes"
    assert [loss is None for loss in trials.losses()] == [s == STATUS_FAIL for s in trials.statuses()]
    with pytest.raises(exceptions.AllTrialsFailed):
        quiet(lambda x: {"status": STATUS_FAIL}, LINE, algo=rand.suggest, max_evals=2)


@pytest.mark.parametrize(
    ("result", "error"),
    [
        ({"status": "good", "loss": 1.0}, exceptions.InvalidResultStatus),
        ({"loss": 1.0}, exceptions.InvalidResultStatus),
        ({"status": STATUS_OK}, exceptions.InvalidLoss),
        ({"status": STATUS_OK, "loss": "low"}, exceptions.InvalidLoss),
        (None, exceptions.InvalidLoss),
    ],
)
def test_what_is_no_result_is_an_error(result: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        quiet(lambda x: result, LINE, algo=rand.suggest, max_evals=1)


def test_points_to_evaluate_come_first_also_out_of_range() -> None:
    points = [{"x": 3.0}, {"x": -100.0}]
    trials = Trials()
    quiet(parabola, LINE, algo=tpe.suggest, max_evals=10, points_to_evaluate=points, trials=trials, rstate=rng())
    assert trials.vals["x"][:2] == [3.0, -100.0]
    assert len(trials) == 12
    assert len(set(trials.tids)) == 12
    again = generate_trials_to_calculate(points)
    assert quiet(parabola, LINE, algo=tpe.suggest, max_evals=10, trials=again, rstate=rng()) == {"x": 3.0}


def test_a_search_goes_on_with_the_trials_it_gets() -> None:
    trials = Trials()
    quiet(parabola, LINE, algo=tpe.suggest, max_evals=10, trials=trials, rstate=rng())
    before = trials.vals["x"]
    quiet(parabola, LINE, algo=tpe.suggest, max_evals=25, trials=trials, rstate=rng())
    assert trials.vals["x"][:10] == before
    assert len(trials) == len(set(trials.vals["x"])) == 25  # the same generator proposes no point again


def test_a_file_keeps_the_trials(tmp_path: Path) -> None:
    path = str(tmp_path / "trials.pkl")
    search = functools.partial(quiet, lambda x: x**2, LINE, algo=rand.suggest, rstate=rng(), trials_save_file=path)
    search(max_evals=4)
    search(max_evals=7)
    assert len(fmin_trials(path)) == 7
    assert [one.name for one in tmp_path.iterdir()] == ["trials.pkl"]


def fmin_trials(path: str) -> Trials:
    import cloudpickle

    trials = cloudpickle.loads(Path(path).read_bytes())
    assert isinstance(trials, Trials)
    return trials


def test_limits_end_a_search() -> None:
    trials = Trials()
    quiet(parabola, LINE, algo=rand.suggest, loss_threshold=0.5, trials=trials, rstate=rng())
    assert trials.losses()[-1] <= 0.5 < min(trials.losses()[:-1])

    trials = Trials()
    quiet(lambda x: 1.0, LINE, algo=rand.suggest, max_evals=99, trials=trials, early_stop_fn=no_progress_loss(6))
    assert len(trials) == 6

    trials = Trials()
    quiet(parabola, LINE, algo=rand.suggest, timeout=0.05, trials=trials)
    assert len(trials) >= 1
    for wrong in (-1, True, "a"):
        with pytest.raises(Exception, match=f"should be None or a positive value. Given value: {wrong}$"):
            quiet(parabola, LINE, timeout=wrong)
    for wrong in ("a", True):
        with pytest.raises(Exception, match=f"should be None or a numeric value. Given value: {wrong}$"):
            quiet(parabola, LINE, loss_threshold=wrong)
    with pytest.raises(Exception, match="There are no evaluation tasks"):
        quiet(parabola, LINE, max_evals=0)


def test_errors_stop_a_search_or_are_kept() -> None:
    def objective(x: float) -> float:
        if x < 0:
            raise ZeroDivisionError("negative")
        return x

    trials = Trials()
    quiet(objective, LINE, algo=tpe.suggest, max_evals=9, trials=trials, rstate=rng(), catch_eval_exceptions=True)
    failed = [doc for doc in trials._dynamic_trials if doc["state"] == JOB_STATE_ERROR]
    assert failed
    assert failed[0]["misc"]["error"] == ("<class 'ZeroDivisionError'>", "negative")
    assert len(trials) + len(failed) == len(trials._dynamic_trials)

    trials = Trials()
    with pytest.raises(ZeroDivisionError):
        quiet(objective, LINE, algo=rand.suggest, max_evals=50, trials=trials, rstate=rng())
    assert trials._dynamic_trials[-1]["state"] == JOB_STATE_ERROR


def test_other_forms_of_objectives() -> None:
    def annotated(x: hp.uniform("x", 0, 1), n: hp.randint("n", 3)) -> float:  # type: ignore[valid-type]
        return x + n

    assert set(quiet(annotated, "annotated", algo=rand.suggest, max_evals=3)) == {"x", "n"}

    @fmin_pass_expr_memo_ctrl
    def low_level(expr: Any, memo: Any, ctrl: Any) -> dict[str, Any]:
        ctrl.attachments["seen"] = True
        return {"loss": pyll.rec_eval(expr, memo=memo)["x"], "status": STATUS_OK}

    trials = Trials()
    quiet(low_level, {"x": LINE}, algo=rand.suggest, max_evals=3, trials=trials)
    assert all("seen" in trials.trial_attachments(doc) for doc in trials)

    assert quiet(lambda p: p, hp.choice("c", [5, 1, 9]), algo=rand.suggest, max_evals=20, return_argmin=False) == 1


def test_an_algorithm_of_ones_own() -> None:
    def middle(new_ids: Any, domain: Any, trials: Any, seed: int) -> Any:
        misc = {"tid": new_ids[0], "cmd": domain.cmd, "idxs": {"x": new_ids}, "vals": {"x": [len(trials) / 10]}}
        return trials.new_trial_docs(new_ids, [None], [domain.new_result()], [misc])

    trials = Trials()
    quiet(parabola, LINE, algo=middle, max_evals=3, trials=trials)
    assert trials.vals["x"] == [0.0, 0.1, 0.2]


def test_what_is_of_hyperopt_itself_is_refused_with_what_to_import() -> None:
    hyperopt = pytest.importorskip("hyperopt")
    theirs = hyperopt.hp.uniform("x", 0, 1)
    for call in (
        lambda: quiet(parabola, theirs, algo=rand.suggest, max_evals=1),
        lambda: quiet(parabola, {"x": [1, theirs]}, algo=rand.suggest, max_evals=1),
        lambda: quiet(parabola, LINE, algo=hyperopt.tpe.suggest, max_evals=1),
        lambda: quiet(parabola, LINE, algo=functools.partial(hyperopt.tpe.suggest, gamma=0.3), max_evals=1),
        lambda: quiet(parabola, LINE, algo=rand.suggest, max_evals=1, trials=hyperopt.Trials()),
    ):
        with pytest.raises(TypeError, match=r"from tunesmith\.compat\.hyperopt import"):
            call()
    old = hyperopt.Trials()
    hyperopt.fmin(parabola, theirs, algo=hyperopt.rand.suggest, max_evals=3, trials=old, verbose=False)
    trials = trials_from_docs(old.trials)
    quiet(parabola, LINE, algo=tpe.suggest, max_evals=5, trials=trials)
    assert trials.losses()[:3] == old.losses()
    assert len(trials) == 5


def test_a_search_that_has_its_loss_already_runs_nothing() -> None:
    trials = Trials()
    quiet(parabola, LINE, algo=rand.suggest, max_evals=5, trials=trials, rstate=rng())
    quiet(parabola, LINE, algo=rand.suggest, max_evals=9, trials=trials, rstate=rng(), loss_threshold=1e6)
    assert len(trials) == 5


def test_a_space_may_have_no_parameters() -> None:
    assert quiet(lambda x: x["a"], {"a": 1}, algo=tpe.suggest, max_evals=2) == {}


@pytest.mark.filterwarnings("ignore:atpe.suggest")
def test_a_finite_space_may_be_smaller_than_the_budget() -> None:
    trials = Trials()
    quiet(lambda x: x, hp.choice("x", [3, 1, 2]), algo=atpe.suggest, max_evals=9, trials=trials, rstate=rng())
    assert min(trials.losses()) == 1
    trials = Trials()
    quiet(lambda x: x, hp.choice("x", [3, 1, 2]), algo=tpe.suggest, max_evals=9, trials=trials, rstate=rng())
    assert sorted(trials.vals["x"][:3]) == [0, 1, 2]
    assert len(trials) == 9


def test_several_points_at_once() -> None:
    trials = Trials()
    quiet(parabola, LINE, algo=tpe.suggest, max_evals=10, max_queue_len=4, trials=trials, rstate=rng())
    assert len(trials) == len(set(trials.vals["x"])) == 10


def test_options_that_are_not_followed_are_named() -> None:
    with pytest.warns(UserWarning, match="gamma"):
        quiet(parabola, LINE, algo=functools.partial(tpe.suggest, gamma=0.5), max_evals=1)


def test_progress_is_shown_by_whom_the_caller_says() -> None:
    from contextlib import contextmanager
    from types import SimpleNamespace

    counts: list[int] = []

    @contextmanager
    def shown(initial: int, total: int) -> Any:
        assert (initial, total) == (0, 5)
        yield SimpleNamespace(update=counts.append)

    fmin(parabola, LINE, algo=rand.suggest, max_evals=5, show_progressbar=shown)
    assert counts == [1] * 5


@pytest.mark.parametrize(
    ("algo", "says"), [(anneal, "no annealing here.*write tpe.suggest"), (atpe, "no learned models")]
)
def test_an_algorithm_that_is_another_one_says_so_once(algo: Any, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunesmith.compat.guide._said", set())
    with pytest.warns(UserWarning, match=says) as told:
        quiet(parabola, LINE, algo=algo.suggest, max_evals=3)
    assert len(told) == 1


def test_the_model_begins_where_most_trials_have_no_loss() -> None:
    def objective(x: float) -> dict[str, Any]:
        return {"status": STATUS_OK, "loss": x} if x < 0.2 else {"status": STATUS_FAIL}

    trials = Trials()
    fmin(
        objective, hp.uniform("x", 0, 1), tpe.suggest, 60, trials=trials, rstate=np.random.default_rng(0), verbose=False
    )
    assert trials.statuses()[:20].count(STATUS_OK) < 10
    assert trials.statuses()[20:].count(STATUS_OK) > 30  # at random: 8
