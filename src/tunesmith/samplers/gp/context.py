"""What a history holds for the models: trials as arrays, features, priors and the models of earlier studies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from tunesmith.foundation.numerics.arrays import Floats, Mask
from tunesmith.foundation.numerics.cache import Cache
from tunesmith.history import History
from tunesmith.samplers.finished import infer_conditions, lie_beyond
from tunesmith.samplers.gp.acquisition import PriorWeight
from tunesmith.samplers.gp.hyperparameters import HyperparameterCache, failures_have_a_place, model_prior
from tunesmith.samplers.gp.maximise import Box
from tunesmith.samplers.gp.scales import with_scales
from tunesmith.samplers.gp.training_data import TrainingData
from tunesmith.samplers.gp.transfer import SourceModels
from tunesmith.space import Space
from tunesmith.space.feature_map import FeatureMap
from tunesmith.space.meaning import Meaning, meanings_of


@dataclass(frozen=True, eq=False, slots=True)
class SearchContext:
    """What a history holds for models.

    Attributes:
        space: the space with its conditions, declared or inferred, and ranges on the scale on which they are searched.
        rescaled: the names of the ranges that were declared with another scale.
        data: the finished trials.
        meanings: what parameters mean, of those without a prior of the user.
        prior_weight: the user's priors and what parameters mean, weighted for as many trials.
        sources: the models of earlier studies.
    """

    space: Space
    rescaled: tuple[str, ...]
    features: FeatureMap
    data: TrainingData
    meanings: Mapping[int, Meaning]
    prior_weight: PriorWeight
    sources: SourceModels

    @classmethod
    def of(
        cls,
        history: History,
        space: Space,
        hyperparameters: HyperparameterCache,
        sources: Cache[SourceModels],
        meanings: Mapping[int, Meaning],
        n: int | None = None,
    ) -> SearchContext:
        """Return what a history holds about a space.

        Args:
            hyperparameters: of the processes that tell on which scale a range is searched.
            sources: where the models of earlier studies are kept.
            n: how many of the rows count; None: all.
        """
        n = len(history) if n is None else n
        inferred = infer_conditions(space, history.points(space)[:n])
        tree = with_scales(inferred, history, n, hyperparameters)
        if tree is not inferred and meanings:  # which are told on the scale of a range
            meanings = meanings_of(tree)
        features, warm_start = FeatureMap(tree), history.warm_start
        data = TrainingData.of(history, space, tree, n).without_boundary_failures()
        if not failures_have_a_place(hyperparameters, data, features):
            data = data.without_failures()
        return cls(
            tree,
            tuple(name for name in tree.names if tree[name] != inferred[name]),
            features,
            data,
            meanings,
            PriorWeight(tree, features, n, meanings),
            sources.get((warm_start, tree), lambda: SourceModels(warm_start, tree, features, model_prior(features))),
        )

    @property
    def rng(self) -> np.random.Generator:
        """A generator that belongs to the finished trials."""
        return np.random.default_rng([len(self.data.x), crc32(self.data.x.tobytes())])

    def running(self, pending: Floats) -> Floats:
        """Return the features [p, F] of running trials, given their internal values [p, d]."""
        return self.features(self.space.to_unit(self.space.mask(pending)))

    def is_barred(self, pending: Floats, limits: Box, may_repeat: bool = False) -> Callable[[Floats], Mask]:
        """Return a function that tells which rows of x[q, d] were tried, run, or lie beyond the limits.

        The pool was made when nothing ran; since then a trial at a bound may have started, and a second one must wait.

        Args:
            pending: internal values [p, d] of the running trials.
            limits: lowest and highest unit coordinates.
            may_repeat: what was tried may be tried again, since values are noisy.
        """
        is_duplicate = self.data.is_duplicate(pending, not may_repeat)

        def is_barred(x: Floats) -> Mask:
            return is_duplicate(x) | lie_beyond(self.space.to_unit(x), limits)

        return is_barred
