"""Optuna's studies: a study of this library, seen through Optuna's names; and how they are made, loaded and listed."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from numbers import Real
from threading import Lock, get_ident
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

import tunesmith
from tunesmith.compat.optuna import logging
from tunesmith.compat.optuna._experimental import experimental_func
from tunesmith.compat.optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    Kind,
    as_distribution,
    distribution_of,
    parameter_of,
    suggested_kind,
)
from tunesmith.compat.optuna.frozen import (
    FIXED_PARAMS,
    OPTUNAS_METRIC_NAMES,
    BaseTrial,
    FrozenTrial,
    create_trial,
    frozen_of,
    frozen_of_running,
    record_of,
    report_of,
)
from tunesmith.compat.optuna.names import refuser
from tunesmith.compat.optuna.progress_bar import StudyProgress, has_end
from tunesmith.compat.optuna.pruners import AutoPruner, BasePruner, MedianPruner, NativePruner
from tunesmith.compat.optuna.running import Trial
from tunesmith.compat.optuna.samplers import AutoSampler, BaseSampler, NativeSampler, PartialFixedSampler, replaces
from tunesmith.compat.optuna.states import StudyDirection, TrialState, native_state, only_direction, state_of
from tunesmith.compat.optuna.storages.kinds import BaseStorage, get_storage
from tunesmith.compat.optuna.storages.kinds import FrozenStudy as _FrozenStudy
from tunesmith.errors import MissingDependencyError, ObjectiveError, StudyNotFoundError, is_pruned
from tunesmith.executors import ThreadExecutor
from tunesmith.executors.resources import cpu_count
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.states import TrialState as NativeState
from tunesmith.foundation.text import printable
from tunesmith.foundation.warnings import caution
from tunesmith.history import History
from tunesmith.pruners.base import Pruner
from tunesmith.pruners.nop import NopPruner
from tunesmith.samplers.base import Points, Sampler, SamplerStates
from tunesmith.space import Space
from tunesmith.study import Study as NativeStudy
from tunesmith.study import check_enqueued
from tunesmith.trial import Trial as NativeTrial
from tunesmith.trial.record import TrialRecord

if TYPE_CHECKING:
    import pandas as pd


# -- where the real Optuna is imported too, as by optuna-integration: its ``isinstance`` takes these objects -----------

_known: set[int] = set()  # the modules of Optuna that know of this package


def make_known_to_optuna() -> None:
    """Register the classes of this package with those of the real Optuna, if that is imported."""
    real = sys.modules.get("optuna")
    if real is None or id(real) in _known or real.__name__ != "optuna":
        return
    with suppress(AttributeError):  # it is being imported
        pairs = [
            (real.trial.BaseTrial, BaseTrial),
            (real.trial.Trial, Trial),
            (real.trial.FrozenTrial, FrozenTrial),
            (real.samplers.BaseSampler, BaseSampler),
            (real.pruners.BasePruner, BasePruner),
            (real.distributions.BaseDistribution, BaseDistribution),
            (real.distributions.FloatDistribution, FloatDistribution),
            (real.distributions.IntDistribution, IntDistribution),
            (real.distributions.CategoricalDistribution, CategoricalDistribution),
        ]
        for theirs, ours in pairs:
            theirs.register(ours)
        _known.add(id(real))


# -- which sampler and pruner of this library a study runs for those of Optuna's kind -------------------------------


class ElsewhereSampler(Sampler):
    """Proposes nothing: values come from elsewhere."""

    name: ClassVar[str] = "elsewhere"
    is_adaptive: ClassVar[bool] = False

    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        """Return n points that say nothing of any parameter; see `Sampler.ask`."""
        return np.full((n, len(space)), np.nan), np.zeros(n, np.int64)


def native_sampler(sampler: Any, direction: str) -> Sampler:
    """Return what proposes in the study of this library."""
    if isinstance(sampler, PartialFixedSampler):
        native_sampler(sampler.base_sampler, direction)  # which takes note of the direction
    if isinstance(sampler, NativeSampler):
        sampler.suit(direction == "maximize")
        return sampler.native if sampler.is_whole else ElsewhereSampler()
    if callable(getattr(sampler, "sample_independent", None)) and not isinstance(sampler, type):
        return ElsewhereSampler()
    raise TypeError(f"sampler= takes a sampler, such as TPESampler(); got {sampler!r}")


def used_by(sampler: Any, study: NativeStudy) -> None:
    """Let a sampler know of a study that it is for."""
    inner = sampler.base_sampler if isinstance(sampler, PartialFixedSampler) else sampler
    if isinstance(inner, NativeSampler):
        inner.used_by(study)


def native_pruner(pruner: Any, objectives: int) -> Pruner:
    """Return what decides in the study of this library; of several objectives Optuna has no reports, and nothing does.

    Raises:
        TypeError: it is not a pruner.
    """
    if isinstance(pruner, NativePruner):
        return pruner.native if objectives == 1 else NopPruner()
    if callable(getattr(pruner, "prune", None)) and not isinstance(pruner, type):
        return AutoPruner().native  # never asked: the trial asks the program's own
    raise TypeError(f"pruner= takes a pruner, such as MedianPruner(); got {pruner!r}")


# -- an objective of Optuna's kind, as this library calls it: what it gets, and what its results mean ---------------

ObjectiveFunc = Callable[[Trial], Any]


class NotAValueError(ObjectiveError):
    """The objective returned something that is not a value; the trial fails, and the search goes on."""


class Objective:
    """Calls an objective on a trial of Optuna's kind.

    Args:
        n_objectives: how many values it returns.
        end: called where the objective calls ``sys.exit`` or is interrupted, to end the search.

    Attributes:
        exit: what ends the search and goes on to the program as in Optuna once the trial is recorded: the
            ``SystemExit`` or ``KeyboardInterrupt`` of an objective, an error of the sampler's ``after_trial``; None:
            there was none.
        exited: the number of that trial.
    """

    def __init__(self, study: Study, func: ObjectiveFunc, n_objectives: int, end: Callable[[], None]) -> None:
        self._study, self._func, self._n, self._end = study, func, n_objectives, end
        self.exit: BaseException | None = None
        self.exited: int | None = None

    def __call__(self, native: NativeTrial) -> float | tuple[float, ...]:
        """Run the objective; return its value, or values."""
        trial = self._study.trial_of(native)
        if not self._study.watches_ends:
            return self._values(trial)
        try:
            values = self._values(trial)
        except Exception as error:
            pruned = is_pruned(error)
            reports = native.reports or {}
            last: Any = [reports[max(reports)]] if pruned and reports else None
            self._tell_sampler(native.number, TrialState.PRUNED if pruned else TrialState.FAIL, last)
            raise
        self._tell_sampler(native.number, *ending(values, self._n))
        return values

    def _tell_sampler(self, number: int, state: TrialState, values: Sequence[float] | None) -> None:
        """Tell the sampler how a trial ended; its error does not let the trial fail, which stays as it is."""
        try:
            self._study.ended(number, state, values)
        except Exception as error:
            self._leave(error, number)

    def _leave(self, error: BaseException, number: int) -> None:
        self.exit, self.exited = error, number
        self._end()

    def _values(self, trial: Trial) -> float | tuple[float, ...]:
        try:
            result = self._func(trial)
        except (SystemExit, KeyboardInterrupt) as error:
            self._leave(error, trial.number)
            what = "the objective called sys.exit" if isinstance(error, SystemExit) else "KeyboardInterrupt"
            raise NotAValueError(what) from error
        if type(result) is float and self._n == 1:
            return result  # the common case, for speed
        values = as_values(result, self._n)
        return values[0] if self._n == 1 else values


def ending(result: Any, n_objectives: int) -> tuple[TrialState, list[float] | None]:
    """Return how a trial ends by its result: COMPLETE with its values, or FAIL.

    Args:
        result: of the objective.
        n_objectives: how many values are expected.

    Returns:
        the state; and the values, None of a trial that failed.
    """
    try:
        values = list(as_values(result, n_objectives))
    except NotAValueError:
        return TrialState.FAIL, None
    return (TrialState.FAIL, None) if any(map(math.isnan, values)) else (TrialState.COMPLETE, values)


def as_values(result: Any, n_objectives: int) -> tuple[float, ...]:
    """Return what an objective returned as numbers.

    Raises:
        NotAValueError: it is something else.
    """
    if result is None:
        raise NotAValueError("the objective returned None; it returns a number, or one for each objective")
    items = result if isinstance(result, Sequence) else [result]
    values = []
    for item in items:
        try:
            values.append(float(item))
        except (TypeError, ValueError):
            raise NotAValueError(f"the objective returned {item!r}, which is no number") from None
    if len(values) != n_objectives:
        raise NotAValueError(
            f"the objective returned {len(values)} values, and the study has {n_objectives} objectives"
        )
    return tuple(values)


# -- trials as a pandas data frame with Optuna's columns ------------------------------------------------------------

FRAME_ATTRIBUTES = (
    "number", "value", "datetime_start", "datetime_complete", "duration", "params", "user_attrs", "system_attrs",
    "state",
)  # fmt: skip


def trials_frame(
    trials: Sequence[FrozenTrial], names: Sequence[str] | None, n_objectives: int, attrs: Sequence[str], multi: bool
) -> pd.DataFrame:
    """Return one row a trial.

    Args:
        names: those of the objectives; None: they have none.
        n_objectives: how many there are.
        attrs: attributes of trials; one that is a dict gives a column for each of its keys.
        multi: columns as pairs ("params", "x") instead of "params_x".

    Raises:
        MissingDependencyError: pandas is not installed.
        ValueError: trials have no such attribute.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingDependencyError("trials_dataframe needs pandas: pip install pandas") from error
    attrs = ["values" if attr == "value" and n_objectives > 1 else attr for attr in attrs]
    if not trials:
        return pd.DataFrame()
    columns: dict[tuple[str, Any], list[Any]] = {}
    for attr in attrs:
        rows = [_attribute_cells(trial, attr, names, n_objectives) for trial in trials]
        keys = dict.fromkeys(key for row in rows for key in row)
        ordered = sorted(keys) if isinstance(getattr(trials[0], attr), dict) else list(keys)
        columns |= {(attr.removeprefix("_"), key): [row.get(key) for row in rows] for key in ordered}
    pairs = pd.MultiIndex.from_tuples(list(columns))
    frame = pd.DataFrame(dict(enumerate(columns.values())))
    frame.columns = pairs if multi else pd.Index(["_".join(t for t in map(str, pair) if t) for pair in pairs])
    return frame


def _attribute_cells(trial: FrozenTrial, attr: str, names: Sequence[str] | None, n_objectives: int) -> dict[Any, Any]:
    """Return what a trial has of an attribute by the second part of the column's name, which may be empty."""
    if not hasattr(trial, attr):
        raise ValueError(f"trials have no attribute {attr!r}; use for example {', '.join(FRAME_ATTRIBUTES)}")
    value = getattr(trial, attr)
    if isinstance(value, dict):
        return value
    if attr == "values":
        return dict(zip(names or range(n_objectives), value or [None] * n_objectives, strict=False))
    if attr == "value" and names:
        return {names[0]: value}
    return {"": value.name if attr == "state" else value}


# -- the study of Optuna's programs: a study of this library, seen through Optuna's names ---------------------------

BestOf = Callable[[], TrialRecord | None]
Callback = Callable[["Study", FrozenTrial], None]
SAME_POINT_TOLERANCE = 1e-5  # relative difference below which two numbers are the same point, as in Optuna
_claiming = Lock()  # held while a thread looks whether another one runs a study object


class Study:
    """A study. Programs get it from ``create_study`` or ``load_study``.

    Args:
        study_name: a study that exists in the storage.
        storage: where it is.
        sampler: who proposes; None: the study of this library chooses.
        pruner: who decides what to prune; None: `MedianPruner`.

    Attributes:
        native: the study of this library.
        study_name: the name, unique in the storage.
    """

    @checked()
    def __init__(
        self,
        study_name: str,
        storage: str | BaseStorage,
        sampler: BaseSampler | None = None,
        pruner: BasePruner | None = None,
    ) -> None:
        self._storage = get_storage(storage)
        record = self._storage.native.load_study(study_name)
        sampler, pruner = sampler or AutoSampler(), pruner or MedianPruner()
        self.native = NativeStudy(
            record,
            self._storage.native,
            native_sampler(sampler, record.directions[0]),
            native_pruner(pruner, len(record.directions)),
        )
        used_by(sampler, self.native)
        self._storage.studies.add(self.native)
        self.study_name = study_name
        self._study_id = record.id
        self._sampler, self._pruner = sampler, pruner
        self._busy_in: int | None = None  # the thread in which optimize() runs
        self._together: list[Study] = [self]  # objects of this study that end together
        self._kinds: dict[str, Kind] | None = None

    @property
    def sampler(self) -> BaseSampler:
        """The sampler; it may be replaced at any time."""
        return self._sampler

    @sampler.setter
    def sampler(self, sampler: BaseSampler) -> None:
        self.native.sampler = native_sampler(sampler, self.native.directions[0])
        used_by(sampler, self.native)
        self._sampler = sampler

    @property
    def pruner(self) -> BasePruner:
        """The pruner; it may be replaced at any time."""
        return self._pruner

    @pruner.setter
    def pruner(self, pruner: BasePruner) -> None:
        self.native.pruner = native_pruner(pruner, len(self.native.directions))
        self._pruner = pruner

    # -- trials --------------------------------------------------------------------------------------------------

    @checked()
    def get_trials(self, deepcopy: bool = True, states: Container[TrialState] | None = None) -> list[FrozenTrial]:
        """Return the trials by number.

        Args:
            deepcopy: accepted for porting; they are copies.
            states: trials in these states only; None: in any.

        Returns:
            Their records.
        """
        return self._get_trials(deepcopy, states)

    def _get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None, use_cache: bool = False
    ) -> list[FrozenTrial]:  # which the tuner of optuna-integration calls, in a study that has a get_trials of its own
        wanted = None if states is None else [state for state in NativeState if state_of(state) in states]
        return [self._frozen(record) for record in self.native.get_trials(states=wanted)]

    def _frozen(self, record: TrialRecord) -> FrozenTrial:
        running = self.native.running.get(record.number)
        if running is None or record.state is not NativeState.RUNNING:
            return frozen_of(record, self._study_id, self._storage.objects)
        return frozen_of_running(running.trial, record, self._study_id, self._storage.objects)

    @property
    def trials(self) -> list[FrozenTrial]:
        """All trials by number."""
        return self.get_trials()

    @property
    def best_trial(self) -> FrozenTrial:
        """The feasible complete trial with the best value; ValueError if there is none."""
        return self._frozen(self.native.best_trial)

    @property
    def best_params(self) -> dict[str, Any]:
        """Parameters of the best trial."""
        return self.native.best_params

    @property
    def best_value(self) -> float:
        """Value of the best trial."""
        return self.native.best_value

    @property
    def best_trials(self) -> list[FrozenTrial]:
        """The feasible complete trials that no other one dominates, by number."""
        return [self._frozen(record) for record in self.native.best_trials]

    @property
    def directions(self) -> list[StudyDirection]:
        """One direction for each objective."""
        return [StudyDirection[d.name] for d in self.native.directions]

    @property
    def direction(self) -> StudyDirection:
        """The direction of a study with one objective."""
        return StudyDirection[self.native.direction.name]

    def _is_multi_objective(self) -> bool:
        return len(self.native.directions) > 1

    @checked()
    def trials_dataframe(self, attrs: Sequence[str] = FRAME_ATTRIBUTES, multi_index: bool = False) -> pd.DataFrame:
        """Return one row a trial.

        Args:
            attrs: attributes of trials; one that is a dict gives a column for each of its keys.
            multi_index: columns as pairs ("params", "x") instead of "params_x".

        Returns:
            A pandas data frame.

        Raises:
            ValueError: trials have no such attribute.
        """
        return trials_frame(self.get_trials(), self.metric_names, len(self.native.directions), attrs, multi_index)

    # -- attributes ----------------------------------------------------------------------------------------------

    @property
    def user_attrs(self) -> dict[str, Any]:
        """User attributes."""
        return {**self.native.user_attrs, **self._storage.objects.of((self._study_id, None))}

    @checked()
    def set_user_attr(self, key: str, value: Any) -> None:
        """Set a user attribute, stored at once. A study in memory takes any object.

        Args:
            key: the attribute's name.
            value: what to keep.

        Raises:
            ValueError: the value cannot be kept.
        """
        if not self._storage.objects.takes((self._study_id, None), key, value):
            self.native.set_user_attr(key, value)

    @property
    def metric_names(self) -> list[str] | None:
        """The names of the objectives; None: they have none."""
        return self._storage.get_study_system_attrs(self._study_id).get(OPTUNAS_METRIC_NAMES)

    @experimental_func("3.2.0")
    @checked()
    def set_metric_names(self, metric_names: list[str]) -> None:
        """Name the objectives; ValueError unless there is one name for each."""
        if len(metric_names) != len(self.native.directions):
            raise ValueError(
                f"{len(self.native.directions)} name(s) expected, one for each objective; got {metric_names}"
            )
        self._storage.set_study_system_attr(self._study_id, OPTUNAS_METRIC_NAMES, list(metric_names))

    def __repr__(self) -> str:
        return repr(self.native)

    # -- run -----------------------------------------------------------------------------------------------------

    @checked()
    def optimize(
        self,
        func: ObjectiveFunc,
        n_trials: int | None = None,
        timeout: float | None = None,
        n_jobs: int = 1,
        catch: Iterable[type[Exception]] | type[Exception] = (),
        callbacks: Iterable[Callback] | None = None,
        gc_after_trial: bool = False,
        show_progress_bar: bool = False,
    ) -> None:
        """Run trials until `n_trials` are done, the time is over, or ``stop`` is called.

        An objective that returns no number fails its trial, and the search goes on.

        Args:
            func: gets a trial and returns its value, or values.
            n_trials: how many trials; None: no limit.
            timeout: seconds after which no trial begins any more; None: no limit.
            n_jobs: how many trials run at once, in threads of this process; -1: one a core.
            catch: exceptions that make a trial FAIL but do not end the search.
            callbacks: called with (study, trial) after each trial, but for one whose error ends the search.
            gc_after_trial: collect garbage after each trial.
            show_progress_bar: show how far it is.

        Raises:
            Exception: whatever the objective raised and `catch` does not name; the trial is FAIL by then.
            ValueError: n_jobs is neither -1 nor a number of threads.
        """
        make_known_to_optuna()
        with _claiming:
            elsewhere = self._busy_in not in (None, get_ident())
            if self._busy_in is None:
                self._busy_in = get_ident()
        if elsewhere:  # another thread runs trials of this object: this one gets an object of its own
            also = self._sibling()
            also.optimize(func, n_trials, timeout, n_jobs, catch, callbacks, gc_after_trial, show_progress_bar)
            return
        if self.native.is_optimizing:
            raise RuntimeError("optimize() is running in this study object already; it cannot be nested")
        try:
            self._run(func, n_trials, timeout, n_jobs, catch, callbacks, gc_after_trial, show_progress_bar)
        finally:
            self._busy_in = None

    def _run(
        self,
        func: ObjectiveFunc,
        n_trials: int | None,
        timeout: float | None,
        n_jobs: int,
        catch: Iterable[type[Exception]] | type[Exception],
        callbacks: Iterable[Callback] | None,
        gc_after_trial: bool,
        show_progress_bar: bool,
    ) -> None:
        if n_jobs < 1 and n_jobs != -1:
            raise ValueError(f"n_jobs= is a number of threads, or -1 for one a core; got {n_jobs}")
        self._check_sampler()
        native, jobs = self.native, cpu_count() if n_jobs == -1 else n_jobs
        if jobs > 1 and not (isinstance(self._sampler, NativeSampler) and not replaces(self._sampler, "reseed_rng")):
            self._sampler.reseed_rng()  # as Optuna does; this library's own stay reproducible with several jobs
        objective = Objective(self, func, len(native.directions), self._end)
        names = self.metric_names
        after = [lambda _, record: say_end(record, names, native.find_best)]
        after += [partial(self._call, callback, objective) for callback in callbacks or ()]
        caught = tuple(catch) if isinstance(catch, Iterable) else (catch,)
        native.optimize(
            objective,
            n_trials,
            None if timeout is None else max(timeout, 0.0),  # below 0: a program counts what is left of its time
            catch=(*caught, ObjectiveError),
            callbacks=after,
            gc_after_trial=gc_after_trial,
            progress=StudyProgress if show_progress_bar and has_end(n_trials, timeout) else False,
            executor=None if jobs == 1 else ThreadExecutor(jobs=jobs),
        )
        if objective.exit is not None:
            raise objective.exit

    def _call(self, callback: Callback, objective: Objective, _: NativeStudy, record: TrialRecord) -> None:
        if record.number not in (objective.exited, *self.native.fatal_trials):
            callback(self, frozen_of(record, self._study_id, self._storage.objects))

    def _sibling(self) -> Study:
        """Return another object of the same study, which ends with this one."""
        other = Study(self.study_name, self._storage, self._sampler, self._pruner)
        other._together = self._together
        self._together.append(other)
        return other

    def stop(self) -> None:
        """End ``optimize`` after the running trials; RuntimeError if none runs."""
        self.native.stop()
        for other in self._together:
            other._end()

    def _end(self) -> None:
        if self.native.is_optimizing:
            self.native.stop()

    def ask(self, fixed_distributions: Mapping[str, Any] | None = None) -> Trial:
        """Start a trial.

        Args:
            fixed_distributions: parameters to suggest at once, distributions by name.
        """
        make_known_to_optuna()
        self._check_sampler()
        fixed = {name: as_distribution(d) for name, d in (fixed_distributions or {}).items()}
        if self._own_sampler is None:
            return self.trial_of(self.native.ask({name: parameter_of(d) for name, d in fixed.items()}))
        trial = self.trial_of(self.native.ask())
        for name, distribution in fixed.items():
            trial._suggest(name, distribution)
        return trial

    def tell(
        self,
        trial: Trial | FrozenTrial | int,
        values: float | Sequence[float] | None = None,
        state: TrialState | None = None,
        skip_if_finished: bool = False,
    ) -> FrozenTrial:
        """Record how a trial ended.

        Args:
            trial: what ``ask`` returned, its record, or its number.
            values: the objective's value, or values.
            state: COMPLETE, PRUNED or FAIL; None: COMPLETE, or FAIL where the values are not valid.
            skip_if_finished: do nothing if the trial is finished.

        Returns:
            The record of the trial.

        Raises:
            ValueError: the trial is finished, or values and state do not fit.
        """
        native = trial.native if isinstance(trial, Trial) else trial.number if isinstance(trial, FrozenTrial) else trial
        number = native.number if isinstance(native, NativeTrial) else native
        running = self.native.running.get(number)
        if running is None and not skip_if_finished and self._is_finished(number):
            raise ValueError(f"trial {number} was told already; skip_if_finished=True lets it be")
        try:
            if self.watches_ends and running is not None:
                expected, listed = ending(values, len(self.native.directions))
                self.ended(number, expected if state is None else state, listed)
        finally:  # an error of the sampler's after_trial must not lose a result
            record = self.native.tell(native, values, None if state is None else native_state(state), skip_if_finished)
        if state is None and record.state is NativeState.FAIL and running is not None:
            caution(f"trial {number} failed: {record.reason}")
        return frozen_of(record, self._study_id, self._storage.objects)

    def _is_finished(self, number: int) -> bool:
        try:
            return self.native.get_trials(numbers=[number])[0].state.is_finished()
        except (KeyError, TypeError):  # the study says what is wrong with it
            return False

    # -- add -----------------------------------------------------------------------------------------------------

    @checked()
    def enqueue_trial(
        self, params: dict[str, Any], user_attrs: dict[str, Any] | None = None, skip_if_exists: bool = False
    ) -> None:
        """Run a point before any new proposal; the sampler proposes the parameters that are not named.

        Args:
            params: values by name.
            user_attrs: notes to keep with the trial.
            skip_if_exists: do nothing if a trial with these parameters exists already.

        Raises:
            TypeError: the parameters are not a dict, or a name is not a text.
        """
        fixed = check_enqueued(params)
        if not (skip_if_exists and is_there(fixed, self.get_trials())):
            waiting = create_trial(state=TrialState.WAITING, user_attrs=user_attrs, system_attrs={FIXED_PARAMS: fixed})
            self._add([waiting])

    def add_trial(self, trial: FrozenTrial) -> None:
        """Add a trial under a new number; one that is RUNNING is this process's own. ValueError if parts do not fit."""
        self.add_trials([trial])

    def add_trials(self, trials: Iterable[FrozenTrial]) -> None:
        """Add several trials; finished and waiting ones all or none."""
        given = list(trials)
        running = [state_of(trial.state) is TrialState.RUNNING for trial in given]
        if not any(running):
            self._add(given)
            return
        for trial, runs in zip(given, running, strict=True):
            if runs:
                self._add_running(trial)
            else:
                self._add([trial])

    def _add(self, trials: Sequence[FrozenTrial]) -> list[int]:
        """Add finished and waiting trials, all or none; return their numbers."""
        objects = self._storage.objects
        parts = [objects.part(trial.user_attrs) for trial in trials]
        m = len(self.native.directions)
        records = [record_of(trial, stored, m) for trial, (stored, _) in zip(trials, parts, strict=True)]
        numbers = self.native.add_trials(records)
        for number, (_, others) in zip(numbers, parts, strict=True):
            objects.keep((self._study_id, number), others)
        return numbers

    def _add_running(self, record: FrozenTrial) -> None:
        """Begin a trial with the values, reports and notes of a record."""
        waiting = create_trial(
            state=TrialState.WAITING,
            user_attrs=record.user_attrs,
            system_attrs={**record.system_attrs, FIXED_PARAMS: record.params},
        )
        (number,) = self._add([waiting])
        others: list[int] = []
        while (trial := self.native.ask()).number != number:
            others.append(trial.number)
        self.native.release(others)  # those that waited before it wait on
        for name, distribution in record.distributions.items():
            trial.suggest(name, parameter_of(distribution))
        for step, value in record.intermediate_values.items():
            trial.report(report_of(value, len(self.native.directions)), step)
        for key, value in record.constraints.items():
            trial.set_constraint(key, value)

    # -- for objectives ------------------------------------------------------------------------------------------

    @property
    def _own_sampler(self) -> BaseSampler | None:
        """The sampler, if it is the program's own and must be asked for each value."""
        return self._sampler if isinstance(self.native.sampler, ElsewhereSampler) else None

    def _check_sampler(self) -> None:
        if isinstance(self._sampler, NativeSampler):
            self._sampler.check_objectives(len(self.native.directions))

    def kinds(self) -> dict[str, Kind]:
        """Return of each parameter that a trial has suggested, here or before, its kind and scale; it may grow."""
        if self._kinds is None:
            space = self.native.history.space
            kinds = (
                {} if space is None else {name: suggested_kind(distribution_of(p)) for name, p in space.params.items()}
            )
            # A grid is stored as choices where a trial failed before the objective asked for it.
            self._kinds = {name: kind for name, kind in kinds.items() if kind[0] is not CategoricalDistribution}
        return self._kinds

    @property
    def watches_ends(self) -> bool:
        """Whether the sampler wants to know how trials end."""
        sampler = self._sampler
        return sampler.watches_ends if isinstance(sampler, NativeSampler) and sampler.is_whole else True

    def trial_of(self, native: NativeTrial) -> Trial:
        """Return a running trial of this library as the objective gets it."""
        pruner = self._pruner
        own = None if isinstance(pruner, NativePruner) and pruner.is_whole else pruner
        return Trial(self, native, self._storage, self._own_sampler, own)

    def ended(self, number: int, state: TrialState, values: Sequence[float] | None) -> None:
        """Tell the sampler how a trial ended, before that is stored.

        Args:
            number: the trial's number.
            state: how it ended.
            values: its values.
        """
        (record,) = self.native.get_trials(numbers=[number])
        self._sampler.after_trial(self, self._frozen(record), state, values)

    def constrain(self, number: int, key: str, value: float) -> None:
        """Set a constraint of a running trial.

        Args:
            number: the trial's number.
            key: the constraint's name.
            value: its value.
        """
        running = self.native.running.get(number)
        if running is None:
            caution(f"trial {number} runs elsewhere; its constraint {key!r} cannot be set here")
        else:
            running.trial.set_constraint(key, value)


def say_end(record: TrialRecord, names: Sequence[str] | None, best: BestOf) -> None:
    """Log how a trial ended, if anybody wants to know.

    Args:
        names: those of the objectives; None: they have none.
        best: returns the best trial so far.
    """
    logger, number = logging.get_logger(logging.STUDY_LOGGER), record.number
    if record.state is NativeState.FAIL:
        if logger.isEnabledFor(logging.WARNING):
            reason = (record.reason or "").rstrip()  # with the traceback: of a caught error nothing else tells
            if reason.startswith(NotAValueError.__name__):
                reason = reason.partition("\n")[0]  # its traceback leads to nothing of the program's
            logger.warning(
                f"Trial {number} failed with parameters: {record.params} because of the following error: {reason}"
            )
    elif logger.isEnabledFor(logging.INFO):
        if record.state is NativeState.PRUNED:
            logger.info(f"Trial {number} pruned. {record.reason or ''}")
        elif record.values is not None:
            logger.info(_complete(record, names, best))


def _complete(record: TrialRecord, names: Sequence[str] | None, best: BestOf) -> str:
    values = list(record.values or ())
    told = dict(zip(names, values, strict=True)) if names else values[0] if len(values) == 1 else values
    word = "value" if len(values) == 1 else "values"
    text = f"Trial {record.number} finished with {word}: {told} and parameters: {record.params}."
    leader = best() if len(values) == 1 else None
    return text if leader is None else f"{text} Best is trial {leader.number} with value: {leader.value}."


def is_there(params: Mapping[str, Any], trials: Iterable[FrozenTrial]) -> bool:
    """Tell whether one of the trials has, or is enqueued with, just these parameters.

    Args:
        params: values by name.
    """
    return any(_agree(params, trial.system_attrs.get(FIXED_PARAMS, trial.params)) for trial in trials)


def _agree(params: Mapping[str, Any], others: Mapping[str, Any]) -> bool:
    if params.keys() != others.keys():
        return False
    return all(_is_close(value, others[name]) for name, value in params.items())


def _is_close(value: Any, other: Any) -> bool:
    if not isinstance(value, type(other)):
        return False
    if not isinstance(value, Real) or not isinstance(other, Real):
        return bool(value == other)
    a, b = float(value), float(other)
    return (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=SAME_POINT_TOLERANCE)


# -- making, loading, copying and listing studies -------------------------------------------------------------------

Direction = str | StudyDirection


@checked("storage")
def create_study(
    *,
    storage: str | BaseStorage | None = None,
    sampler: BaseSampler | None = None,
    pruner: BasePruner | None = None,
    study_name: str | None = None,
    direction: Direction | None = None,
    load_if_exists: bool = False,
    directions: Sequence[Direction] | None = None,
) -> Study:
    """Create a study.

    Args:
        storage: None for memory; SQLAlchemy's URL, an SQLite file, or a storage.
        sampler: who proposes; None: what suits the space, the number of trials and their cost.
        pruner: who decides what to prune; None: `MedianPruner`.
        study_name: unique in the storage; made up if missing.
        direction: "minimize" (the default) or "maximize".
        load_if_exists: go on with the study of that name if there is one.
        directions: one direction for each of several objectives.

    Returns:
        The study.

    Raises:
        DuplicatedStudyError: the name is taken and `load_if_exists` is false.
        ValueError: a direction is unknown, or the study of that name has other directions.
    """
    if direction is not None and not isinstance(direction, str | StudyDirection):
        raise ValueError(f"direction= takes one direction, and directions= a list of them; got {direction!r}")
    store = get_storage(storage)
    existed = load_if_exists and study_name is not None and _is_there(store, study_name)
    native = tunesmith.create_study(
        storage=store.native,
        study_name=study_name,
        direction=None if direction is None else _direction_word(direction),
        directions=None if directions is None else [_direction_word(d) for d in directions],
        load_if_exists=load_if_exists,
        seed=getattr(sampler, "seed", None),
        retries=store.retries,
    )
    study = Study(native.study_name, store, sampler, pruner)
    name = printable(native.study_name)
    if existed:
        told = f"Using an existing study with name '{name}' instead of creating a new one."
        logging.get_logger(logging.STUDY_LOGGER).info(told)
    else:
        logging.get_logger(store.logger).info(f"A new study created in {store.word} with name: {name}")
    return study


def _is_there(store: BaseStorage, study_name: str) -> bool:
    try:
        store.native.load_study(study_name)
    except StudyNotFoundError:
        return False
    return True


def _direction_word(direction: Any) -> str:
    """Return a direction, this package's or the real Optuna's, as its word."""
    return str(getattr(direction, "name", direction)).lower() if not isinstance(direction, str) else direction


@checked("storage")
def load_study(
    *,
    study_name: str | None,
    storage: str | BaseStorage,
    sampler: BaseSampler | None = None,
    pruner: BasePruner | None = None,
) -> Study:
    """Load a study.

    Args:
        study_name: its name; None if it is the only one of the storage.
        storage: as for `create_study`.
        sampler: as for `create_study`; samplers are not stored.
        pruner: as for `create_study`.

    Returns:
        The study.

    Raises:
        KeyError: there is no such study.
        ValueError: no name is given, and there are several studies or none.
    """
    store = get_storage(storage)
    if study_name is None:
        names = tunesmith.get_all_study_names(store.native)
        if len(names) != 1:
            raise ValueError(f"study_name=None means the only study of a storage; this one holds {names}")
        study_name = names[0]
    return Study(study_name, store, sampler, pruner)


@checked("storage")
def delete_study(*, study_name: str, storage: str | BaseStorage) -> None:
    """Delete a study and all of its trials.

    Args:
        study_name: its name.
        storage: as for `create_study`.

    Raises:
        KeyError: there is no such study.
    """
    tunesmith.delete_study(study_name=study_name, storage=get_storage(storage).native)


@checked("from_storage", "to_storage")
def copy_study(
    *,
    from_study_name: str,
    from_storage: str | BaseStorage,
    to_storage: str | BaseStorage,
    to_study_name: str | None = None,
) -> None:
    """Copy a study with its finished and waiting trials and its attributes.

    Args:
        from_study_name: the study to copy.
        from_storage: where it is.
        to_storage: where the copy goes.
        to_study_name: the name of the copy; None: the same.

    Raises:
        KeyError: there is no such study.
        DuplicatedStudyError: the name is taken in the target.
    """
    tunesmith.copy_study(
        from_study_name=from_study_name,
        from_storage=get_storage(from_storage).native,
        to_storage=get_storage(to_storage).native,
        to_study_name=to_study_name,
    )


@checked("storage")
def get_all_study_names(storage: str | BaseStorage) -> list[str]:
    """Return the names of all studies of a storage, oldest first."""
    return tunesmith.get_all_study_names(get_storage(storage).native)


@dataclass
class StudySummary:
    """What a list of studies shows of one.

    Attributes:
        study_name: its name.
        directions: one for each objective.
        best_trial: the best one of a study with one objective; None: there is none.
        user_attrs: of the study.
        n_trials: how many trials it has, in any state.
        datetime_start: when the first one began; None: none has.
        _study_id: its number in the storage.
    """

    study_name: str
    directions: list[StudyDirection]
    best_trial: FrozenTrial | None
    user_attrs: dict[str, Any]
    n_trials: int
    datetime_start: datetime | None
    _study_id: int

    @property
    def direction(self) -> StudyDirection:
        """The direction of a study with one objective; RuntimeError if it has several."""
        return only_direction(self.directions, self.study_name)

    def __lt__(self, other: StudySummary) -> bool:
        return self._study_id < other._study_id

    def __le__(self, other: StudySummary) -> bool:
        return self._study_id <= other._study_id


@checked("storage")
def get_all_study_summaries(storage: str | BaseStorage, include_best_trial: bool = True) -> list[StudySummary]:
    """Return what a list of studies shows of each, oldest first.

    Args:
        storage: as for `create_study`.
        include_best_trial: look for the best trials.

    Returns:
        A summary of each study.
    """
    store = get_storage(storage)
    found = []
    for record in store.native.list_studies():
        study = Study(record.name, store)
        trials = study.get_trials()
        complete = any(trial.state is TrialState.COMPLETE for trial in trials)
        best = study.native.find_best() if include_best_trial and complete and len(record.directions) == 1 else None
        found.append(
            StudySummary(
                record.name,
                study.directions,
                None if best is None else study._frozen(best),
                study.user_attrs,
                len(trials),
                min((t.datetime_start for t in trials if t.datetime_start is not None), default=None),
                record.id,
            )
        )
    return found


ObjectiveFuncType = ObjectiveFunc  # what other libraries import from optuna.study.study, and the next from _frozen
FrozenStudy = _FrozenStudy

__all__ = [
    "MaxTrialsCallback",
    "Study",
    "StudyDirection",
    "StudySummary",
    "copy_study",
    "create_study",
    "delete_study",
    "get_all_study_names",
    "get_all_study_summaries",
    "load_study",
]


class MaxTrialsCallback:
    """Ends the search when the study has so many trials, whoever ran them.

    Args:
        n_trials: how many.
        states: only trials in these states count; None: all.
    """

    def __init__(self, n_trials: int, states: Container[TrialState] | None = (TrialState.COMPLETE,)) -> None:
        self._n_trials = n_trials
        self._states = states

    def __call__(self, study: Study, trial: FrozenTrial) -> None:
        """Look whether there are enough trials."""
        states, counts = self._states, study.native.counts
        if sum(n for state, n in counts.items() if states is None or state_of(state) in states) >= self._n_trials:
            study.stop()


__getattr__ = refuser(__name__, __all__)
