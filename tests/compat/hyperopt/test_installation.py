"""``install()``: programs that import hyperopt get this package, and find what they find with Hyperopt."""

from __future__ import annotations

import importlib
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

import tunesmith.compat.hyperopt as ours

# Programs in the manner of tutorials, notebooks and libraries; each leaves its lowest loss as `loss`. -> what the
# median of three seeds is at most, with either library.
REACHED = {
    "algorithms": 0.25,
    "attachments": 0.1,
    "continued": 0.2,
    "control": 0.4,
    "domain": 0.52,
    "expressions": 0.9,
    "kinds_of_models": 0.2,
    "nested_kernels": 0.04,
    "own_trials": 0.02,
    "search_class": -0.85,
}
FOLDER = Path(__file__).parent / "programs"
RUN = """
import json, os, runpy, sys, warnings

warnings.simplefilter("ignore")
if sys.argv[1] == "ours":
    from tunesmith.compat.hyperopt import install

    install()
found = {}
for path in sys.argv[2:]:
    for seed in range(3):
        os.environ["HYPEROPT_FMIN_SEED"] = str(seed)
        found.setdefault(path, []).append(runpy.run_path(path, run_name="__main__")["loss"])
print(json.dumps(found))
"""
# What a library does that stands on Hyperopt; in a process of its own, in which hyperopt was not imported before.
LIBRARY = """
import importlib.metadata
import sys
import warnings

warnings.simplefilter("error")
from tunesmith.compat.hyperopt import install, uninstall

with install() as installed:
    install()  # again: nothing
    import hyperopt
    import hyperopt.fmin
    import hyperopt.plotting
    import hyperopt.pyll.stochastic
    from hyperopt import SparkTrials, STATUS_OK, Trials, fmin, hp, rdists, space_eval, tpe, utils
    from hyperopt.base import Domain, use_obj_for_literal_in_memo
    from hyperopt.early_stop import no_progress_loss
    from hyperopt.exceptions import AllTrialsFailed
    from hyperopt.fmin import generate_trials_to_calculate
    from hyperopt.pyll.base import scope

    assert hyperopt.__name__ == "tunesmith.compat.hyperopt"
    assert hyperopt.fmin is fmin and callable(hyperopt.fmin)  # a function, though a module has that name too
    assert hyperopt.pyll.scope is scope
    assert importlib.metadata.version("hyperopt") == hyperopt.__version__
    try:
        from hyperopt.mongoexp import MongoTrials
    except ImportError as error:
        assert "tunesmith worker" in str(error)
    try:
        import hyperopt.nothing
    except ModuleNotFoundError as error:
        assert error.name == "hyperopt.nothing"
    else:
        raise AssertionError
    fmin(lambda x: x, hp.uniform("x", 0, 1), algo=tpe.suggest, max_evals=2, verbose=False)
assert not [name for name in sys.modules if name.partition(".")[0] == "hyperopt"]
uninstall()  # again: nothing
"""
# The search algorithm of Ray Tune, which is Hyperopt's.
RAY = """
from tunesmith.compat.hyperopt import install

install()
from hyperopt import hp
from ray import tune
from ray.tune.search.hyperopt import HyperOptSearch

own = {"x": hp.uniform("x", -5, 5), "act": hp.choice("act", [{"k": "relu", "m": hp.uniform("m", 1, 2)}, {"k": "tanh"}])}
rays = {"x": tune.uniform(-5, 5), "n": tune.randint(1, 9), "lr": tune.loguniform(1e-4, 1), "c": tune.choice(["a", "b"])}
for space, points in ((own, None), (rays, [{"x": 1.0, "n": 4, "lr": 0.1, "c": "b"}])):
    search = HyperOptSearch(space, metric="loss", mode="min", random_state_seed=0, points_to_evaluate=points)
    losses = []
    for i in range(40):
        losses.append((search.suggest(f"{i}")["x"] - 1) ** 2)
        search.on_trial_complete(f"{i}", {"loss": losses[-1]}, error=i == 7)
    assert min(losses) < 0.1 and (points is None or losses[0] == 0)
    search.save("search.pkl")
    again = HyperOptSearch(space, metric="loss", mode="min")
    again.restore("search.pkl")
    assert again.suggest("next")
"""


def run(program: str, *arguments: str, folder: Path) -> str:
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=600, cwd=folder, env={**os.environ, "MPLBACKEND": "agg"}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_program_that_imports_hyperopt_gets_this_package_until_it_is_undone(tmp_path: Path) -> None:
    run(LIBRARY, folder=tmp_path)


@pytest.mark.parametrize("library", ["ours", "real"])
def test_ten_programs_find_the_same_with_either_library(library: str, tmp_path: Path) -> None:
    if library == "real":
        pytest.importorskip("hyperopt", reason="the real Hyperopt is not installed")
    paths = [str(FOLDER / f"{name}.py") for name in REACHED]
    assert sorted(paths) == sorted(map(str, FOLDER.glob("*.py")))
    found = json.loads(run(RUN, library, *paths, folder=tmp_path).splitlines()[-1])
    medians = {Path(path).stem: statistics.median(losses) for path, losses in found.items()}
    assert not {name: loss for name, loss in medians.items() if loss > REACHED[name]}


def test_ray_tunes_search_stands_on_it(tmp_path: Path) -> None:
    pytest.importorskip("ray.tune", reason="Ray Tune is not installed")
    run(RAY, folder=tmp_path)


def test_trials_that_hyperopt_pickled_are_read_and_gone_on_with(tmp_path: Path) -> None:
    pytest.importorskip("hyperopt", reason="the real Hyperopt is not installed")
    write = """
from hyperopt import fmin, hp, tpe
fmin(lambda p: p["x"] ** 2, {"x": hp.uniform("x", -1, 1)}, tpe.suggest, 5, trials_save_file="trials.pkl", verbose=False)
"""
    run(write, folder=tmp_path)
    go_on = f"from tunesmith.compat.hyperopt import install; install()\n{write.replace('5,', '9,')}"
    check = """
import pickle
trials = pickle.load(open("trials.pkl", "rb"))
assert type(trials).__module__ == "tunesmith.compat.hyperopt.base"
assert len(trials) == 9 == len(trials.losses())
"""
    run(go_on + check, folder=tmp_path)


def test_a_real_hyperopt_that_is_imported_already_is_told_and_comes_back() -> None:
    real = pytest.importorskip("hyperopt", reason="the real Hyperopt is not installed")
    with pytest.warns(UserWarning, match=r"hyperopt 0.3.* is imported already.*tunesmith.compat.hyperopt.install\(\)"):
        installed = ours.install()
    assert importlib.import_module("hyperopt") is ours
    assert importlib.import_module("hyperopt.tpe") is ours.tpe
    installed.undo()
    assert importlib.import_module("hyperopt") is real
    assert importlib.import_module("hyperopt.tpe") is real.tpe
