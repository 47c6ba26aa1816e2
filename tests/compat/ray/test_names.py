"""Every public name of Ray Tune is here, or refused with what to use instead."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tunesmith.compat import ray
from tunesmith.compat.ray.names import REFUSED_MODULES, reason_for

LINES = [line.split() for line in (Path(__file__).parent / "names.txt").read_text().splitlines() if line[0] != "#"]
PUBLIC = {line[0]: line[1:] for line in LINES}


def here(module: str) -> ModuleType:
    return importlib.import_module(module.replace("ray", "tunesmith.compat.ray", 1))


@pytest.mark.parametrize("module", PUBLIC)
def test_every_name_is_here_or_refused_with_a_reason(module: str) -> None:
    if module.endswith("xgboost"):
        pytest.importorskip("xgboost")
    unknown = []
    for name in PUBLIC[module]:
        reason = reason_for(f"{module}.{name}")
        if reason is None:
            if not hasattr(here(module), name):
                unknown.append(name)
        elif not hasattr(here(module), name):
            with pytest.raises(AttributeError, match="cannot be had here") as caught:
                getattr(here(module), name)
            assert reason in str(caught.value)
    assert not unknown


def test_no_reason_is_told_for_a_name_that_is_here() -> None:
    for module, names in PUBLIC.items():
        if not module.endswith(("xgboost", "logger")):
            assert not [n for n in names if hasattr(here(module), n) and reason_for(f"{module}.{n}")]


@pytest.mark.parametrize("module", REFUSED_MODULES)
def test_a_module_that_is_not_here_says_so_at_the_import_of_a_name(module: str) -> None:
    importlib.import_module("tunesmith.compat.ray.tune")
    refused = importlib.import_module(f"tunesmith.compat.ray.tune.{module}")
    with pytest.raises(AttributeError, match="cannot be had here"):
        refused.Whatever  # noqa: B018  # asking is what is tested


def test_a_wrong_name_suggests_one() -> None:
    with pytest.raises(ImportError, match="did you mean 'ASHAScheduler'"):
        from tunesmith.compat.ray.tune.schedulers import ASHASchedule  # noqa: F401  # the import is what is tested
    with pytest.raises(ImportError, match="PopulationBasedTraining"):
        from tunesmith.compat.ray.tune.schedulers import PB2  # noqa: F401  # the same
    with pytest.raises(AttributeError, match="processes of this machine"):
        ray.remote  # noqa: B018  # asking is what is tested


@pytest.mark.slow
def test_ray_itself_is_not_imported() -> None:
    code = "import sys; from tunesmith.compat.ray import train, tune; print('ray' in sys.modules, tune.run is train)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_init_says_how_many_cores_there_are() -> None:
    try:
        ray.init(num_cpus=7, configure_logging=False)
        assert ray.is_initialized()
        assert ray.cluster_resources()["CPU"] == 7
        with pytest.raises(ValueError, match="trials run on this machine"):
            ray.init("ray://head:10001")
    finally:
        ray.shutdown()
    assert not ray.is_initialized()
