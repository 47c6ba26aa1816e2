"""What the search's own model believes of an objective, in the objective's units: for people to look at.

Symbols: n trials, d parameters, q points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tunesmith.foundation.numerics.acquisition import log_ei, log_probability_below
from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.foundation.numerics.blas_threads import one_thread
from tunesmith.foundation.numerics.cache import Cache
from tunesmith.history import History
from tunesmith.samplers.gp.context import SearchContext
from tunesmith.samplers.gp.hyperparameters import MIN_MODEL_ROWS, HyperparameterCache, constraint_models
from tunesmith.samplers.gp.proposers import SingleObjectiveProposer
from tunesmith.samplers.gp.training_data import TrainingData
from tunesmith.samplers.gp.trust_region import MAX_GLOBAL_ROWS
from tunesmith.space import Space

# That it is made of: the search takes no more for one model.
MIN_BELIEF_TRIALS, MAX_BELIEF_TRIALS = MIN_MODEL_ROWS, MAX_GLOBAL_ROWS
SD_OF_95_PERCENT = 1.959963984540054  # standard deviations on either side that hold 95 %


@dataclass(frozen=True, slots=True)
class Believed:
    """What is believed of some points, in the units of minimised values.

    Attributes:
        mean: the expected value [q], without the noise of one trial.
        low: the lower end of the band that holds the value with 95 % [q].
        high: its upper end [q].
        improvement: how far a trial is expected to be below the best value, where it is, times the probability that it
            does not fail and violates no constraint [q].
        log_improvement: the logarithm of the same in standard deviations, which is finite where that is 0 [q].
    """

    mean: Floats
    low: Floats
    high: Floats
    improvement: Floats
    log_improvement: Floats


class Belief:
    """The model by which the Gaussian-process sampler would propose the next trial of one objective.

    Args:
        history: complete trials with finite values that differ: `MIN_BELIEF_TRIALS` at least, and not many above
            `MAX_BELIEF_TRIALS`.
        limited: the same, and trials that failed, which tell where trials fail; the model of the objective has none.
    """

    @one_thread()
    def __init__(self, history: History, space: Space, limited: History) -> None:
        hyperparameters = HyperparameterCache()
        context = SearchContext.of(history, space, hyperparameters, Cache(), {})
        known = context.data
        proposer = SingleObjectiveProposer(context, known.y[:, 0], hyperparameters, known.noise[:, 0])
        self._context, self._model, self._warp = context, proposer.model, proposer.warp
        good, fitted = proposer.good, proposer.model.fitted
        self._best = float(fitted[good].min() if good.any() else fitted.max())
        data = TrainingData.of(limited, space, context.space)
        rows = np.arange(len(data.y))
        self._limits = constraint_models(hyperparameters, data, rows, context.features(data.u), context.features)

    @property
    def space(self) -> Space:
        """The space, with its conditions, declared or inferred."""
        return self._context.space

    @one_thread()
    def at(self, x: Floats) -> Believed:
        """Return what is believed at internal values x[q, d]."""
        context = self._context
        z = context.features(context.space.to_unit(context.space.mask(x)))
        mean, variance = self._model.predict(z)
        sd, log_p = np.sqrt(variance), np.zeros(len(z))
        for limit, bound in self._limits:
            log_p += log_probability_below(*limit.predict(z), bound)
        return Believed(
            self._warp.average(mean, sd),
            self._warp.inverse(mean - SD_OF_95_PERCENT * sd),
            self._warp.inverse(mean + SD_OF_95_PERCENT * sd),
            self._warp.improvement(mean, sd, self._best) * np.exp(log_p),
            log_ei(mean, variance, self._best) + log_p,
        )
