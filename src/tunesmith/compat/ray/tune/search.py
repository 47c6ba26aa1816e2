"""Search algorithms of Ray Tune: each name stands for a sampler of this library."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tunesmith.compat.ray.names import refuser
from tunesmith.compat.ray.tune.sample import ParamSpace, uniform
from tunesmith.compat.ray.tune.sample import grid_search as grid_search
from tunesmith.foundation.text import did_you_mean, shown
from tunesmith.samplers import GPSampler, RandomSampler, Sampler, TPESampler
from tunesmith.space import Space
from tunesmith.trial import FrozenTrial, Trial

DEFAULT_METRIC = "_metric"
Points = Sequence[Mapping[str, Any]] | None


class Searcher:
    """Proposes trials.

    Args:
        metric: which metric counts, or which ones; None: that of the `TuneConfig`.
        mode: "min" or "max", or one for each; None: likewise.
        points_to_evaluate: configs that are tried first.
        seed: of the study; None: it is drawn by NumPy's global generator.
        max_concurrent: how many trials run at once, at most; 0: as many as there is room for.

    Attributes:
        grids: whether ``tune.grid_search`` may stand in the ``param_space``.
        own_space: the space that it was given itself; None: the ``param_space``.
    """

    grids = False
    own_space: Any = None
    choose: Callable[[], Sampler] = RandomSampler

    def __init__(
        self,
        metric: str | list[str] | None = None,
        mode: str | list[str] | None = None,
        points_to_evaluate: Points = None,
        seed: int | None = None,
        max_concurrent: int = 0,
    ) -> None:
        self.metric, self.mode, self.seed = metric, mode, seed
        self.points = list(points_to_evaluate or ())
        self.max_concurrent = max_concurrent

    def sampler(self) -> Sampler:
        """Return the sampler that proposes in its place."""
        return type(self).choose()

    def space(self, given: Mapping[str, Any] | None) -> ParamSpace:
        """Return what is searched: its own space, or the ``param_space``.

        Raises:
            ValueError: there are two spaces.
        """
        if self.own_space is None:
            return ParamSpace(given, self.grids)
        if given and ParamSpace(given).space() is not None:
            raise ValueError(f"{type(self).__name__} has a space of its own; leave the ranges out of param_space")
        if callable(self.own_space):
            return DefinedByRun(given, self.own_space)
        return self._read(given)

    def _read(self, given: Mapping[str, Any] | None) -> ParamSpace:
        name = type(self).__name__
        raise ValueError(
            f"{name}(space={shown(self.own_space)}): give the ranges as param_space, with tune.uniform(...)"
        )


class BasicVariantGenerator(Searcher):
    """Proposes at random, and each cell of a grid ``num_samples`` times.

    Args:
        points_to_evaluate: configs that are tried first; they count among ``num_samples``.
        max_concurrent: how many trials run at once, at most; 0: no limit.
        constant_grid_search: without effect.
        random_state: a seed.
    """

    grids = True

    def __init__(
        self,
        points_to_evaluate: Points = None,
        max_concurrent: int = 0,
        constant_grid_search: bool = False,
        random_state: int | None = None,
    ) -> None:
        super().__init__(None, None, points_to_evaluate, random_state, max_concurrent)


class OptunaSearch(Searcher):
    """Proposes with this library's own TPE, `tunesmith.samplers.TPESampler`; Optuna is not used.

    Args:
        space: a function of a trial that calls ``trial.suggest_*`` and returns constants, or None.
        metric: one, or several.
        mode: one, or one for each metric.
        points_to_evaluate: configs that are tried first.
        sampler: a sampler of this library in TPE's place.
        study_name: without effect; it is the experiment's.
        storage: without effect; it is a file in the experiment's folder.
        seed: of the study.
        evaluated_rewards: None.
    """

    choose = TPESampler

    def __init__(
        self,
        space: Any = None,
        metric: str | list[str] | None = None,
        mode: str | list[str] | None = None,
        points_to_evaluate: Points = None,
        sampler: Sampler | None = None,
        study_name: str | None = None,
        storage: Any = None,
        seed: int | None = None,
        evaluated_rewards: None = None,
    ) -> None:
        super().__init__(metric, mode, points_to_evaluate, seed)
        if not isinstance(sampler, Sampler | None):
            raise TypeError(f"OptunaSearch(sampler=...) takes one of tunesmith.samplers; got {shown(sampler)}")
        if evaluated_rewards:
            raise ValueError("evaluated_rewards cannot be had: give points_to_evaluate alone, and they are evaluated")
        self.own_space, self.given = space, sampler

    def sampler(self) -> Sampler:
        """Return the sampler that proposes in its place."""
        return self.given or super().sampler()


class HyperOptSearch(Searcher):
    """Proposes with this library's own TPE, `tunesmith.samplers.TPESampler`; Hyperopt is not used.

    Args:
        space: a space of `tunesmith.compat.hyperopt`'s ``hp``, which may have conditions, or None.
        metric: None: that of the `TuneConfig`.
        mode: likewise.
        points_to_evaluate: configs that are tried first.
        n_initial_points: without effect; TPE decides.
        random_state_seed: of the study.
        gamma: without effect; TPE decides.
    """

    choose = TPESampler

    def __init__(
        self,
        space: Any = None,
        metric: str | None = None,
        mode: str | None = None,
        points_to_evaluate: Points = None,
        n_initial_points: int = 20,
        random_state_seed: int | None = None,
        gamma: float = 0.25,
    ) -> None:
        super().__init__(metric, mode, points_to_evaluate, random_state_seed)
        self.own_space = space

    def _read(self, given: Mapping[str, Any] | None) -> ParamSpace:
        return HyperoptSpace(self.own_space)


class BayesOptSearch(Searcher):
    """Proposes with this library's own Gaussian process, `tunesmith.samplers.GPSampler`.

    Args:
        space: (low, high) by name, or None.
        metric: None: that of the `TuneConfig`.
        mode: likewise.
        points_to_evaluate: configs that are tried first.
        utility_kwargs: without effect, as the rest: the sampler decides.
        random_state: of the study.
        random_search_steps: without effect.
        verbose: without effect.
        patience: without effect.
        skip_duplicate: without effect.
        analysis: None.
        repeat_float_precision: without effect.
    """

    choose = GPSampler

    def __init__(
        self,
        space: Mapping[str, tuple[float, float]] | None = None,
        metric: str | None = None,
        mode: str | None = None,
        points_to_evaluate: Points = None,
        utility_kwargs: Mapping[str, Any] | None = None,
        random_state: int = 42,
        random_search_steps: int = 10,
        verbose: int = 0,
        patience: int = 5,
        skip_duplicate: bool = True,
        analysis: None = None,
        repeat_float_precision: int = 5,
    ) -> None:
        super().__init__(metric, mode, points_to_evaluate, random_state)
        self.own_space = None if space is None else {name: uniform(*ends) for name, ends in space.items()}

    def _read(self, given: Mapping[str, Any] | None) -> ParamSpace:
        return ParamSpace({**(given or {}), **self.own_space}, grids_allowed=False)


class TuneBOHB(Searcher):
    """Proposes with this library's own TPE; with `HyperBandForBOHB` that is BOHB.

    Args:
        space: None; the ``param_space`` is searched.
        bohb_config: without effect.
        metric: None: that of the `TuneConfig`.
        mode: likewise.
        points_to_evaluate: configs that are tried first.
        seed: of the study.
        max_concurrent: how many trials run at once, at most; 0: no limit.
    """

    choose = TPESampler

    def __init__(
        self,
        space: Any = None,
        bohb_config: Mapping[str, Any] | None = None,
        metric: str | None = None,
        mode: str | None = None,
        points_to_evaluate: Points = None,
        seed: int | None = None,
        max_concurrent: int = 0,
    ) -> None:
        super().__init__(metric, mode, points_to_evaluate, seed, max_concurrent)
        self.own_space = space


def ConcurrencyLimiter(searcher: Searcher, max_concurrent: int, batch: bool = False) -> Searcher:  # Ray's
    """Let at most so many trials of a search run at once; return the search.

    Args:
        searcher: the search algorithm.
        max_concurrent: how many.
        batch: False: a trial begins when another one ends.
    """
    if batch:
        raise ValueError("ConcurrencyLimiter(batch=True): a trial begins as soon as another one ends; leave batch out")
    searcher.max_concurrent = max_concurrent
    return searcher


SEARCHES = {
    "variant_generator": BasicVariantGenerator,
    "random": BasicVariantGenerator,
    "optuna": OptunaSearch,
    "hyperopt": HyperOptSearch,
    "bayesopt": BayesOptSearch,
    "bohb": TuneBOHB,
}


def create_searcher(search_alg: str, **arguments: Any) -> Searcher:
    """Return a search algorithm by its name, made with its arguments.

    Args:
        search_alg: "random", "optuna", "hyperopt", "bayesopt" or "bohb".
        **arguments: of its class.

    Raises:
        ValueError: there is none of that name.
    """
    if search_alg not in SEARCHES:
        raise ValueError(
            f"create_searcher({search_alg!r}){did_you_mean(search_alg, SEARCHES)}: there are {', '.join(SEARCHES)}"
        )
    made: Searcher = SEARCHES[search_alg](**arguments)
    return made


# -- spaces of the algorithms' own -----------------------------------------------------------------------------------


class DefinedByRun(ParamSpace):
    """A function of a trial that suggests parameters and returns constants.

    Args:
        given: the constants of the ``param_space``.
        function: the function.
    """

    def __init__(self, given: Mapping[str, Any] | None, function: Callable[[Any], Mapping[str, Any] | None]) -> None:
        super().__init__(given)
        self.function = function

    def config(self, trial: Trial | FrozenTrial) -> dict[str, Any]:
        """Return the config of a trial, running or read."""
        constants = self.function(trial) or {}
        return {**self.given, **trial.params, **constants}

    def point(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of a config; which of them are searched the function decides."""
        return dict(config)


class HyperoptSpace(ParamSpace):
    """A space of ``hp.uniform`` and the like.

    Args:
        given: the space.
    """

    def __init__(self, given: Any) -> None:
        from tunesmith.compat.hyperopt.dimensions import dimensions_of
        from tunesmith.compat.hyperopt.names import check_ours
        from tunesmith.compat.hyperopt.pyll import as_apply

        check_ours(next(iter(given.values()), None) if isinstance(given, Mapping) else given, "hp")
        super().__init__({})
        self.expression = given
        self.labels = dimensions_of(as_apply(given))

    def space(self) -> Space | None:
        """Return what is searched."""
        return Space({label: dimension.parameter for label, dimension in self.labels.items()})

    def config(self, trial: Trial | FrozenTrial) -> dict[str, Any]:
        """Return the config of a trial, running or read."""
        from tunesmith.compat.hyperopt import space_eval

        params = trial.take_whole() if isinstance(trial, Trial) else trial.params
        return dict(space_eval(self.expression, {label: self.labels[label].value(params[label]) for label in params}))

    def point(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the searched values of a point by label."""
        return {label: self.labels[label].searched(value) for label, value in config.items()}


__getattr__ = refuser(__name__)
