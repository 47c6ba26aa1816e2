"""The running trial: what an objective gets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from tunesmith.compat.optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    Kind,
    check_distribution_compatibility,
    distribution_of,
    each_once,
    parameter_of,
    suggested_kind,
)
from tunesmith.compat.optuna.frozen import (
    BaseTrial,
    FrozenTrial,
    StudyLike,
    checked_constraint,
    frozen_of_running,
    trial_id,
)
from tunesmith.compat.optuna.pruners import BasePruner
from tunesmith.compat.optuna.samplers import BaseSampler
from tunesmith.compat.optuna.storages.kinds import BaseStorage
from tunesmith.errors import SpaceError
from tunesmith.foundation.warnings import caution
from tunesmith.trial import Trial as NativeTrial


class Trial(BaseTrial):
    """A running trial, made by a study.

    Args:
        study: the study.
        native: the trial of this library.
        storage: where it is kept.
        sampler: who proposes, if that is the program's own sampler; None: the study has proposed already.
        pruner: who decides, if that is the program's own pruner; None: the study's.

    Attributes:
        study: the study.
        native: the trial of this library.
        storage: where it is kept.
        number: position in the study, from 0.
    """

    def __init__(
        self,
        study: StudyLike,
        native: NativeTrial,
        storage: BaseStorage,
        sampler: BaseSampler | None,
        pruner: BasePruner | None,
    ) -> None:
        self.study = study
        self.native = native
        self.storage = storage
        self.number = native.number
        self._sampler = sampler
        self._pruner = pruner
        self._relative: tuple[dict[str, BaseDistribution], dict[str, Any]] | None = None
        if sampler is not None:
            sampler.before_trial(study, self.frozen())

    # -- parameters ----------------------------------------------------------------------------------------------

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Return a number from [low, high].

        Args:
            name: the parameter's name.
            low: the lowest value, inclusive.
            high: the highest value, inclusive.
            step: only values ``low + k * step``.
            log: search on the logarithmic scale; needs ``low > 0``.

        Returns:
            The value, the same each time that this trial asks for this name.
        """
        native = self.native
        if self._sampler is None and name not in native.params:
            with self._of_kind(name, (FloatDistribution, log)):
                try:
                    return native.suggest_float(name, low, high, step=step, log=log)
                except SpaceError:
                    return float(self._out_of_grid(name, FloatDistribution(low, high, log=log, step=step)))
        return float(self._suggest(name, FloatDistribution(low, high, log=log, step=step)))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Return an integer from low to high, both inclusive.

        Args:
            name: the parameter's name.
            low: the lowest value.
            high: the highest value.
            step: only values ``low + k * step``.
            log: search on the logarithmic scale; needs ``low >= 1``.

        Returns:
            The value, the same each time that this trial asks for this name.
        """
        native = self.native
        if self._sampler is None and name not in native.params:
            with self._of_kind(name, (IntDistribution, log)):
                try:
                    return native.suggest_int(name, int(low), int(high), step=step, log=log)
                except SpaceError:
                    return int(self._out_of_grid(name, IntDistribution(low, high, log=log, step=step)))
        return int(self._suggest(name, IntDistribution(low, high, log=log, step=step)))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Return one of the choices.

        Args:
            name: the parameter's name.
            choices: what there is to choose from.

        Returns:
            The choice, the same each time that this trial asks for this name.
        """
        native = self.native
        if self._sampler is None and name not in native.params:
            with self._of_kind(name, (CategoricalDistribution, False)):
                try:
                    return native.suggest_categorical(name, choices)
                except SpaceError:
                    if len(once := each_once(choices)) == len(choices):
                        raise
                    return native.suggest_categorical(name, once)
        return self._suggest(name, CategoricalDistribution(choices))

    def _suggest(self, name: str, distribution: BaseDistribution) -> Any:
        """Return the value of a parameter that was asked for before, or that the program's own sampler proposes."""
        native = self.native
        if name in native.params:
            return self._again(name, distribution)
        with self._of_kind(name, suggested_kind(distribution)):
            return self._proposed(name, distribution)

    def _proposed(self, name: str, distribution: BaseDistribution) -> Any:
        native = self.native
        parameter = parameter_of(distribution)
        if self._sampler is None or native.answers.has_fixed(name) or distribution.single():
            return native.suggest(name, parameter)
        space, values = self._relative_proposal()
        if name in values:
            if name not in space:
                raise ValueError(f"sample_relative returned a value of {name!r}, which is not in its search space")
            check_distribution_compatibility(space[name], distribution)
            if distribution._contains(distribution.to_internal_repr(values[name])):
                return native.answers.use(name, parameter, values[name])
        value = self._sampler.sample_independent(self.study, self.frozen(), name, distribution)
        if not isinstance(distribution, CategoricalDistribution):
            value = distribution.to_external_repr(distribution.to_internal_repr(value))  # an error if it is not one
        return native.answers.use(name, parameter, value)

    @contextmanager
    def _of_kind(self, name: str, kind: Kind) -> Iterator[None]:
        """Refuse a parameter that other trials had with another kind or scale; remember it where it was suggested."""
        kinds = self.study.kinds()
        known = kinds.get(name, kind)
        if known != kind:
            raise ValueError(
                f"{name!r} is asked for as {_kind_in_words(kind)}, and another trial of this study had it as "
                f"{_kind_in_words(known)}; give it another name, or begin another study"
            )
        yield
        kinds[name] = kind

    def _out_of_grid(self, name: str, distribution: BaseDistribution) -> float:
        """Return the value of the grid that lies outside of the range, with a warning; this is called in an ``except``.

        Raises:
            SpaceError: whatever is wrong otherwise.
        """
        proposed = self.native.answers.proposed()
        if not isinstance(proposed.get(name), int | float):
            raise
        return float(self.native.answers.use(name, parameter_of(distribution), proposed[name]))

    def _again(self, name: str, distribution: BaseDistribution) -> Any:
        before = self.distributions[name]
        check_distribution_compatibility(before, distribution)
        if before != distribution:
            caution(
                f"{name!r} was asked for as {before!r} before, and as {distribution!r} now; a name has one value in a "
                "trial, the first one",
                RuntimeWarning,
            )
        return self.native.params[name]

    def _relative_proposal(self) -> tuple[dict[str, BaseDistribution], dict[str, Any]]:
        if self._relative is None:
            space: dict[str, BaseDistribution] = {}
            values: dict[str, Any] = {}
            if self._sampler is not None:
                trial = self.frozen()
                space = self._sampler.infer_relative_search_space(self.study, trial)
                values = self._sampler.sample_relative(self.study, trial, space)
            self._relative = space, values
        return self._relative

    @property
    def relative_params(self) -> dict[str, Any]:
        """The values that the sampler proposed together, before the objective asked for them."""
        if self._sampler is None:
            return self.native.answers.proposed()
        return self._relative_proposal()[1]

    # -- reports and notes ---------------------------------------------------------------------------------------

    def report(self, value: float, step: int) -> None:
        """Report how the objective stands after a step.

        Args:
            value: the objective's value by now; as in Optuna, what ``float`` takes.
            step: an epoch, a number of rows, a fold; from 0; what ``int`` takes.

        Raises:
            NotImplementedError: the study has several objectives.
            TypeError: the value is not a number, or the step not an integer.
            ValueError: the step is negative.
        """
        self._check_single("report")
        try:
            number, index = float(value), int(step)
        except (TypeError, ValueError):
            raise TypeError(
                f"report(value, step) takes a number and an integer step; got value={value!r}, step={step!r}"
            ) from None
        self.native.report(number, index)

    def should_prune(self) -> bool:
        """Ask the pruner whether this trial should stop.

        Raises:
            NotImplementedError: the study has several objectives.
        """
        self._check_single("should_prune")
        if self._pruner is None:
            return self.native.should_prune()
        return bool(self._pruner.prune(self.study, self.frozen()))

    def _check_single(self, name: str) -> None:
        if len(self.study.directions) > 1:
            raise NotImplementedError(f"trial.{name} is for studies with one objective")

    def set_user_attr(self, key: str, value: Any) -> None:
        """Set a user attribute; it is stored at once. A study in memory takes any object.

        Args:
            key: the attribute's name.
            value: what to keep.

        Raises:
            ValueError: the value cannot be kept.
        """
        if not self.storage.objects.takes((self.study._study_id, self.number), key, value):
            self.native.set_user_attr(key, value)

    def set_constraint(self, key: str, value: float) -> None:
        """Set the value of a constraint; a trial is feasible if all are at most 0.

        Args:
            key: the constraint's name.
            value: its value.
        """
        number = checked_constraint(key, value)
        if key in (self.native.constraints or {}):
            caution(f"the constraint {key!r} has a value already; the new one is ignored")
        else:
            self.native.set_constraint(key, number)

    # -- attributes ----------------------------------------------------------------------------------------------

    def frozen(self) -> FrozenTrial:
        """Return the trial so far as a record."""
        (record,) = self.study.native.get_trials(numbers=[self.number])
        return frozen_of_running(self.native, record, self.study._study_id, self.storage.objects)

    @property
    def _trial_id(self) -> int:
        return trial_id(self.study._study_id, self.number)

    @property
    def params(self) -> dict[str, Any]:
        """The parameters suggested so far, by name."""
        return dict(self.native.params)

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """Their distributions, by name."""
        return {name: distribution_of(parameter) for name, parameter in self.native.distributions.items()}

    @property
    def user_attrs(self) -> dict[str, Any]:
        """User attributes so far."""
        return {**self.native.user_attrs, **self.storage.objects.of((self.study._study_id, self.number))}

    @property
    def system_attrs(self) -> dict[str, Any]:
        """Notes of samplers and callbacks so far."""
        return self.frozen().system_attrs

    @property
    def datetime_start(self) -> datetime | None:
        """Local time of the start."""
        return self.frozen().datetime_start

    @property
    def constraints(self) -> dict[str, float]:
        """Constraint values so far, by name."""
        return dict(self.native.constraints or {})


def _kind_in_words(kind: Kind) -> str:
    return f"{kind[0].__name__}{' with log=True' if kind[1] else ''}"
