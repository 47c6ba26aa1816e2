"""A sampler that first meets a long history knows the same as one that saw it grow."""

from __future__ import annotations

import numpy as np
import pytest

from tunesmith.foundation.states import TrialState
from tunesmith.history import History
from tunesmith.samplers import EvolutionSampler, Sampler, TPESampler
from tunesmith.space import Categorical, Float, Space

SPACE = Space(x=Float(0, 1), y=Float(0, 1), c=Categorical(["a", "b"]))


@pytest.mark.parametrize("make", [EvolutionSampler, TPESampler])
@pytest.mark.parametrize("own", [False, True])
def test_many_rows_at_once_and_one_by_one(make: type[Sampler], own: bool) -> None:
    """Failed and pruned trials, infinities and equal values among them; its own trials and those of others."""
    rng, history, growing = np.random.default_rng(0), History(SPACE), make()
    for number in range(700):
        x, states = growing.ask(history, SPACE, np.random.default_rng([0, number]), 1)
        if not own and number % 3:
            x, states = SPACE.sample(rng, 1), np.zeros(1, np.int64)
        value = float(round(float(np.nansum((x[0] - 0.4) ** 2)), 1 + number % 4))
        state = [TrialState.COMPLETE, TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL][number % 7 % 4]
        y = None if state is TrialState.FAIL else [np.inf if number % 50 == 49 else value]
        history.append(number, state, SPACE, x[0].tolist(), y, sampler_state=int(states[0]))
        if number % 100 == 99:
            ours, _ = growing.ask(history, SPACE, np.random.default_rng(number), 3)
            anew, _ = make().ask(history, SPACE, np.random.default_rng(number), 3)
            np.testing.assert_array_equal(ours, anew)
