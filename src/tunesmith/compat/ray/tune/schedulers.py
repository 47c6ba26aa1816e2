"""Schedulers of Ray Tune as pruners of this library, and its population-based training as a sampler."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tunesmith.compat.ray.names import refuser
from tunesmith.compat.ray.tune.config import checked_mode
from tunesmith.compat.ray.tune.sample import Domain, choice
from tunesmith.foundation.text import did_you_mean, shown
from tunesmith.foundation.warnings import caution
from tunesmith.pruners import HyperbandPruner, MedianPruner, NopPruner, Pruner, SuccessiveHalvingPruner
from tunesmith.samplers import PopulationBasedTraining as PopulationSampler
from tunesmith.samplers import Sampler
from tunesmith.space import Float, Int, Ordinal

TIME = "training_iteration"
DRAWS = 1000  # of a function, by which its range is found out


class TrialScheduler:
    """Stops trials early.

    Args:
        metric: by which metric; None: that of the `TuneConfig`.
        mode: "min" or "max"; None: likewise.
        time_attr: what counts time.

    Attributes:
        max_t: the iteration at which a trial ends; None: it is not ended.
        interval: iterations of a trial after which a population is compared; None: there is none.
        mutations: what a population changes on the way, as a part of the ``param_space``.

    Raises:
        ValueError: the time is not counted in iterations.
    """

    max_t: int | None = None
    interval: int | None = None
    mutations: Mapping[str, Any] = {}

    def __init__(self, metric: str | None = None, mode: str | None = None, time_attr: str = TIME) -> None:
        if time_attr != TIME:
            raise ValueError(
                f"{type(self).__name__}(time_attr={time_attr!r}): time is counted in reports here; give "
                f"time_attr={TIME!r}, and grace_period, max_t and perturbation_interval in reports"
            )
        self.metric, self.mode = metric, None if mode is None else checked_mode(mode)

    def pruner(self) -> Pruner:
        """Return what decides in its place."""
        return NopPruner()

    def sampler(self, num_samples: int) -> Sampler | None:
        """Return what proposes where the scheduler says that; None: it does not."""
        return None


class FIFOScheduler(TrialScheduler):
    """Stops no trial."""

    def __init__(self) -> None:
        super().__init__()


class AsyncHyperBandScheduler(TrialScheduler):
    """Asynchronous successive halving: `tunesmith.pruners.SuccessiveHalvingPruner` in its stopping variant.

    At each rung a trial goes on if it is among the best 1 / reduction_factor so far. With several brackets it is
    `tunesmith.pruners.HyperbandPruner`.

    Args:
        time_attr: "training_iteration".
        metric: None: that of the `TuneConfig`.
        mode: likewise.
        max_t: iterations at which a trial ends.
        grace_period: iterations before which no trial is stopped: the first rung.
        reduction_factor: from one rung to the next; a whole number.
        brackets: 1, or more for `HyperBandScheduler`'s.
        stop_last_trials: whether a trial ends at `max_t`.
    """

    def __init__(
        self,
        time_attr: str = TIME,
        metric: str | None = None,
        mode: str | None = None,
        max_t: int = 100,
        grace_period: int = 1,
        reduction_factor: float = 4,
        brackets: int = 1,
        stop_last_trials: bool = True,
    ) -> None:
        super().__init__(metric, mode, time_attr)
        if not 1 <= grace_period <= max_t:
            raise ValueError(f"grace_period must be 1 to max_t; got grace_period={grace_period!r}, max_t={max_t!r}")
        self.max_t = int(max_t) if stop_last_trials else None
        self.rungs = int(grace_period), int(max_t), _whole(reduction_factor)
        self.brackets = brackets

    def pruner(self) -> Pruner:
        """Return what decides in its place."""
        first, last, factor = self.rungs
        if self.brackets > 1:
            return HyperbandPruner(first, last, factor, promotion=False)
        return SuccessiveHalvingPruner(first, factor, promotion=False, max_resource=last)


ASHAScheduler = AsyncHyperBandScheduler


class HyperBandScheduler(AsyncHyperBandScheduler):
    """Hyperband, its brackets side by side and asynchronous: `tunesmith.pruners.HyperbandPruner`.

    Args:
        time_attr: "training_iteration".
        metric: None: that of the `TuneConfig`.
        mode: likewise.
        max_t: iterations at which a trial ends.
        reduction_factor: from one rung to the next; a whole number.
        stop_last_trials: whether a trial ends at `max_t`.
    """

    def __init__(
        self,
        time_attr: str = TIME,
        metric: str | None = None,
        mode: str | None = None,
        max_t: int = 81,
        reduction_factor: float = 3,
        stop_last_trials: bool = True,
    ) -> None:
        super().__init__(time_attr, metric, mode, max_t, 1, reduction_factor, 2, stop_last_trials)


HyperBandForBOHB = HyperBandScheduler


class MedianStoppingRule(TrialScheduler):
    """Stops a trial that is worse than the median of complete ones: `tunesmith.pruners.MedianPruner`.

    Args:
        time_attr: "training_iteration"; it has to be given, for Ray counts seconds by default.
        metric: None: that of the `TuneConfig`.
        mode: likewise.
        grace_period: iterations before which no trial is stopped.
        min_samples_required: complete trials from which on the rule applies.
        min_time_slice: without effect.
        hard_stop: True; a trial that is only paused here would not go on.
    """

    def __init__(
        self,
        time_attr: str = "time_total_s",
        metric: str | None = None,
        mode: str | None = None,
        grace_period: float = 60.0,
        min_samples_required: int = 3,
        min_time_slice: int = 0,
        hard_stop: bool = True,
    ) -> None:
        super().__init__(metric, mode, time_attr)
        if not hard_stop:
            raise ValueError("MedianStoppingRule(hard_stop=False): trials are stopped; leave it out")
        self.least, self.grace_period = min_samples_required, int(grace_period)

    def pruner(self) -> Pruner:
        """Return what decides in its place."""
        return MedianPruner(n_startup_trials=self.least, n_warmup_steps=self.grace_period)


class PopulationBasedTraining(TrialScheduler):
    """Trains a population whose parameters change: `tunesmith.samplers.PopulationBasedTraining`.

    There are ``num_samples`` members. They begin with values that are drawn from `hyperparam_mutations`, whatever the
    ``param_space`` says of these names. Each interval is a trial of its own in the study; a `Result` is a member with
    all its intervals.

    Args:
        time_attr: "training_iteration"; it has to be given, for Ray counts seconds by default.
        metric: None: that of the `TuneConfig`.
        mode: likewise.
        perturbation_interval: iterations after which a member is compared with the others.
        burn_in_period: 0: the first interval is like the others.
        hyperparam_mutations: nested dicts of ``tune.uniform(...)`` and the like, of lists of values in their order, or
            of functions that return numbers, of which the range is searched that 1000 calls show.
        quantile_fraction: the share of members that count as the worst, and as the best.
        resample_probability: how often a parameter is drawn anew.
        perturbation_factors: (1.2, 0.8).
        custom_explore_fn: None.
        log_config: without effect.
        require_attrs: without effect.
        synch: without effect: members are compared as they were after as many intervals.
    """

    def __init__(
        self,
        time_attr: str = "time_total_s",
        metric: str | None = None,
        mode: str | None = None,
        perturbation_interval: float = 60.0,
        burn_in_period: float = 0.0,
        hyperparam_mutations: Mapping[str, Any] | None = None,
        quantile_fraction: float = 0.25,
        resample_probability: float = 0.25,
        perturbation_factors: tuple[float, float] = (1.2, 0.8),
        custom_explore_fn: Callable[..., Any] | None = None,
        log_config: bool = True,
        require_attrs: bool = True,
        synch: bool = False,
    ) -> None:
        super().__init__(metric, mode, time_attr)
        if custom_explore_fn is not None or burn_in_period or set(perturbation_factors) != {1.2, 0.8}:
            raise ValueError(
                "PopulationBasedTraining: custom_explore_fn, burn_in_period and other perturbation_factors cannot be "
                "had; leave them out: parameters are multiplied by 0.8 or 1.2, or drawn anew"
            )
        if not hyperparam_mutations:
            raise ValueError('hyperparam_mutations names what changes, such as {"lr": tune.loguniform(1e-4, 1e-1)}')
        self.interval = int(perturbation_interval)
        self.mutations = {name: _mutation(name, given) for name, given in hyperparam_mutations.items()}
        self.shares = quantile_fraction, resample_probability

    def sampler(self, num_samples: int) -> Sampler | None:
        """Return the sampler of a population of so many members."""
        return PopulationSampler(num_samples, self.interval or 1, *self.shares)

    def pruner(self) -> Pruner:
        """Return what ends each interval."""
        from tunesmith.pruners import IntervalPruner

        return IntervalPruner(self.interval or 1)


SCHEDULERS = {
    "fifo": FIFOScheduler,
    "async_hyperband": AsyncHyperBandScheduler,
    "asynchyperband": AsyncHyperBandScheduler,
    "median_stopping_rule": MedianStoppingRule,
    "medianstopping": MedianStoppingRule,
    "hyperband": HyperBandScheduler,
    "hb_bohb": HyperBandForBOHB,
    "pbt": PopulationBasedTraining,
}


def create_scheduler(scheduler: str, **arguments: Any) -> TrialScheduler:
    """Return a scheduler by its name, made with its arguments.

    Args:
        scheduler: "async_hyperband", "hyperband", "median_stopping_rule", "pbt", ...
        **arguments: of its class.

    Raises:
        ValueError: there is none of that name.
    """
    if scheduler not in SCHEDULERS:
        raise ValueError(
            f"create_scheduler({scheduler!r}){did_you_mean(scheduler, SCHEDULERS)}: there are {', '.join(SCHEDULERS)}"
        )
    made: TrialScheduler = SCHEDULERS[scheduler](**arguments)
    return made


def _whole(factor: float) -> int:
    if factor != int(factor):
        caution(f"reduction_factor={factor!r}: {max(2, round(factor))} is used, a whole number")
    return max(2, round(factor))


def _mutation(name: str, given: Any) -> Any:
    if isinstance(given, Domain):
        return given
    if isinstance(given, Mapping):
        return {inner: _mutation(f"{name}/{inner}", value) for inner, value in given.items()}
    if isinstance(given, Sequence) and not isinstance(given, str):
        return Domain(repr(given), Ordinal(list(given))) if len(given) > 1 else choice(given)
    if callable(given):
        drawn = [given() for _ in range(DRAWS)]
        if all(isinstance(value, int | float) for value in drawn):
            kind = Int if all(isinstance(value, int) for value in drawn) else Float
            return Domain(f"{kind.__name__}({min(drawn)}, {max(drawn)})", kind(min(drawn), max(drawn)))
    raise ValueError(
        f"hyperparam_mutations[{name!r}]: give tune.uniform(low, high) and the like, or a list of values in their "
        f"order, or a function that returns numbers; got {shown(given)}"
    )


__getattr__ = refuser(__name__)
