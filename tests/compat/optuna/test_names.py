"""Names of Optuna that are here, and those that are refused with a reason."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

import tunesmith
import tunesmith.compat.optuna as optuna
from tunesmith.compat.optuna.names import OPTUNA_ROOM, REFUSED_NAMES

# All public names of Optuna 5.0.0 by their modules, recorded from the installed package.
NAMES = json.loads((Path(__file__).parent / "names_of_optuna_5.json").read_text())


def test_errors_are_this_librarys_own():
    assert optuna.TrialPruned is tunesmith.TrialPruned
    assert issubclass(tunesmith.SpaceError, optuna.exceptions.OptunaError)


def test_a_name_that_cannot_be_had_says_what_to_use_instead():
    with pytest.raises(AttributeError, match="tunesmith --help"):
        _ = optuna.cli
    with pytest.raises(ImportError, match="tunesmith --help"):
        from tunesmith.compat.optuna import cli  # noqa: F401
    with pytest.raises(AttributeError, match="did you mean 'TrialPruned'"):
        _ = optuna.exceptions.TrialPrund


@pytest.mark.parametrize("module", NAMES)
def test_each_public_name_is_here_or_is_refused_with_what_to_use_instead(module):
    here = importlib.import_module(module.replace("optuna", OPTUNA_ROOM, 1))
    for name in NAMES[module]:
        if f"{module}.{name}" in REFUSED_NAMES:
            with pytest.raises(AttributeError, match="cannot be had here: "):
                getattr(here, name)
        elif module == "optuna.integration":  # whose names import other libraries
            assert name in dir(here)
        else:
            assert getattr(here, name) is not None


def test_what_is_refused_is_a_name_of_optuna():
    known = {f"{module}.{name}" for module, names in NAMES.items() for name in names}
    extra = {name for name in REFUSED_NAMES if name not in known}
    assert extra <= {"optuna.integration.CometCallback", "optuna.integration.TrackioCallback"}


def test_submodules_can_be_imported_in_any_way():
    import tunesmith.compat.optuna.trial
    from tunesmith.compat.optuna.samplers import TPESampler
    from tunesmith.compat.optuna.storages.journal import JournalFileBackend

    assert tunesmith.compat.optuna.trial.Trial is optuna.Trial
    assert TPESampler is optuna.samplers.TPESampler
    assert JournalFileBackend.__module__.startswith(OPTUNA_ROOM)
