"""Names of Optuna that are here, and those that are refused with a reason."""

from __future__ import annotations

import pytest

import tunesmith
import tunesmith.compat.optuna as optuna


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
