"""`TunesmithSearch` in Ray Tune: real experiments, and what it keeps when the driver of one dies."""

from __future__ import annotations

import pickle
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import tunesmith as ts
from tunesmith.foundation.states import TrialState
from tunesmith.space import Categorical, Float, Int

tune = pytest.importorskip("ray.tune", reason="needs Ray Tune: pip install 'ray[tune]'", exc_type=ImportError)

from tunesmith.integrations.ray_tune import TunesmithSearch, space_of  # noqa: E402  it imports ray.tune

pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("ray")]
DOMAINS = {"x": tune.uniform(-1, 1), "model": {"layers": tune.randint(1, 5), "kind": "mlp"}}


def a_search(path: Path, **options: Any) -> TunesmithSearch:
    search = TunesmithSearch(path / "tune.db", "s", sampler="random", seed=0, **options)
    assert search.set_search_properties("loss", "min", DOMAINS)
    return search


def test_the_domains_of_tune_become_parameters() -> None:
    space = space_of(
        {
            "a": tune.uniform(0, 1),
            "b": tune.loguniform(1e-4, 1),
            "c": tune.quniform(0.25, 1.0, 0.25),
            "d": {"e": tune.randint(1, 5), "f": tune.lograndint(1, 65)},
            "g": tune.qrandint(3, 10, 2),
            "h": tune.choice(["x", None]),
            "i": 7,
        }
    )
    assert dict(space.params) == {
        "a": Float(0, 1),
        "b": Float(1e-4, 1, log=True),
        "c": Float(0.25, 1.0, step=0.25),
        "d/e": Int(1, 4),
        "d/f": Int(1, 64, log=True),
        "g": Int(4, 10, step=2),
        "h": Categorical(["x", None]),
    }


@pytest.mark.parametrize(
    ("domain", "words"),
    [
        (tune.randn(0, 1), "knows uniform, randint and choice"),
        (tune.grid_search([1, 2]), "write tune.choice"),
        (tune.qloguniform(1e-4, 1, 1e-4), "log or steps, not both"),
    ],
)
def test_a_domain_that_cannot_be_searched_is_named(domain: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        space_of({"here": domain})
    assert "here" in str(caught.value)


def test_results_reports_and_failures_get_into_the_study(tmp_path: Path) -> None:
    search = a_search(tmp_path)
    config = search.suggest("one")
    assert isinstance(config, dict)
    assert -1 <= config["x"] <= 1
    assert config["model"]["kind"] == "mlp"
    assert config["model"]["layers"] in range(1, 5)
    assert search.suggest("one") == config
    search.on_trial_result("one", {"loss": 0.5, "training_iteration": 1})
    search.on_trial_result("one", {"loss": 0.5, "training_iteration": 1})  # Tune repeats the last one
    search.on_trial_complete("one", {"loss": 0.25, "training_iteration": 2})
    search.suggest("two")
    search.on_trial_complete("two", None, error=True)
    search.suggest("three")
    search.on_trial_complete("three", {"accuracy": 1.0})
    search.on_trial_complete("unknown", {"loss": 1.0})
    first, second, third = search.study.trials
    assert (first.value, first.reports) == (0.25, {1: 0.5})
    assert [t.state for t in (second, third)] == [TrialState.FAIL] * 2
    assert "no number 'loss'" in str(third.reason)


def test_what_is_saved_is_little_and_goes_on_in_the_same_process(tmp_path: Path) -> None:
    search = a_search(tmp_path)
    for k in range(20):
        search.suggest(f"t{k}")
        if k < 18:
            search.on_trial_complete(f"t{k}", {"loss": float(k)})
    search.save(str(tmp_path / "state"))
    assert (tmp_path / "state").stat().st_size < 20_000
    other: TunesmithSearch = pickle.loads(pickle.dumps(TunesmithSearch(tmp_path / "tune.db", "s")))
    other.restore(str(tmp_path / "state"))
    for name in ("t18", "t19"):
        other.on_trial_result(name, {"loss": 9.0, "training_iteration": 1})
        other.on_trial_complete(name, {"loss": 5.0})
    assert [t.state for t in other.study.trials] == [TrialState.COMPLETE] * 20
    assert other.study.trials[19].reports == {1: 9.0}
    assert {t.attempt for t in other.study.trials} == {1}


DIES = """
    import os, sys
    from pathlib import Path
    from ray import tune
    from tunesmith.integrations.ray_tune import TunesmithSearch

    here = Path(sys.argv[1])
    search = TunesmithSearch(here / "tune.db", "s", sampler="random", seed=0)
    search.set_search_properties("loss", "min", {"x": tune.uniform(-1, 1)})
    print([search.suggest(name)["x"] for name in ("a", "b", "c")])
    search.on_trial_complete("b", {"loss": 1.0})
    search.save(str(here / "state"))
    sys.stdout.flush()
    os._exit(9)
"""


def test_the_trials_of_a_driver_that_died_are_gone_on_with_under_their_names(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(DIES), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 9, done.stderr
    proposed = eval(done.stdout)
    search = TunesmithSearch(tmp_path / "tune.db", "s")
    search.restore(str(tmp_path / "state"))
    assert [search.suggest(name)["x"] for name in ("a", "c")] == [proposed[0], proposed[2]]  # type: ignore[index]
    search.suggest("d")
    for name in ("a", "c", "d"):
        search.on_trial_complete(name, {"loss": 2.0})
    trials = search.study.trials
    assert [t.state for t in trials] == [TrialState.COMPLETE] * 4
    assert [(t.attempt, t.crashes) for t in trials] == [(2, 0), (1, 0), (2, 0), (1, 0)]


FORGETS = DIES.replace(
    "    sys.stdout.flush()",
    """\
    search.on_trial_complete("a", {"loss": 3.0})
    for name in ("e", "f"):
        print([search.suggest(name)["x"]])
    search.on_trial_complete("e", {"loss": 4.0})
    sys.stdout.flush()""",
)


def test_what_tune_has_forgotten_is_found_again_and_no_trial_is_there_twice(tmp_path: Path) -> None:
    """Since it was saved, one trial that it knows has ended, and of two that it does not know one has, too."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FORGETS), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 9, done.stderr
    known, *forgotten = map(eval, done.stdout.splitlines())
    search = TunesmithSearch(tmp_path / "tune.db", "s")
    search.restore(str(tmp_path / "state"))
    assert [search.suggest(name)["x"] for name in ("a", "c")] == [known[0], known[2]]  # type: ignore[index]
    again = sorted(search.suggest(name)["x"] for name in ("g", "h"))  # type: ignore[index]
    assert again == sorted(x for (x,) in forgotten)
    for name in ("a", "c", "g", "h"):
        search.on_trial_result(name, {"loss": 7.0, "training_iteration": 1})
        search.on_trial_complete(name, {"loss": 7.0})
    assert [t.value for t in search.study.trials] == [3.0, 1.0, 7.0, 4.0, 7.0], "what has ended keeps its result"


def test_a_second_space_or_none_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    search = TunesmithSearch(tmp_path / "tune.db", space={"x": Float(0, 1)})
    assert not search.set_search_properties("loss", "min", DOMAINS)
    assert search.set_search_properties("loss", "min", {"constant": 1})
    assert search.suggest("a") == {"constant": 1, "x": search.study.trials[0].params["x"]}  # type: ignore[comparison-overlap]
    assert not TunesmithSearch(tmp_path / "tune.db", "other").set_search_properties("loss", "min", {"constant": 1})
    monkeypatch.delenv("TUNESMITH_STORAGE", raising=False)
    with pytest.raises(ValueError, match="needs a storage that outlives Tune"):
        TunesmithSearch()


def test_an_exhausted_space_ends_the_experiment(tmp_path: Path) -> None:
    search = TunesmithSearch(tmp_path / "tune.db", space={"x": [1, 2]}, sampler="grid", metric="loss", mode="max")
    assert [search.suggest(name) for name in "abc"][2] == TunesmithSearch.FINISHED


def trainable(config: dict[str, Any]) -> None:
    for _ in range(2):
        tune.report({"loss": config["x"] ** 2 + config["model"]["layers"]})


@pytest.mark.slow
def test_an_experiment_of_tune(ray_module: Any, tmp_path: Path) -> None:
    tuner = tune.Tuner(
        trainable,
        param_space=DOMAINS,
        tune_config=tune.TuneConfig(
            search_alg=TunesmithSearch(tmp_path / "tune.db", "s", seed=0), metric="loss", mode="min", num_samples=4
        ),
        run_config=tune.RunConfig(storage_path=str(tmp_path), name="e", verbose=0),
    )
    results = tuner.fit()
    study = ts.load_study(study_name="s", storage=str(tmp_path / "tune.db"))
    assert [t.state for t in study.trials] == [TrialState.COMPLETE] * 4
    assert all(list(t.reports or ()) == [1, 2] for t in study.trials)
    assert study.best_value == results.get_best_result().metrics["loss"]
