"""The suite has teeth: a sampler that breaks a law fails the test of that law."""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import Phase, settings

import tunesmith as ts
from tunesmith.history import History
from tunesmith.samplers.base import Points, Sampler, SamplerStates
from tunesmith.samplers.random import RandomSampler
from tunesmith.space import Int, Space
from tunesmith.testing import SamplerConformance
from tunesmith.testing.samplers import COURSES


def _suite() -> SamplerConformance:
    """The suite in a copy of its module that stops at the first counterexample: that there is one is all we ask."""
    before = settings.get_current_profile_name()
    settings.register_profile(
        "teeth",
        settings(),
        max_examples=200,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        print_blob=False,
    )
    settings.load_profile("teeth")
    try:
        spec = importlib.util.find_spec("tunesmith.testing.samplers")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        settings.load_profile(before)
    made: SamplerConformance = module.SamplerConformance()
    return made


suite = _suite()


class Outside(RandomSampler):
    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        x, states = super().ask(history, space, rng, n)
        return x + 1.0, states


class IgnoresConditions(RandomSampler):
    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        u = rng.random((n, len(space)))
        x = np.column_stack([p.from_unit(u[:, j]) for j, p in enumerate(space.params.values())])
        return x, np.zeros(n, np.int64)


class IgnoresConstraints(RandomSampler):
    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        return space.from_unit(rng.random((n, len(space)))), np.zeros(n, np.int64)


class TooFew(RandomSampler):
    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        return super().ask(history, space, rng, 1)


class GlobalRandomness(RandomSampler):
    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        return super().ask(history, space, np.random.default_rng(random.getrandbits(32)), n)


class OldGlobalGenerator(RandomSampler):
    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        np.random.random()
        return super().ask(history, space, rng, n)


class Writes(RandomSampler):
    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        history.begin(10_000, space, [np.nan] * len(space))
        return super().ask(history, space, rng, n)


class Counts(RandomSampler):
    """Its state is more than a cache."""

    asked = 0

    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        self.asked += 1
        return super().ask(history, space, np.random.default_rng([int(rng.integers(2**32)), self.asked]), n)


class CachesByLength(RandomSampler):
    """Takes two histories of one length for the same."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[int, int], tuple[Points, SamplerStates]] = {}

    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        key = (len(history), n)
        if key not in self.kept or self.kept[key][0].shape[1] != len(space):
            self.kept[key] = super().ask(history, space, rng, n)
        return self.kept[key][0].copy(), self.kept[key][1].copy()


class HandsOutItsCache(RandomSampler):
    exclusive: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[Any, ...], tuple[Points, SamplerStates]] = {}

    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        x, states = super().ask(history, space, rng, n)
        return self.kept.setdefault((space, x.tobytes(), n), (x, states))


class SeesOrderOfReading(Sampler):
    """Learns only from rows that came since it looked last."""

    name: ClassVar[str] = "sees-order"

    def __init__(self) -> None:
        self.last = 0

    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        fresh, self.last = len(history) - self.last, len(history)
        return space.sample(np.random.default_rng([int(rng.integers(2**32)), abs(fresh)]), n), np.zeros(n, np.int64)


class NeedsValues(RandomSampler):
    """Breaks on failures: NaN is nobody's rank."""

    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        if np.isnan(history.y).any():
            raise FloatingPointError("NaN in y")
        return super().ask(history, space, rng, n)


class NoPickle(RandomSampler):
    def __init__(self) -> None:
        super().__init__()
        self.key: Callable[[], int] = lambda: 0


@pytest.mark.parametrize(
    ("broken", "law"),
    [
        (Outside, suite.test_answers_lie_in_the_space),
        (IgnoresConditions, suite.test_answers_lie_in_the_space),
        (IgnoresConstraints, suite.test_answers_lie_in_the_space),
        (TooFew, suite.test_answers_lie_in_the_space),
        (NeedsValues, suite.test_answers_lie_in_the_space),
        (GlobalRandomness, suite.test_ask_is_deterministic_and_changes_nothing),
        (OldGlobalGenerator, suite.test_ask_is_deterministic_and_changes_nothing),
        (Writes, suite.test_ask_is_deterministic_and_changes_nothing),
        (Counts, suite.test_a_new_object_proposes_the_same),
        (NoPickle, suite.test_a_new_object_proposes_the_same),
        (CachesByLength, suite.test_an_object_may_change_between_studies),
        (HandsOutItsCache, suite.test_what_it_returns_is_the_callers),
        (SeesOrderOfReading, suite.test_rows_may_come_one_by_one_or_at_once),
    ],
    ids=lambda v: v.__name__,
)
def test_a_broken_sampler_is_found(broken: type[Sampler], law: Callable[..., None]) -> None:
    # Whatever the sampler's fault makes of it: an assertion, or the error of what it breaks.
    with pytest.raises((Exception, BaseExceptionGroup)) as found:
        _hold_often(law, broken)
    assert not isinstance(found.value, TypeError)


def _hold_often(law: Callable[..., None], broken: type[Sampler]) -> None:
    for _ in range(10):  # the inner circle draws few spaces, and few have constraints
        law(make_sampler=broken)


def test_a_sampler_that_remembers_is_found_by_resuming(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        suite.test_a_resumed_study_goes_on_as_if_it_had_not_stopped(Counts, COURSES[0], "memory", tmp_path)
    with pytest.raises(AssertionError):
        suite.test_the_same_seed_gives_the_same_course(GlobalRandomness, COURSES[0])


@pytest.mark.parametrize("sampler", ["gp", "tpe", "auto"])
@pytest.mark.parametrize("known", [[], ["kind"]])
def test_constraints_hold_though_trials_from_elsewhere_lack_parameters(sampler: str, known: list[str]) -> None:
    space = Space(kind=["a", "b"], low=Int(0, 9), high=Int(0, 9), constraints=lambda low, high: low <= high)
    study = ts.create_study(sampler=sampler, seed=0)
    study.declare(space)
    for kind in "aaabbb":
        params = {"kind": kind, "low": 0, "high": 9}
        if kind == "b":
            params = {name: params[name] for name in known}
        study.add_trial(ts.create_trial(params=params, distributions={n: space[n] for n in params}, value=0.0))
    for _ in range(12):
        trial = study.ask()
        params = trial.take_whole()
        assert params["low"] <= params["high"]
        study.tell(trial, float(params["high"] - params["low"]))
