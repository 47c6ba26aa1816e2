"""``install()``: libraries that import optuna by themselves get this package, until that is undone."""

from __future__ import annotations

import importlib
import importlib.metadata
import subprocess
import sys

import pytest

import tunesmith.compat.optuna as ours

# What a library that stands on Optuna does; run in a process of its own, in which optuna was not imported before.
LIBRARY = """
import importlib.metadata
import sys
import warnings

warnings.simplefilter("error")
from tunesmith.compat.optuna import install, uninstall

with install() as installed:
    install()  # again: nothing
    import optuna
    import optuna.study.study
    import optuna.search_space.intersection
    from optuna import study as study_module
    assert optuna._imports.try_import().__enter__().is_successful()
    from optuna._imports import try_import
    from optuna._transform import _SearchSpaceTransform
    from optuna.distributions import FloatDistribution, _convert_old_distribution_to_new_distribution
    from optuna.importance._base import _get_distributions
    from optuna.samplers._base import _process_constraints_after_trial
    from optuna.storages._cached_storage import _CachedStorage
    from optuna.storages._rdb.storage import RDBStorage
    from optuna.study.study import ObjectiveFuncType, Study
    from optuna.trial._state import TrialState
    from optuna.progress_bar import _ProgressBar

    assert optuna.__name__ == "tunesmith.compat.optuna"
    assert study_module.Study is Study is optuna.create_study().__class__
    assert TrialState is optuna.trial.TrialState
    assert importlib.metadata.version("optuna") == optuna.__version__
    with try_import() as imports:
        import a_library_that_nobody_has
    assert not imports.is_successful()
    assert _convert_old_distribution_to_new_distribution(FloatDistribution(0, 1)) == FloatDistribution(0, 1)
    storage = optuna.create_study(storage="sqlite:///tune.db")._storage
    assert isinstance(storage, _CachedStorage)
    assert isinstance(storage._backend, RDBStorage)
    try:
        import optuna.cli
    except ModuleNotFoundError as error:
        assert "tunesmith --help" in str(error)
    try:
        import optuna.nothing
    except ModuleNotFoundError as error:
        assert error.name == "optuna.nothing"
    else:
        raise AssertionError
    study = optuna.create_study()
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
assert not [name for name in sys.modules if name.partition(".")[0] == "optuna"]
uninstall()  # again: nothing
"""


def test_a_library_that_imports_optuna_gets_this_package_until_it_is_undone(tmp_path):
    command = [sys.executable, "-c", LIBRARY]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_real_optuna_that_is_imported_already_is_told_and_comes_back():
    real = pytest.importorskip("optuna", reason="the real Optuna is not installed")
    with pytest.warns(UserWarning, match="is imported already"):
        installed = ours.install()
    assert importlib.import_module("optuna") is ours
    assert importlib.import_module("optuna.samplers") is ours.samplers
    installed.undo()
    assert importlib.import_module("optuna") is real
    assert importlib.import_module("optuna.samplers") is real.samplers


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("study.study", "Study"),
        ("study._study_direction", "StudyDirection"),
        ("trial._frozen", "FrozenTrial"),
        ("search_space.group_decomposed", "IntersectionSearchSpace"),
        ("samplers._tpe.sampler", "TPESampler"),
        ("pruners._median", "MedianPruner"),
        ("storages.journal._file", "JournalFileBackend"),
        ("visualization.matplotlib._contour", "plot_contour"),
    ],
)
def test_optunas_module_paths_are_here(path, name):
    module = importlib.import_module(f"tunesmith.compat.optuna.{path}")
    assert getattr(module, name) is not None
