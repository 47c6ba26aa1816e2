"""The ask-and-tell interface of a study: for users who run trials in their own loop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from operator import index
from typing import Any, overload

from tunesmith.frozen import FrozenTrial
from tunesmith.space import Parameter, Space
from tunesmith.state import TrialState
from tunesmith.storable import storable_items
from tunesmith.study.adopt import adopted, checked_trials
from tunesmith.study.engine.enqueued import check_enqueued
from tunesmith.study.engine.outcome import outcome_as_told
from tunesmith.study.view import StudyView
from tunesmith.text import shown
from tunesmith.trial import Trial


class AskTellStudy(StudyView):
    """The part of `tunesmith.Study` that hands out trials and takes their results."""

    def declare(self, space: Space) -> None:
        """Declare the space that is searched from now on; trials made before keep their own."""
        self.engine.declare(space)

    @overload
    def ask(
        self, fixed_distributions: Mapping[str, Parameter] | None = None, *, n: None = None, below: int | None = None
    ) -> Trial: ...

    @overload
    def ask(
        self, fixed_distributions: Mapping[str, Parameter] | None = None, *, n: int, below: int | None = None
    ) -> list[Trial]: ...

    def ask(
        self,
        fixed_distributions: Mapping[str, Parameter] | None = None,
        *,
        n: int | None = None,
        below: int | None = None,
    ) -> Trial | list[Trial]:
        """Start a trial: an enqueued or interrupted one if there is any, else a new proposal of the sampler.

        What the trial reports and notes is stored at once. A trial whose process ends before ``tell`` is run again by
        whoever asks next: at once on the same machine, elsewhere as soon as its lease is over; see ``retries``.

        Args:
            fixed_distributions: parameters to suggest at once, by name; their values stand in ``trial.params``, as
                those of a declared space do.
            n: start so many trials at once, each with those before it as running trials. If something goes wrong, none
                is started. There are fewer if the sampler has nothing more to propose, or the limit is reached.
            below: start no trial whose number is this or higher, so that a study has so many trials in all, however
                many processes ask for them.

        Returns:
            The running trial; with `n` a list of them.

        Raises:
            ValueError: `n` is no number of trials, 1 or more.
            SpaceExhaustedError: the sampler has nothing left to propose.
            TrialsSpentError: all numbers below that limit are taken.
            StorageError: the storage cannot be used, or does not take a result that was kept for it.
        """
        if n is None:
            return self.engine.ask(fixed_distributions, below=below)
        return self.engine.ask_batch(_checked_count(n), fixed_distributions, below=below)

    def tell(
        self,
        trial: Trial | int,
        values: float | Sequence[float] | None = None,
        state: TrialState | None = None,
        skip_if_finished: bool = False,
        *,
        reason: str | None = None,
        cost: float | None = None,
        noise: float | Sequence[float] | None = None,
    ) -> FrozenTrial:
        """Record how a trial ended. When this returns, the result is durable.

        Without `state`, values that are not one finite-or-infinite number per objective make the trial FAIL, with the
        reason stored. Telling the same outcome again changes nothing.

        Args:
            trial: what ``ask`` returned, or its number.
            values: the objective's value, or one for each objective.
            state: COMPLETE, PRUNED (the value is then the last report) or FAIL.
            skip_if_finished: do nothing, whatever was told before, if the trial is finished.
            reason: why it failed or was pruned, in words.
            cost: what the trial cost, in a unit of your own; by default the seconds since its start.
            noise: the standard deviation of the value's measurement error, or a list of one for each objective; by
                default what ``trial.set_noise`` was given. Samplers with a model trust a value the less, the noisier it
                is; where it is not told, they estimate it.

        Returns:
            The record of the trial.

        Raises:
            TypeError: the noise is no number, and no list of numbers.
            ValueError: the trial was told another outcome before, was never asked for, or values, noise and state do
                not fit.
            AttemptReplacedError: the trial was given up, because its worker seemed to be dead or by ``release``; the
                result is kept as a note in its ``previous_attempts``, and not used.
            StorageError: the storage does not take the result; what may pass (a StorageUnavailableError) is waited
                for, half a minute. The result is kept in this process, and stored by the next ``ask``, ``tell`` or
                ``optimize``, or when the process ends.
        """
        number = trial.number if isinstance(trial, Trial) else _number(trial)
        outcome = outcome_as_told(number, values, state, reason, len(self.directions), noise)
        return self.engine.record(trial if isinstance(trial, Trial) else number, outcome, skip_if_finished, cost)

    def flush(self) -> None:
        """Store the results that were kept in this process because the storage could not be used.

        Raises:
            StorageError: it still cannot; the results stay here.
        """
        self.engine.flush()

    def recover(self) -> list[int]:
        """Take over the trials of dead workers, so that they are run again; return the numbers.

        ``ask`` and ``optimize`` do so by themselves. A worker is dead if its process on this machine is gone, or if it
        gave no sign of life for the time of its lease. A trial that was lost more often than ``retries`` says is FAIL
        instead. The death of a driver whose trials run in other processes counts as an interruption, since a trial
        cannot have caused it.
        """
        return self.engine.recover()

    def release(self, numbers: Iterable[int]) -> None:
        """Give running trials back: the next ``ask`` hands them out again as they were proposed.

        ``retries`` does not limit this: it is your own program's word.
        """
        self.engine.release(numbers)

    # -- add ---------------------------------------------------------------------------------------------------

    def enqueue_trial(
        self, params: Mapping[str, Any], user_attrs: Mapping[str, Any] | None = None, skip_if_exists: bool = False
    ) -> None:
        """Run a point before any new proposal. The sampler proposes the parameters that are not named.

        Args:
            params: values by name.
            user_attrs: notes to keep with the trial.
            skip_if_exists: do nothing if a trial with these parameters exists already.

        Raises:
            SpaceError: a value lies outside the declared space, or a name is not in it.
            TypeError: the parameters are no mapping, or a name is no text.
            ValueError: an attribute cannot be kept.
        """
        fixed = check_enqueued(params)
        engine = self.engine
        if engine.declared and engine.history.space is not None:
            engine.history.space.validate(fixed, partial=True)
            fixed = dict(engine.history.space.flat(fixed))
        if skip_if_exists and any(fixed in (t.flat_params, t.params, t.fixed) for t in self.trials):
            return
        engine.add([FrozenTrial(-1, TrialState.WAITING, fixed=fixed, user=storable_items(user_attrs))])

    def add_trial(self, trial: FrozenTrial) -> None:
        """Add a finished (or waiting) trial, for example from `tunesmith.create_trial`, under a new number.

        Raises:
            ValueError: the trial is running, or has another number of values than the study has directions.
        """
        self.add_trials([trial])

    def add_trials(self, trials: Iterable[FrozenTrial] | AskTellStudy) -> None:
        """Add several finished (or waiting) trials, or those of another study that have values; all or none.

        From another study its complete and pruned trials are taken, in order, and mapped to the declared space by
        name. A trial that is no point of it (a value out of range, a parameter that is missing or unknown) is left
        out, with a warning that says how many and why; its value would stand for something else.

        Raises:
            TypeError: it is no trial of tunesmith's.
            ValueError: a trial is running, or has another number of values than the study has directions; or the
                other study has other directions.
        """
        if isinstance(trials, AskTellStudy):
            trials = adopted(trials.engine, self.engine)
        checked = checked_trials(trials, len(self.directions))
        if checked:
            self.engine.add(checked)

    def set_user_attr(self, key: str, value: Any) -> None:
        """Set an attribute of the study, stored at once in the form that ``trial.set_user_attr`` explains.

        Args:
            key: the attribute's name.
            value: what to keep.

        Raises:
            ValueError: the value cannot be kept, or the key is no text.
        """
        self.engine.set_user_attr(key, value)

    def set_system_attr(self, key: str, value: Any) -> None:
        """Set an attribute of tunesmith's own.

        Args:
            key: the attribute's name.
            value: what to keep.
        """
        self.engine.set_system_attr(key, value)


def _checked_count(n: Any) -> int:
    """Return a number of trials; ValueError if it is none."""
    if isinstance(n, bool) or not isinstance(n, Integral) or n < 1:
        raise ValueError(f"ask(n=...) takes a number of trials, 1 or more; got {shown(n)}")
    return int(n)


def _number(trial: Any) -> int:
    """Return what was given in place of a trial as a number; TypeError if it is none."""
    try:
        return index(trial)
    except TypeError:
        raise TypeError(f"tell takes a trial that ask() returned, or its number; got {shown(trial)}") from None
