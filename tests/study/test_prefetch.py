"""Proposals made ahead, while objectives run."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

import tunesmith as ts
from tunesmith.history import History
from tunesmith.samplers.base import Points, Sampler, SamplerStates
from tunesmith.space import Float, Space


class Counting(Sampler):
    """Proposes how many trials are finished, and counts how often it was asked."""

    name: ClassVar[str] = "counting"

    def __init__(self) -> None:
        self.asked = 0

    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        self.asked += 1
        return np.full((n, len(space)), float(len(history))), np.zeros(n, np.int64)

    def propose(
        self, history: History, space: Space, rng: np.random.Generator, n: int
    ) -> tuple[Points, SamplerStates, str]:
        return *self.ask(history, space, rng, n), f"counting: {len(history)} trials"


def study_of(sampler: Sampler) -> ts.Study:
    return ts.create_study(sampler=sampler, seed=0, space={"x": Float(0, 100)})


def test_ask_takes_what_was_prepared_and_asks_no_more() -> None:
    sampler = Counting()
    study = study_of(sampler)
    running = [study.ask() for _ in range(2)]
    study.engine.asker.prefetch()
    study.engine.asker.prefetch()
    assert sampler.asked == 3
    study.tell(running[0], 0.0)
    assert study.ask().params == {"x": 0.0}, "made before the trial ended"
    assert sampler.asked == 3
    assert study.ask().params == {"x": 1.0}


def test_what_was_prepared_is_dropped_when_the_number_or_the_space_is_another() -> None:
    sampler = Counting()
    study = study_of(sampler)
    study.tell(study.ask(), 0.0)
    study.engine.asker.prefetch()
    study.enqueue_trial({"x": 7.0})
    assert study.ask().params == {"x": 7.0}
    assert study.ask().params == {"x": 1.0}
    study.engine.asker.prefetch()
    study.declare(Space(x=Float(0, 100), y=Float(0, 100)))
    assert study.ask().params.keys() == {"x", "y"}


def test_each_trial_records_who_proposed_it() -> None:
    study = study_of(Counting())
    study.enqueue_trial({"x": 7.0})
    study.optimize(lambda p: 0.0, n_trials=2, space=study.space)
    first, second = study.trials
    assert "proposed_by" not in first.system_attrs, "the user did"
    assert second.system_attrs["proposed_by"] == "counting: 1 trials"


def test_a_sampler_that_raises_leaves_no_trial_running() -> None:
    class Broken(Counting):
        def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
            raise ZeroDivisionError

    study = study_of(Broken())
    study.enqueue_trial({"x": 7.0})
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            study.ask()
        assert [t.state for t in study.trials] == [ts.TrialState.WAITING]
