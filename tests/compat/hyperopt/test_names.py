"""Every public name of Hyperopt is here, or refused with what to use instead."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import tunesmith.compat.hyperopt
from tunesmith.compat.hyperopt.names import reason_for

LINES = [line.split() for line in (Path(__file__).parent / "names.txt").read_text().splitlines() if line[0] != "#"]
PUBLIC = {line[0]: line[1:] for line in LINES}


@pytest.mark.parametrize("module", PUBLIC)
def test_every_name_is_here_or_refused_with_a_reason(module: str) -> None:
    here = importlib.import_module(module.replace("hyperopt", "tunesmith.compat.hyperopt", 1))
    unknown = []
    for name in PUBLIC[module]:
        reason = reason_for(f"{module}.{name}".removeprefix("hyperopt."))
        if reason is None and not hasattr(here, name):
            unknown.append(name)
        elif not hasattr(here, name):
            with pytest.raises(AttributeError, match="cannot be had here") as caught:
                getattr(here, name)
            assert reason is not None
            assert reason in str(caught.value)
    assert not unknown


def test_what_programs_use_is_here() -> None:
    for name in PUBLIC["hyperopt"]:
        assert hasattr(tunesmith.compat.hyperopt, name), name
    assert len(PUBLIC["hyperopt.hp"]) == 12
    for name in PUBLIC["hyperopt.hp"]:
        assert hasattr(tunesmith.compat.hyperopt.hp, name), name


def test_a_refused_name_fails_at_import_with_the_reason() -> None:
    with pytest.raises(ImportError, match="tunesmith worker"):
        from tunesmith.compat.hyperopt.mongoexp import MongoTrials  # noqa: F401  # the import is what is tested
    with pytest.raises(ImportError, match="a Space takes them frozen"):
        from tunesmith.compat.hyperopt.rdists import qtable_pmf  # noqa: F401  # the same
    with pytest.raises(ImportError, match="did you mean 'Trials'"):
        from tunesmith.compat.hyperopt import Trial  # noqa: F401  # the same


def test_trials_on_spark_can_be_imported_and_not_made() -> None:
    with pytest.raises(NotImplementedError, match=r"no trial would run on Spark; tunesmith.minimize\(.*n_jobs=4\)"):
        tunesmith.compat.hyperopt.SparkTrials(parallelism=4)
