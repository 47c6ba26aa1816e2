"""Every sampler of the registry keeps the laws; a new one joins by its line there."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import tunesmith
from tunesmith.errors import SpaceError
from tunesmith.foundation import registry
from tunesmith.foundation.states import TrialState
from tunesmith.history import History
from tunesmith.samplers.base import Sampler
from tunesmith.samplers.evolutionary.cmaes import CmaEsSampler
from tunesmith.samplers.evolutionary.evolution import EvolutionSampler
from tunesmith.samplers.evolutionary.nsga2 import NSGA2Sampler
from tunesmith.samplers.evolutionary.nsga3 import NSGA3Sampler
from tunesmith.samplers.grid import GridSampler
from tunesmith.samplers.qmc import QMCSampler
from tunesmith.space import Float, Int, Space
from tunesmith.testing import SamplerConformance

# Arguments other than the default ones that are worth a run of their own.
VARIANTS: dict[str, Callable[[], Sampler]] = {
    "grid": partial(GridSampler, resolution=3),
    "grid-random": partial(GridSampler, resolution=3, order="random"),
    "qmc-halton": partial(QMCSampler, "halton"),
    "qmc-plain": partial(QMCSampler, scramble=False),
    # Small populations: the few trials of a law then make several generations.
    "cmaes-small": partial(CmaEsSampler, popsize=4),
    "evolution-small": partial(EvolutionSampler, 4),
    "nsga2-small": partial(NSGA2Sampler, 3),
    "nsga3-small": partial(NSGA3Sampler, 3),
}
# Outer circle: another entry tells as much of the laws, or more; "auto" hands so short searches to "gp".
ALIKE = {"cmaes", "evolution", "gp", "grid-random", "nsga2", "nsga3", "qmc-halton", "qmc-plain"}


def maker(name: str) -> Callable[[], Sampler]:
    made: Callable[[], Sampler] = VARIANTS[name] if name in VARIANTS else registry.load_registered("samplers", name)
    return made


class TestEverySampler(SamplerConformance):
    @pytest.fixture(
        params=[
            pytest.param(name, marks=[pytest.mark.slow] * (name in ALIKE))
            for name in sorted({*registry.names("samplers"), *VARIANTS})
        ]
    )
    def make_sampler(self, request: pytest.FixtureRequest) -> Callable[[], Sampler]:
        return maker(request.param)

    def supports(self, sampler: Sampler, space: Space) -> bool:
        if not isinstance(sampler, GridSampler):
            return True
        most = 2**16 if space.constraints else 2**40  # each cell is checked against constraints, which takes a while
        try:
            return space.grid(sampler.resolution).n_product <= most
        except SpaceError:  # more cells than are counted
            return False


@pytest.mark.parametrize("name", sorted(registry.names("samplers")))
def test_names_agree_with_the_registry(name: str) -> None:
    sampler = registry.load_registered("samplers", name)()
    assert sampler.name == name
    assert isinstance(sampler, Sampler)


def test_type_checkers_know_every_class_of_the_registry() -> None:
    """A new sampler is a line in registry.py; the import for type checkers must not be forgotten."""
    source = Path(tunesmith.samplers.__file__).read_text()
    imported = set(re.findall(r"^    from tunesmith\.samplers\S+ import (\w+) as \1$", source, re.MULTILINE))
    imported -= tunesmith.samplers._FOR_SATELLITES.keys()
    classes = {target.partition(":")[2] for target in registry.SAMPLERS.values()}
    assert imported == classes | {"Sampler"}
    assert set(tunesmith.samplers.__all__) == imported | {"NSGAIISampler", "NSGAIIISampler"}


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("TPESampler", {"n_startup_trials": 5, "n_ei_candidates": 32}),
        ("GPSampler", {"n_startup_trials": 10}),
        ("CmaEsSampler", {"x0": None, "sigma0": 0.3, "popsize": 8, "restart_strategy": "ipop", "inc_popsize": 2}),
        ("NSGAIISampler", {"population_size": 20, "mutation_prob": 0.1, "crossover_prob": 0.9}),
        ("NSGAIIISampler", {"population_size": 20, "reference_points": [[1, 1, 1]]}),
        ("NSGAIIISampler", {"dividing_parameter": 4}),
        ("QMCSampler", {"qmc_type": "sobol", "scramble": True}),
        ("RandomSampler", {}),
        ("GridSampler", {"search_space": {"x": [1, 2]}}),
    ],
)
def test_optuna_names_and_the_arguments_that_are_the_same(name: str, arguments: dict[str, Any]) -> None:
    """What docs/porting.md says of them."""
    sampler = getattr(tunesmith.samplers, name)(**arguments, seed=0)
    assert isinstance(sampler, Sampler)
    assert name in tunesmith.samplers.__all__
    assert name in dir(tunesmith.samplers)


def test_nsga_has_both_names() -> None:
    assert tunesmith.samplers.NSGAIISampler is tunesmith.samplers.NSGA2Sampler
    assert tunesmith.samplers.NSGAIIISampler is tunesmith.samplers.NSGA3Sampler


@pytest.mark.parametrize("name", sorted({*registry.names("samplers"), *VARIANTS} - {"grid-random"}))
def test_scipy_distributions(name: str) -> None:
    """Unbounded ones too: neither end of the unit interval may become an infinity."""
    space = Space(x=stats.norm(), k=stats.poisson(3), t=stats.gamma(2))
    history = History(space)
    for number in range(8):
        x, states = maker(name)().ask(history, space, np.random.default_rng(number), 2)
        assert space.contains_rows(x).all()
        for row, sampler_state in zip(x.tolist(), states.tolist(), strict=True):
            history.append(len(history), TrialState.COMPLETE, space, row, [abs(row[0])], sampler_state=sampler_state)


@pytest.mark.parametrize("name", sorted({*registry.names("samplers"), *VARIANTS} - {"grid", "grid-random"}))
def test_integers_beyond_2_to_53_stay_integers_of_their_range(name: str) -> None:
    space = Space(a=Int(2**54 + 1, 2**60 + 3), b=Int(0, 2**62), c=Int(1, 2**63 - 1, log=True), d=Int(-(2**53), 2**53))
    history = History(space)
    for number in range(8):
        x, states = maker(name)().ask(history, space, np.random.default_rng(number), 2)
        assert space.contains_rows(x).all()
        for row, sampler_state in zip(x.tolist(), states.tolist(), strict=True):
            point = space.decode_row(row)
            assert all(type(v) is int and space[n].low <= v <= space[n].high for n, v in point.items())  # type: ignore[attr-defined]  # an Int has bounds
            history.append(len(history), TrialState.COMPLETE, space, row, [abs(row[1])], sampler_state=sampler_state)


def test_a_grid_refuses_what_it_cannot_enumerate() -> None:
    space = Space(x=Float(0, 1))
    with pytest.raises(SpaceError, match=r"'x' has no finite number of values.*resolution=10"):
        GridSampler().ask(History(space), space, np.random.default_rng(0), 1)
    space = Space({f"k{i}": Int(1, 10) for i in range(13)})
    with pytest.raises(SpaceError, match=r"1e\+13 cells, more than 2\*\*40"):
        GridSampler().ask(History(space), space, np.random.default_rng(0), 1)


def test_a_name_is_suggested_only_where_it_is_near() -> None:
    with pytest.raises(ValueError, match=r"^there is no sampler 'bayes' \(known: auto, "):
        registry.load_registered("samplers", "bayes")
    with pytest.raises(ValueError, match="did you mean 'gp'"):
        registry.load_registered("samplers", "pg")
