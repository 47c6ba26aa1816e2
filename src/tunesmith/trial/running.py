"""The running trial; its record is in `tunesmith.trial.record`.

A running trial carries everything it needs: the proposed point, the seed for names that the study has not seen yet,
and a channel for its reports. It knows neither the study nor the sampler, so it can be sent to another process.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Container, Iterable, Mapping, MutableMapping, Sequence, Set
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from numbers import Real
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol
from zlib import crc32

import numpy as np
from numpy.typing import ArrayLike

from tunesmith.errors import ArtifactError, SpaceError, TrialPruned
from tunesmith.foundation.languages import say
from tunesmith.foundation.preemption import PREEMPTION
from tunesmith.foundation.storable import checked_attr_name, storable
from tunesmith.foundation.text import did_you_mean, listing, real, shown
from tunesmith.foundation.warnings import caution
from tunesmith.history.curves import Reported
from tunesmith.space import (
    Categorical,
    Choice,
    Combinatorial,
    Float,
    Int,
    Parameter,
    Permutation,
    Space,
    Subset,
    merge,
)
from tunesmith.space.meaning import meanings_of
from tunesmith.space.nested import columns_of_given
from tunesmith.space.shape import Shape, joined_shapes
from tunesmith.trial.metrics import STEP_BOUND, LogBuffer, Metrics, checked_metrics, checked_step, metrics_of_rows
from tunesmith.trial.record import EMPTY, NAN, Attempt, Fence, FrozenTrial, checked_noise, curve
from tunesmith.trial.result import BEST, Patience, best_step, checked_value

if TYPE_CHECKING:
    from tunesmith.artifacts.base import Pointers
    from tunesmith.artifacts.checkpoints import Checkpoints
    from tunesmith.artifacts.collection import Artifacts
    from tunesmith.trial.epochs import CheckpointTimes, Epochs


EARLIER = {  # names that other tuners had
    "suggest_uniform": "suggest_float(name, low, high)",
    "suggest_loguniform": "suggest_float(name, low, high, log=True)",
    "suggest_discrete_uniform": "suggest_float(name, low, high, step=q)",
}
MOST_VALUES = 1000  # of a report that are read: an iterator may have no end


class Trial:
    """A running trial: what an objective gets.

    Args:
        number: the trial's number in its study.
        seed: the study's seed.
        proposals: the space that the sampler proposed over, prepared.
        row: the proposed internal values, one for each parameter of that space; NaN: no proposal.
        fixed: values that the user asked for by name, which come before the proposal.
        user: the user attributes that it has already.
        channel: where reports go; None: nowhere, and ``should_prune`` says no.
        attempt: how often the trial was handed out, this time included.
        own_seed: what ``seed`` says; None: it follows from the study's seed and the number.
        previous_attempts: what earlier attempts left, oldest first.
        token: what was drawn for the claim by which it runs.
        objectives: how many values each report has.

    Attributes:
        number: the trial's number in its study.
        noise: what ``set_noise`` was given; None: nothing.
        answers: what gives out the values; for wrappers of trials, not for objectives.
        link: what joins it to its study; for executors, not for objectives.

    Example:
        ```python
        import tunesmith

        def objective(trial):
            lr = trial.suggest_float("lr", 1e-5, 1e-1, log=True)
            loss = 1.0
            for epoch in range(10):
                loss *= 1 - lr
                trial.report(loss, epoch)
                if trial.should_prune():
                    raise tunesmith.TrialPruned
            trial.set_user_attr("epochs", 10)
            return loss

        study = tunesmith.create_study(seed=0)
        study.optimize(objective, n_trials=10)
        ```
    """

    __slots__ = (
        "_constraints",
        "_epochs",
        "_objectives",
        "_own_seed",
        "_patience",
        "_times",
        "answers",
        "link",
        "noise",
        "number",
    )

    def __init__(
        self,
        number: int,
        seed: int,
        proposals: Proposals,
        row: list[float],
        fixed: Mapping[str, Any] | None = None,
        user: dict[str, Any] | None = None,
        channel: Channel | None = None,
        attempt: int = 1,
        own_seed: int | None = None,
        previous_attempts: tuple[Attempt, ...] = (),
        token: int = 0,
        objectives: int = 1,
    ) -> None:
        self.number = number
        self.answers = Answers(number, seed, proposals, row, fixed)
        self.link = Link(number, attempt, token, previous_attempts, user, channel)
        self.noise: float | list[float] | None = None
        self._own_seed = own_seed
        self._objectives = objectives
        self._constraints: dict[str, float] | None = None
        self._epochs: Epochs | None = None
        self._patience: Patience | None = None
        self._times: CheckpointTimes | None = None

    # -- parameters --------------------------------------------------------------------------------------------

    def _repr_html_(self) -> str:
        from tunesmith.foundation.look.card import card  # only notebooks need it
        from tunesmith.foundation.look.drawn import sparkline
        from tunesmith.trial.record import cells

        curve = [value for value in (self.reports or {}).values() if isinstance(value, float)]
        spark = (sparkline(curve), say("reported values"))
        return card(say("Trial {}", self.number), cells(self.params), kind="trial", state="running", spark=spark)

    @property
    def params(self) -> dict[str, Any]:
        """The parameters suggested so far, by name."""
        return self.answers.params

    @property
    def distributions(self) -> dict[str, Parameter]:
        """Ranges and choices of the parameters suggested so far, by name."""
        return self.answers.distributions

    @property
    def attempt(self) -> int:
        """1, or more where an earlier attempt was paused or interrupted, or its process died."""
        return self.link.attempt

    @property
    def previous_attempts(self) -> tuple[Attempt, ...]:
        """What those left, oldest first, as `trial.record.Attempt`: ``reports`` by step, and ``user_attrs``."""
        return self.link.previous_attempts

    @property
    def reports(self) -> Mapping[int, Reported] | None:
        """What this attempt reported, by step; None if nothing (read-only)."""
        return self.link.reports

    @property
    def costs(self) -> Mapping[int, float]:
        """What each of these steps cost, in seconds or the user's unit (read-only)."""
        return self.link.costs

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Return a number from [low, high].

        Args:
            name: the parameter's name.
            low: the lowest value, inclusive.
            high: the highest value, inclusive.
            step: only values ``low + k * step``; a `high` that is none of them is lowered, with a warning.
            log: search on the logarithmic scale; needs ``low > 0``.

        Returns:
            The value, the same each time that this trial asks for this name.

        Raises:
            SpaceError: the range is not valid; the trial asked for the name as another kind of parameter before; or the
                sampler was given a grid that has no value of it.
        """
        answers = self.answers
        entry = answers.proposals.table.get(name) if type(name) is str else None  # else it is told what a name is
        if entry is not None and answers.fixed is None and entry[1] == (Float, low, high, log, step):
            value = answers.row[entry[0]]
            if value == value and (answers.deviant is None or name not in answers.deviant):
                answers.params[name] = value
                return value
        return float(answers.suggest(name, lambda: Float(low, reached(name, low, high, step), log=log, step=step)))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Return an integer from low to high, both inclusive.

        Args:
            name: the parameter's name.
            low: the lowest value.
            high: the highest value.
            step: only values ``low + k * step``; a `high` that is none of them is lowered, with a warning.
            log: search on the logarithmic scale; needs ``low >= 1``.

        Returns:
            The value, the same each time that this trial asks for this name.

        Raises:
            SpaceError: the range is not valid; the trial asked for the name as another kind of parameter before; or the
                sampler was given a grid that has no value of it.
        """
        answers = self.answers
        entry = answers.proposals.table.get(name) if type(name) is str else None  # else it is told what a name is
        if entry is not None and answers.fixed is None and entry[1] == (Int, low, high, log, step):
            x = answers.row[entry[0]]
            if x == x and (answers.deviant is None or name not in answers.deviant):
                value = int(x)
                answers.params[name] = value
                return value
        return int(answers.suggest(name, lambda: Int(low, reached(name, low, high, step), log=log, step=step)))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Return one of the choices.

        Args:
            name: the parameter's name.
            choices: what there is to choose from.

        Returns:
            The choice, the same each time that this trial asks for this name.

        Raises:
            SpaceError: there is no choice, or one stands there twice; or the sampler was given a grid that has none
                of them.
        """
        answers = self.answers
        entry = answers.proposals.table.get(name) if type(name) is str else None  # else it is told what a name is
        if entry is not None and answers.fixed is None and isinstance(entry[2], Categorical):
            x = answers.row[entry[0]]
            is_other = answers.deviant is not None and name in answers.deviant
            if x == x and not is_other and entry[2].is_spelled(choices):
                value = entry[2].to_external(x)
                answers.params[name] = value
                return value
        return answers.suggest(name, lambda: Categorical(choices))

    def suggest_permutation(self, name: str, items: Sequence[Any]) -> tuple[Any, ...]:
        """Return an order of the items.

        Args:
            name: the parameter's name.
            items: what is ordered, at most 17.

        Returns:
            A tuple of all items, the same each time that this trial asks for this name.

        Raises:
            SpaceError: there is no item, or too many, or one stands there twice; the trial asked for the name as
                another kind of parameter before; or the sampler was given a grid that has no order of them.
        """
        answers = self.answers
        entry = answers.proposals.table.get(name) if type(name) is str else None  # else it is told what a name is
        known = entry[2] if entry is not None else None
        if isinstance(known, Permutation) and isinstance(items, list | tuple) and known.is_spelled(items):
            return tuple(answers.suggest(name, lambda: known))
        return tuple(answers.suggest(name, lambda: Permutation(items)))

    def suggest_subset(self, name: str, items: Sequence[Any], min: int = 0, max: int | None = None) -> tuple[Any, ...]:
        """Return some of the items.

        Args:
            name: the parameter's name.
            items: what there is to choose from.
            min: how many are chosen, at least.
            max: how many are chosen, at most; None: all.

        Returns:
            A tuple of the chosen items in the order of `items`, the same each time that this trial asks for this name.

        Raises:
            SpaceError: there is no item, or one stands there twice; the numbers do not fit, or there are more than
                2**50 choices; the trial asked for the name as another kind of parameter before; or the sampler was
                given a grid that has no choice of them.
        """
        return tuple(self.answers.suggest(name, lambda: Subset(items, min, max)))

    def suggest(self, name: str, parameter: Parameter | Choice) -> Any:
        """Return a value of a parameter that is given as an object.

        Args:
            name: the parameter's name.
            parameter: a ``Float``, ``Int``, ``Categorical``, ``Ordinal``, ``Choice``, ...

        Returns:
            The value, the same each time that this trial asks for this name.
        """
        return self.answers.suggest(name, lambda: parameter)

    if not TYPE_CHECKING:  # to type checkers, a trial has no other names

        def __getattr__(self, name: str) -> Any:
            """Say which name is the one of today."""
            now = f": use {EARLIER[name]}" if name in EARLIER else ""
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{now}", name=name, obj=self)

    def take_whole(self) -> dict[str, Any]:
        """Return all parameters of a declared space, as an objective over it gets them; the trial uses them all."""
        return self.answers.take_whole()

    # -- reports and checkpoints -------------------------------------------------------------------------------

    def report(
        self,
        value: float | Iterable[float] | Mapping[str, float],
        step: int,
        cost: float | None = None,
        rows: ArrayLike | None = None,
    ) -> None:
        """Report how the objective stands after a step. A step that was reported before is ignored, with a warning.

        If ``checkpoint_dir`` holds something new, it is published as the state after this step.

        Args:
            value: the objective's value by now; in a study with several objectives, one value for each direction. Or
                metrics by name, which are logged: the study's ``metric`` is the value, else the first of them; in a
                study with several objectives, ``metric`` names one for each.
            step: an epoch, a number of rows, a fold; from 0. A resumed trial goes on with the step after
                ``resumed_from_step``. A float that is a whole number is taken as one.
            cost: what was spent since the report before, in a unit of your own (GPU-hours, tokens): give it with each
                report or with none. 0: nothing, as where the result was in a cache. None: the seconds are measured.
            rows: the values of the single validation rows, whose mean is the value: [n], the same rows in the same
                order in each report. The means of 20 groups of them are stored, by which `Study.recommend` says how
                much too good the best report of a run is (``create_study(value="best")``). Rows that belong together,
                such as those of one patient, are given as their mean.

        Raises:
            TypeError: the value or the cost is not a number, or the step not a whole number; a text is neither. Of
                several objectives: the values are not a sequence of numbers. Or rows are no numbers.
            ValueError: there are more or fewer values than objectives; the study's metric is not among those given; the
                step is negative, or 2**63 or more; the cost is below 0, or not finite; or the value is not the mean of
                the rows, of which there are two or more.
            AttemptReplacedError: the trial was given up meanwhile, and another worker runs it.
        """
        now = time.monotonic()
        metrics = None
        if isinstance(value, Mapping):
            metrics = checked_metrics(value)
            value = self._deciding(metrics)
        try:
            read = _reported_number(value) if self._objectives == 1 else _reported_numbers(value)
            index = int(step)
            if index != step:
                raise ValueError("a part of a step, or a text")
        except (TypeError, ValueError, OverflowError):
            several = self._objectives == 1 and isinstance(value, list | tuple)
            raise TypeError(
                f"report(value, step) takes {_expected_report(self._objectives)} and an integer step; got "
                f"value={shown(value)}, step={shown(step)}"
                + " (several values are for a study with several directions)"
                * several
            ) from None
        if isinstance(read, tuple) and len(read) != self._objectives:
            raise ValueError(
                f"report(values, step) takes {_expected_report(self._objectives)} and an integer step; got "
                f"{len(read)}: {shown(value)}"
            )
        if not 0 <= index < STEP_BOUND:
            raise ValueError(f"report: the step must be 0 or more, and less than 2**63; got {shown(step)}")
        # A database counts the values of several objectives by one number, see storage/sql/values.py.
        if (index + 1) * (self._objectives - 1) > STEP_BOUND:
            raise ValueError(f"report: with {self._objectives} objectives, the step must be lower; got {shown(step)}")
        spent = NAN if cost is None else checked_cost(cost)
        of_rows = None if rows is None else metrics_of_rows(rows, self._single(read))
        if metrics:
            self.link.take_logged(metrics, index)
        if index in (self.link.reports or ()):
            caution(f"trial {self.number}: step {index} was reported already; ignored")
            return
        if cost is not None:
            self.link.costs_given = True
        elif self.link.since is not None and not self.link.costs_given:
            spent = now - self.link.since
        if of_rows is not None:
            self.link.take_logged(of_rows, index, at_once=True)
        best = self.link.value == BEST and isinstance(read, float) and self._is_best(read, index)
        if self._patience is not None and isinstance(read, float):
            self._patience.take(read)
        write = None
        if self._epochs is not None and (self.checkpoint_due(self._epochs.every) or best):
            write = self._epochs.save()
        try:
            self.link.take_report(read, index, spent)
            # After the report, which a run that goes on from this checkpoint will not make again.
            if self.link.checkpoints is not None:
                self._publish(index, write, best)
        finally:
            if self.link.since is not None:
                self.link.since = time.monotonic()
        if self.link.checkpoints is not None:
            self.link.checkpoints.end_if_asked(index)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Keep metrics of a step beside the value that is reported: accuracies, losses, a learning rate, a temperature.

        No sampler and no pruner reads them. They are read as ``trial.metrics`` of the study's trials and by
        ``study.metrics_dataframe()``, and drawn in the dashboard. They are written with a
        checkpoint, at the end of the trial, and else at most once a second, of a long trial once in 1 % of the time
        that it ran, or in a minute. Of several values of a step the last counts.

        Args:
            metrics: numbers by name; NaN and infinities are kept.
            step: as of ``report``: an epoch, a number of rows, a fold; from 0.

        Raises:
            TypeError: it is no mapping, a value is no number, or the step not a whole number.
            ValueError: a name is empty, longer than 200 characters, or cannot be stored; the step is negative, or 2**63
                or more.
            AttemptReplacedError: the trial was given up meanwhile, and another worker runs it.

        Example:
            ```python
            import tunesmith

            def objective(trial):
                rate = trial.suggest_float("rate", 1e-3, 1.0, log=True)
                loss = 1.0
                for epoch in range(10):
                    loss *= 1 - rate
                    trial.log({"train_loss": 0.9 * loss, "rate": rate}, epoch)
                    trial.report(loss, epoch)
                return loss

            study = tunesmith.create_study(seed=0)
            study.optimize(objective, n_trials=5)
            steps, values = study.best_trial.metrics["train_loss"]
            ```
        """
        given, index = checked_metrics(metrics), checked_step("log(metrics, step)", step)
        if given:
            self.link.take_logged(given, index)

    def _deciding(self, metrics: Mapping[str, float]) -> float | tuple[float, ...]:
        """Return the value, or the values, that metrics report."""
        names = self.link.metric or tuple(metrics)[: self._objectives]
        if len(names) != self._objectives or not names:
            raise ValueError(
                f"report(metrics, step): the study has {self._objectives} objectives, and create_study(metric=...) is "
                f"to name as many; got {shown(metrics)}"
            )
        if missing := [name for name in names if name not in metrics]:
            raise ValueError(
                f"report(metrics, step): the study's value is {listing(names)}, and {listing(missing)} is not among "
                f"{listing(metrics)}{did_you_mean(missing[0], metrics)}"
            )
        values = tuple(metrics[name] for name in names)
        return values[0] if self._objectives == 1 else values

    def should_prune(self) -> bool:
        """Ask the pruner, after a report, whether this trial should stop (``raise TrialPruned``).

        It may only be paused: then it is continued later, from its checkpoint if it has one.
        """
        if self.link.channel is None or not self.link.reports:
            return False
        if self.link.checkpoints is not None:
            self.link.checkpoints.publish(self.link.last_step)  # where it was saved after the report
        if self._patience is not None and self._patience.is_over:
            return False  # it ends by itself
        stops = self.link.channel.should_prune(self.number, self.link.last_step)
        if stops and self._epochs is not None:  # it goes on from here, though no checkpoint was due
            self._publish(self.link.last_step, self._epochs.save())
        return stops

    def checkpoint_due(self, every: int | str = 1) -> bool:
        """Tell whether a checkpoint belongs to the next report, where not each report saves one.

        Ask once before each report, and save to ``checkpoint_dir`` if the answer is yes. When ``should_prune`` says
        yes, save too, before you raise ``TrialPruned``: a paused trial goes on from there. The first report of a trial
        saves in any case.

        Args:
            every: so many reports, or a time such as "10 min", "90 s" or "1 h".

        Raises:
            TypeError: it is neither a number nor a text.
            ValueError: it is not a number from 1 on, and not a time.
        """
        if self._times is None or self._times.every != every:
            from tunesmith.trial.epochs import CheckpointTimes

            self._times = CheckpointTimes(every, at_once=self.resumed_from_step is None)
        return self._times.due() or PREEMPTION.asked

    @property
    def checkpoint_dir(self) -> Path:
        """A folder of the trial's own for its checkpoint: whatever is needed to go on with the training.

        It is empty at first. What it holds at a report is published as the state after that step, all of it or nothing,
        in the place of the one before; so write to it before you report, and to the same names each time. When the
        trial is run again, on any machine, after a pause or because its process died, the folder holds the last one
        that was published, and ``resumed_from_step`` is its step. When the trial has ended, it is removed.

        A report moves large files out of the folder, so that nothing is written twice: write them anew for the next
        one. Those that are not written again stay part of the checkpoint. Small ones, up to 64 KiB or one part in 25 of
        the whole, are in the folder still.

        Raises:
            ArtifactError: this is a copy of the trial that has no connection to its study, or the study has no place
                for artifacts.
        """
        return self._own_checkpoints().folder

    def shared_checkpoint_dir(self) -> Path:
        """Return ``checkpoint_dir`` for another program, which writes to it at any time: reports publish copies."""
        self._own_checkpoints().keeps_all = True
        return self.checkpoint_dir

    @property
    def resumed_from_step(self) -> int | None:
        """The step of the checkpoint in ``checkpoint_dir`` that this attempt begins with; None: it begins anew."""
        if self.link.channel is None:
            return None
        found = self._own_checkpoints()
        if found.step is not None:
            _ = found.source  # where it cannot be read, there is no step either
        return found.step

    def epochs(
        self,
        n: int,
        state: MutableMapping[str, Any] | None = None,
        *,
        checkpoint_every: int | str = 1,
        background: bool = False,
        value: str | None = None,
        patience: int | None = None,
        min_delta: float = 0.0,
    ) -> Epochs:
        """Return the epochs that are left, for a training loop that can be paused, resumed and repeated.

        At each report, the state of the training is saved to ``checkpoint_dir``: report once an epoch, at its end. A
        run that is resumed gets the state back and goes on with the next epoch, and ends with the same numbers as one
        that was never interrupted: the random numbers of Python, NumPy and, where it is imported, PyTorch are seeded
        with ``seed`` when the loop begins, and their states are saved too. After epoch n nothing is saved.

        Args:
            n: the last epoch; the first is 1.
            state: objects by name, also in lists, dicts, tuples, dataclasses and objects of your own, nested as you
                like. Those that have ``state_dict`` and ``load_state_dict`` (models, optimisers, schedulers), or
                ``get_state`` and ``set_state`` (``torch.Generator``), and generators, arrays, tensors, lists, dicts and
                sets get their state back in place, so that the loop's own names for them stay right. Others are
                pickled, and put where they stood. None: nothing is saved, and the loop goes on after
                ``resumed_from_step``.
            checkpoint_every: save at each so many reports, or when a time such as "10 min", "90 s" or "1 h" is over
                since the last one. The first report saves in any case, and so does one at which the trial is told to
                stop or to pause. What comes after the last checkpoint is done again when the process dies.
            background: let a thread write what was copied, while the training goes on; the first checkpoint is written
                at once. The copy is in memory, and one is written at a time. A process that dies meanwhile has the
                checkpoint before; one that is asked to end (SIGTERM) completes it.
            value: which report is the result of the trial, as in ``create_study(value=)``; the first trial that ends
                makes it that of the study. None: the study's; where that has none and there is a `patience`, "best".
                With "best", each report that is the best so far saves the state, and that of the best one is kept: a
                folder, the trial's artifact "best", which `tunesmith.trial.load_state` reads.
            patience: end the loop after so many reports in a row that were not better than the best one before. The
                trial is complete then, and ``study.savings`` counts the epochs that were left out. A run that is
                resumed counts the reports of before.
            min_delta: only what is better by more than this, in the unit of the value, counts as better to `patience`.

        Returns:
            The numbers of the epochs, to be iterated over once.

        Raises:
            TypeError: n is not a whole number, or the state not a dict with names, or checkpoint_every neither number
                nor text; or something in the state cannot be saved, or not be given back in place: its path is told;
                or value is no text, or patience no whole number.
            ValueError: n is below 1, the saved state has other names or objects, or checkpoint_every is below 1 or no
                time; the value is none, or not that of the study; patience is below 1; or there are several objectives,
                for which no report is the best one.
            RuntimeError: this attempt has a loop with a state already.
            TrialPruned: the trial was cut off when it was to stop or to pause, after the step that it goes on from.

        Example:
            ```python
            import tunesmith

            def objective(trial):
                rate = trial.suggest_float("rate", 1e-3, 1.0, log=True)
                state = {"weight": 0.0}  # a model and an optimiser, in real life
                for epoch in trial.epochs(20, state):
                    state["weight"] -= rate * 2 * (state["weight"] - 3)
                    loss = (state["weight"] - 3) ** 2
                    trial.report(loss, epoch)
                    if trial.should_prune():
                        raise tunesmith.TrialPruned
                return loss

            study = tunesmith.create_study(seed=0)
            study.optimize(objective, n_trials=10)
            ```
        """
        from tunesmith.trial.epochs import Epochs

        waits = self._take_result(value, patience, min_delta)
        if self._stops_where_it_was():
            raise TrialPruned
        if state is None:
            made = Epochs(n, None, None, self.resumed_from_step or 0, self.seed, every=checkpoint_every)
            self._wait(made, waits)
            return made
        if self._epochs is not None:
            raise RuntimeError(
                f"trial {self.number}: epochs(n, state) was called before in this attempt; a trial has one checkpoint, "
                "so put all of the state into one loop"
            )
        place, source = None, None
        if self.link.channel is not None:
            found = self._own_checkpoints()
            source, place = found.source, found.place
        self._epochs = Epochs(
            n, state, place, 0, self.seed, source=source, every=checkpoint_every, background=background, trial=self
        )
        self._wait(self._epochs, waits)
        return self._epochs

    def _take_result(self, value: str | None, patience: int | None, min_delta: float) -> Patience | None:
        """Take which report is the result; return what ends the loop early, None: nothing does."""
        link = self.link
        waits = None if patience is None else Patience(patience, min_delta, link.sign)
        given = None if value is None else checked_value(value)
        if (given or waits) and self._objectives > 1:
            raise ValueError("epochs(value=, patience=): with several objectives, no report is the best one")
        if given is not None and link.value not in (None, given):
            raise ValueError(
                f"epochs(value={given!r}): the result of a trial of this study is {link.value!r}, which it keeps; "
                "leave out value=, or choose another study_name"
            )
        link.value = link.value or given or (None if waits is None else BEST)
        return waits

    def _wait(self, loop: Epochs, patience: Patience | None) -> None:
        """Let a loop end early; reports of earlier attempts count up to where it goes on."""
        self._patience = loop.patience = patience
        if patience is not None:
            loop.ends_early = self.link.note_end
            before = self.link.curve_before()
            for step in sorted(step for step in before if step <= loop.done):
                patience.take(before[step])

    def _stops_where_it_was(self) -> bool:
        """Ask the pruner about the step of the checkpoint, if the attempt before was cut off there, perhaps unheard."""
        before = self.link.previous_attempts
        if not before or before[-1].failure is None or self.link.reports or self.link.channel is None:
            return False
        step = self.resumed_from_step
        return step is not None and step == before[-1].last_step and self.link.channel.should_prune(self.number, step)

    def _single(self, read: Reported) -> float:
        """Return the one value of a report that has rows."""
        if isinstance(read, tuple):
            raise ValueError("report(rows=): with several objectives, no report is the best one; leave out rows=")
        return read

    def _is_best(self, value: float, step: int) -> bool:
        """Tell whether a report is better than all before it."""
        link = self.link
        if link.best is None:
            before = {s: v for s, v in link.curve_before().items() if s < step}
            at = best_step(before, link.sign)
            link.best = math.inf if at is None else link.sign * before[at]
            if at is not None and link.checkpoints is not None and link.checkpoints.step == at:
                link.checkpoints.keep_best(at)  # the process may have died before it was
        if not link.sign * value < link.best:
            return False
        link.best = link.sign * value
        return True

    def _publish(self, step: int, write: Callable[[Path], None] | None, best: bool = False) -> None:
        self.link.send_what_was_logged()  # a run that goes on from here does not log it again
        found = self._own_checkpoints()
        last = self._epochs.save_last() if best and self._epochs is not None else None
        if last is not None:
            found.keep_last(step, last)
        elif write is None:
            found.publish(step, best)
        else:
            found.publish_later(step, write, best)

    def _own_checkpoints(self) -> Checkpoints:
        if self.link.checkpoints is None:
            from tunesmith.artifacts.checkpoints import Checkpoints

            self.link.checkpoints = Checkpoints(self.artifacts)
        return self.link.checkpoints

    # -- attributes ---------------------------------------------------------------------------------------------

    def set_user_attr(self, key: str, value: Any) -> None:
        """Set a user attribute. It is stored at once, and survives the death of the process.

        A trial that is run again after such a death finds it in ``user_attrs``: a checkpoint's name, say. A copy is
        kept, in the same form in memory and in a file: tuples become lists, keys of dicts become text, NumPy numbers
        and arrays become numbers and lists.

        Args:
            key: the attribute's name.
            value: what to keep.

        Raises:
            ValueError: the value cannot be kept (see `tunesmith.foundation.storable.storable`), or the key is not text.
            AttemptReplacedError: the trial was given up meanwhile, and another worker runs it.
        """
        self.link.note(key, storable(key, value))

    @property
    def user_attrs(self) -> Mapping[str, Any]:
        """User attributes so far, those of earlier attempts included (read-only)."""
        return MappingProxyType(self.link.user) if self.link.user else EMPTY

    def set_constraint(self, key: str, value: float) -> None:
        """Set the value of a constraint; a trial is feasible if all are at most 0.

        Args:
            key: the constraint's name.
            value: its value.

        Raises:
            ValueError: the key is not text.
            TypeError: the value is not a number.
        """
        checked_attr_name(key)
        try:
            found = real(value)
        except (TypeError, ValueError, OverflowError):
            raise TypeError(
                f"set_constraint: value must be a real number, not a complex one or another object; got {shown(value)}"
            ) from None
        if self._constraints is None:
            self._constraints = {}
        self._constraints[key] = found

    @property
    def constraints(self) -> dict[str, float] | None:
        """Constraint values so far, by name; None if there are none."""
        return self._constraints

    def set_noise(self, sd: float | Sequence[float]) -> None:
        """Set the standard deviation of the measurement error of the value that the objective will return.

        For a mean of k repeats that is their standard deviation divided by the root of k. Samplers with a model trust
        a value the less, the noisier it is; where it is not known, they estimate it. 0: the value is exact.

        Args:
            sd: it, in the unit of the value; a list of one for each objective, where there are several.

        Raises:
            TypeError: it is neither a number nor a list of numbers.
            ValueError: it is negative, NaN or infinite.
        """
        self.noise = checked_noise("set_noise", sd)

    @property
    def seed(self) -> int:
        """A seed of the trial's own, 0 <= seed < 2**32, for the objective's random numbers.

        It follows from the study's seed and the trial's number, so that a trial that is run again after an interruption
        gets the same. In ``study.confirm`` each repeat has another one, which no trial of the search had.
        """
        if self._own_seed is not None:
            return self._own_seed
        return seed_of_trial(self.answers.seed, self.number)

    @property
    def artifacts(self) -> Artifacts:
        """Files and folders that the trial keeps, by name: models, plots, checkpoints.

        An attempt finds what earlier ones left. One that was replaced meanwhile can save nothing.

        Raises:
            ArtifactError: this is a copy of the trial that has no connection to its study.
        """
        if self.link.channel is None:
            raise ArtifactError(
                f"this copy of trial {self.number} has no connection to its study, and so no artifacts; in another "
                f"process, load the study there and use study.artifacts.of({self.number})"
            )
        from tunesmith.artifacts.collection import Artifacts

        return Artifacts(self.link.channel.pointers(self.number, self.link.fence), self.number)

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        # Without what belongs to this process: a copy of the trial may be told elsewhere.
        here = ("_epochs", "_patience", "_times")
        return None, {n: None if n in here else getattr(self, n) for n in self.__slots__}


def seed_of_trial(study_seed: int, number: int) -> int:
    """Return what ``trial.seed`` is.

    Returns:
        the seed, 0 <= seed < 2**32.
    """
    return int(np.random.SeedSequence([study_seed, number]).generate_state(1)[0])


def checked_cost(cost: Any) -> float:
    """Return the cost of a step; an error if it is not one."""
    try:
        value = _reported_number(cost)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"report: cost must be a number; got {shown(cost)}") from None
    if not 0 <= value < math.inf:
        raise ValueError(
            f"report: cost is what was spent since the report before, 0 or more and finite; got {shown(cost)}"
        )
    return value


def _reported_number(value: Any) -> float:
    if isinstance(value, str | bytes | bytearray):
        raise TypeError("a text, though it may read as a number")
    return real(value)


def _reported_numbers(values: Any) -> tuple[float, ...]:
    if isinstance(values, str | bytes | bytearray | Mapping | Set):  # which have no order, or are not numbers
        raise TypeError("no sequence of numbers")
    return tuple(_reported_number(value) for value in islice(iter(values), MOST_VALUES))


def _expected_report(objectives: int) -> str:
    return "a number" if objectives == 1 else f"{objectives} numbers, one for each direction of the study,"


# -- the values of a running trial: from the proposed point, enqueued values, or the seed ------------------------------


class Proposals:
    """A space, prepared so that a ``suggest_*`` call takes one dictionary look-up.

    Args:
        space: of the proposed points.
        binding: whether trials may ask for nothing else: the space is a grid that the user gave.
        central: whether the sampler learns; see `centre`.
        named: whether what names mean may count.
    """

    __slots__ = ("binding", "central", "named", "space", "table")

    def __init__(self, space: Space | None, binding: bool = False, central: bool = False, named: bool = False) -> None:
        self.space = space
        self.binding = binding
        self.central, self.named = central, named
        self.table: dict[str, tuple[int, tuple[Any, ...] | None, Parameter]] = {}
        for i, (name, p) in enumerate(space.params.items() if space is not None else ()):
            self.table[name] = (i, _spec(p), p)

    def centre(
        self, number: int, name: str, p: Parameter, beside: Callable[[], Mapping[str, Parameter]]
    ) -> float | None:
        """Return about which unit coordinate the value of a name lies that the space does not have; None: anywhere.

        A new name is a branch of the objective, such as a model among several, and its first trial decides whether it
        gets another one: a random point, which is often a bad one, would bury a good branch. So it gets what is
        usually good, where names tell it, or the middle, and so does the first trial of a study. Else workers that
        start at once, while nothing is known, begin at points of their own.

        Args:
            number: the trial's number.
            p: an ordered range, or choices, which have no middle.
            beside: returns the parameters that the same trial asks for.
        """
        if not (self.central and p.is_ordered) or (number > 0 and not self.table):
            return None
        if not self.named or p.condition is not None:
            return 0.5
        own = {n: q for n, q in beside().items() if n != name and q.condition is None}
        meaning = meanings_of(Space({**own, name: p})).get(len(own))
        return 0.5 if meaning is None else meaning.prior.centre


def _spec(p: Parameter) -> tuple[Any, ...] | None:
    """The arguments of the `suggest_*` call that p answers, in comparable form."""
    if isinstance(p, Int) and p.low == p.high and p.low != float(p.low):
        return None  # a constant of more digits than a float64 holds, which the parameter alone knows
    if isinstance(p, Float | Int):
        spec = (type(p), p.low, p.high, p.log, p.step)
        return (*spec, p.words) if p.words else spec
    if isinstance(p, Categorical):
        return (Categorical, p)
    if isinstance(p, Combinatorial):
        return p.kind
    return None


@dataclass(slots=True, eq=False)
class Answers:
    """The values that a running trial gives out: from the proposed point, enqueued values, or the seed.

    Attributes:
        number: the trial's number.
        seed: the study's seed.
        proposals: the space that the sampler proposed over, prepared.
        row: the proposed internal values, one for each parameter of that space; NaN: no proposal.
        fixed: values that the user asked for by name, which come before the proposal.
        params: the parameters suggested so far, by name.
        outside: enqueued values that were used although they lie outside of their ranges, by name; None: there is none.
        whole: whether the whole proposal is used.
        deviant: parameters whose range is not the proposed space's, with their internal values.
        flat: what stands inside of nested choices, by column.
        shape: how it stands there.
    """

    number: int
    seed: int
    proposals: Proposals
    row: list[float]
    fixed: Mapping[str, Any] | None
    params: dict[str, Any] = field(default_factory=dict)
    whole: bool = False
    deviant: dict[str, tuple[Parameter, float]] | None = None
    outside: dict[str, Any] | None = None
    flat: dict[str, Any] | None = None
    shape: Shape | None = None

    def use(self, name: str, parameter: Parameter, value: Any) -> Any:
        """Take a value that was chosen elsewhere as this trial's value of a parameter, as one that was enqueued.

        Args:
            parameter: a ``Float``, ``Int``, ``Categorical``, ``Ordinal``, ...
            value: what was chosen; a number outside of the range is used all the same, with a warning.

        Returns:
            The value, or the one that this trial has already.
        """
        self.fixed = {**(self.fixed or {}), name: value}
        return self.suggest(name, lambda: parameter)

    def has_fixed(self, name: str) -> bool:
        """Tell whether the user, or `use`, has fixed the value of a parameter."""
        return self.fixed is not None and name in self.fixed

    def proposed(self) -> dict[str, Any]:
        """Return what the sampler proposed, by name, asked for or not; without names that it does not know."""
        space = self.proposals.space
        return {} if space is None else space.decode_row(self.row)

    def suggest(self, name: str, build: Callable[[], Parameter | Choice]) -> Any:
        """Return a value where the proposal has none at once.

        So it is with a name or a range that is not proposed, an enqueued value, and a nested choice.

        Raises:
            SpaceError: the name or the range is not valid, or the grid has no value of it.
        """
        if not isinstance(name, str) or not name:  # type: ignore[redundant-expr]  # users' calls are not always typed
            raise SpaceError(f"a parameter's name must be a non-empty text; got {shown(name)}")
        try:
            p: Parameter | Choice = build()
        except SpaceError as error:
            raise SpaceError(f"parameter {name!r}: {error}") from None
        if not isinstance(p, Parameter | Choice):
            raise SpaceError(f"parameter {name!r}: a Float, Int, Categorical or Choice is expected; got {shown(p)}")
        if isinstance(p, Choice):
            return self._suggest_nested(name, p)
        if name in self.params:
            self._check_kind(name, p)
        return self._suggest_into(self.params, name, p)

    def _check_kind(self, name: str, p: Parameter) -> None:
        """Raise SpaceError if the trial has a parameter of another kind under a name."""
        before = self.deviant[name][0] if self.deviant and name in self.deviant else None
        if before is None and name in self.proposals.table:
            before = self.proposals.table[name][2]
        if before is not None and _kind_of_parameter(before) is not _kind_of_parameter(p):
            raise SpaceError(
                f"trial {self.number} asked for the parameter {name!r} as {before!r} before, and now as {p!r}: in a "
                "trial, a name stands for one kind of parameter; give one of the two another name"
            )

    def _suggest_nested(self, name: str, choice: Choice) -> Any:
        """Suggest the columns of a choice that are active, and return the option."""
        columns, shape = columns_of_given({name: choice})
        space = Space.from_columns(columns, (), None, shape)
        if self.shape is not None and name in self.shape.nodes and name in self.params:
            return self.params[name]  # asked for again
        if self.fixed is not None and name in self.fixed:
            try:
                self.fixed = {**self.fixed, **space.flat({name: self.fixed[name]})}
            except SpaceError as error:
                caution(f"trial {self.number}: {error}; the sampler's proposal is used in place of the enqueued value")
                self.fixed = {key: value for key, value in self.fixed.items() if key != name}
        flat: dict[str, Any] = {}
        parents_first = [j for j in range(len(space)) if j not in space.conditions.rules] + space.conditions.order
        for column in (space.names[j] for j in parents_first):
            condition = space[column].condition
            if condition is None or condition.holds(flat):
                self._suggest_into(flat, column, space[column])
        self.flat = {**(self.flat or {}), **flat}
        self.shape = joined_shapes(self.shape, shape)
        self.params.update(space.nested({column: flat[column] for column in space.names if column in flat}))
        return self.params[name]

    def _suggest_into(self, into: dict[str, Any], name: str, p: Parameter) -> Any:
        if name in into and p.contains(into[name]):
            return into[name]  # asked for again: a name has one value in a trial
        if self.outside is not None and name in self.outside:
            return self.outside[name]
        entry = self.proposals.table.get(name)
        x = NAN
        if self.fixed is not None and name in self.fixed:
            if p.contains(self.fixed[name]):
                x = p.to_internal(self.fixed[name])
            elif isinstance(p, Float | Int) and _is_number_for(p, self.fixed[name]):
                return self._use_outside(into, name, p, self.fixed[name])
            else:
                caution(
                    f"trial {self.number}: the enqueued value {self.fixed[name]!r} of {name!r} lies outside {p!r}; "
                    "the sampler's proposal is used instead"
                )
        if x != x and entry is not None and self.row[entry[0]] == self.row[entry[0]]:
            proposed = entry[2].to_external(self.row[entry[0]])
            if p.contains(proposed):
                x = p.to_internal(proposed)
            elif self.proposals.binding:
                raise SpaceError(f"parameter {name!r}: the grid's value {proposed!r} lies outside {p!r}")
        if x != x:
            if self.proposals.binding and entry is None and p.n_values > 1:
                names = self.proposals.table
                raise SpaceError(
                    f"the grid has no values of the parameter {name!r}{did_you_mean(name, names)} (it has values of "
                    f"{listing(names)}); give some for it, or take the name that the objective uses"
                )
            x = draw_unproposed(
                self.seed, self.number, name, p, self.proposals.centre(self.number, name, p, self._asked)
            )
        value = p.to_external(x)
        into[name] = value
        if entry is not None and entry[1] == _spec(p):
            self.row[entry[0]] = x
        else:
            if self.deviant is None:
                self.deviant = {}
            self.deviant[name] = (p, x)
        return value

    def _asked(self) -> dict[str, Parameter]:
        """Return the parameters that were asked for so far."""
        deviant = self.deviant or {}
        known = {name: entry[2] for name, entry in self.proposals.table.items() if name in self.params}
        return known | {name: p for name, (p, _) in deviant.items()}

    def _use_outside(self, into: dict[str, Any], name: str, p: Float | Int, value: Any) -> Any:
        """Use an enqueued number that lies outside of the range."""
        caution(
            f"trial {self.number}: the enqueued value {value!r} of {name!r} lies outside {p!r}; it is used, and "
            "samplers do not learn from this trial's value of it"
        )
        value = int(value) if isinstance(p, Int) else float(value)
        self.outside = {**(self.outside or {}), name: value}
        self.deviant = {**(self.deviant or {}), name: (p, NAN)}
        into[name] = value
        return value

    @property
    def asked(self) -> set[str]:
        """The parameters suggested so far, by the names of columns."""
        if self.whole and (space := self.proposals.space) is not None:
            return {*space.flat_row(self.row)}
        return {*self.params, *(self.flat or ())}

    @property
    def distributions(self) -> dict[str, Parameter]:
        """Ranges and choices of the parameters suggested so far, by name."""
        space, x = self.point()
        if space is None:
            return {}
        return {n: p for (n, p), v in zip(space.params.items(), x, strict=True) if v == v or n in (self.outside or ())}

    def point(self) -> tuple[Space | None, list[float]]:
        """Return the trial's own space and its internal values there, NaN where a parameter was not used."""
        space, row = self.proposals.space, self.row
        if space is None and self.deviant is None:
            return None, []
        used: Container[str] = self.params if self.flat is None else self.params.keys() | self.flat.keys()
        table = self.proposals.table
        shape = None if space is None else space.shape
        if self.shape is not None:
            shape = joined_shapes(shape, self.shape)
        if self.deviant is None and space is not None and shape == space.shape:
            if not self.whole and (self.flat is not None or len(self.params) < len(table)):
                row = [v if n in used else NAN for n, v in zip(table, row, strict=True)]
            return space, row
        own: dict[str, tuple[Parameter, float]] = {
            n: (p, row[i])
            for n, (i, _, p) in table.items()
            if (self.whole or n in used) and n not in (self.deviant or ())
        }
        own.update(self.deviant or {})
        kept = None if shape is None else shape.kept(own)
        return _own_space(tuple((n, p) for n, (p, _) in own.items()), kept), [v for _, v in own.values()]

    def take_whole(self) -> dict[str, Any]:
        """Use the whole proposal at once, as an objective over a declared space does; return the parameters."""
        if self.whole:
            return self.params
        self.whole = True
        space = self.proposals.space
        self.params = space.decode_row(self.row) if space is not None else {}
        return self.params


def _kind_of_parameter(p: Parameter) -> type[Parameter]:
    """Return the kind of a parameter: Float, Int, Categorical or a class of its own."""
    return next((kind for kind in (Int, Float, Categorical) if isinstance(p, kind)), type(p))


CENTRAL = 0.05  # the part of a range, about its centre, that the first answer of a new branch is drawn from


def draw_unproposed(seed: int, number: int, name: str, p: Parameter, centre: float | None) -> float:
    """Return the internal value of a parameter that no sampler proposed, the same for each worker.

    Args:
        centre: the unit coordinate about which it lies; None: anywhere.
    """
    try:
        u = np.random.default_rng([seed, number, crc32(name.encode())]).random(1)
    except UnicodeEncodeError:
        raise SpaceError(f"a parameter's name must be Unicode text without lone surrogates; got {name!r}") from None
    if centre is not None:
        u = np.clip(centre + CENTRAL * (u - 0.5), 0.0, 1.0)
    return float(p.from_unit(u)[0])


def _is_number_for(p: Float | Int, value: Any) -> bool:
    """Whether a value is a finite number, and a whole one for an Int."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    try:
        return math.isfinite(value) and (isinstance(p, Float) or float(value).is_integer())
    except OverflowError:  # an integer that no float can hold
        return False


def reached(name: str, low: Any, high: Any, step: Any) -> Any:
    """Return the highest value that steps from `low` reach; what is not a number is left to the range's own checks."""
    if type(low) is type(high) is type(step) is int and step and not (high - low) % step:
        return high  # exact beyond 2**53, too
    try:
        steps = (high - low) / step if step else 0.0
        whole = math.floor(steps + 1e-9)
        if whole < 1 or abs(steps - round(steps)) <= 1e-9 * max(1.0, abs(steps)):
            return high
        reached = low + whole * step
    except (TypeError, ValueError, OverflowError):
        return high
    caution(f"{name!r}: steps of {step} from {low} end at {reached}, not at {high}")
    return reached


@lru_cache(maxsize=256)
def _own_space(params: tuple[tuple[str, Parameter], ...], shape: Shape | None) -> Space:
    """Return the space of a trial with ranges of its own; one object for all trials with the same ranges."""
    return merge(None, dict(params), shape)


# -- what joins a running trial to its study: the channel, what it has sent, and what the study lacks still -----------


class Channel(Protocol):
    """How a running trial reaches its study: it sends reports and user attributes, and gets the pruner's answer.

    Each message carries the fence of the attempt, so that one that was replaced cannot write to the record of the next.
    """

    def report(self, number: int, fence: Fence, step: int, value: Reported, cost: float, given: bool) -> bool:
        """Send a reported value (of several objectives, a tuple) and its cost, given by the objective or measured.

        False: it could not be stored now, and comes with the trial's end.
        """

    def note(self, number: int, fence: Fence, key: str, value: Any) -> bool:
        """Send a user attribute, as ``storable`` made it; the answer is that of ``report``."""

    def log(self, number: int, fence: Fence, metrics: Metrics) -> bool:
        """Send metrics; the answer is that of ``report``."""

    def should_prune(self, number: int, step: int) -> bool:
        """Ask whether the trial should stop, given all its reports."""

    def pointers(self, number: int, fence: Fence) -> Pointers:
        """Return what publishes the trial's artifacts."""


@dataclass(slots=True, eq=False)
class Link:
    """How a running trial and its study belong together; for executors and the engine, not for objectives.

    Attributes:
        attempt: how often the trial was handed out, this time included.
        token: what was drawn for the claim by which it runs.
        previous_attempts: what earlier attempts left, oldest first.
        user: the user attributes that it has.
        channel: where reports go; None: nowhere.
        continues: whether the trial was paused, and goes on.
        reports: what this attempt reported, by step; None if nothing.
        costs: what each of these steps cost, in seconds or the user's unit.
        costs_given: whether the objective gave them.
        last_step: the last one that it reported.
        since: when what the next report costs began, by this process's clock; None: it is not measured.
        left: keys of notes and steps of reports that the storage lacks; None: it has all.
        logged: the metrics that it lacks; None: none were logged.
        metric: the names of the metrics that are the study's values; empty: the first ones.
        value: which report is the result, see `tunesmith.trial.result`; None: what the objective returns.
        sign: 1 where the objective is minimised, -1 where it is maximised.
        best: the best report so far, minimised; None: it was not asked for.
        planned: the last step that a loop would have had that its patience ended; None: it was not ended so.
        checkpoints: what saves the trial's checkpoint; None: it has saved none in this attempt.
    """

    number: int
    attempt: int
    token: int
    previous_attempts: tuple[Attempt, ...]
    user: dict[str, Any] | None
    channel: Channel | None
    continues: bool = False
    reports: dict[int, Reported] | None = None
    costs: dict[int, float] = field(default_factory=dict)
    costs_given: bool = False
    last_step: int = 0
    since: float | None = None
    left: set[str | int] | None = None
    logged: LogBuffer | None = None
    metric: tuple[str, ...] = ()
    value: str | None = None
    sign: float = 1.0
    best: float | None = None
    planned: int | None = None
    checkpoints: Checkpoints | None = None

    @property
    def fence(self) -> Fence:
        """What its writes carry."""
        return Fence(self.attempt, self.token)

    def connect(self, channel: Channel | None) -> None:
        """Set the channel; None: remove it, so that the trial can be sent to another process."""
        self.channel = channel
        self.since = time.monotonic()

    def curve_before(self) -> dict[int, Any]:
        """Return what earlier attempts reported, by step."""
        return curve([attempt.reports for attempt in self.previous_attempts])

    def whole_curve(self) -> dict[int, Any]:
        """Return what all attempts reported, by step."""
        return curve([*(attempt.reports for attempt in self.previous_attempts), self.reports or {}])

    def note_end(self, left: int) -> None:
        """Note that patience ended a loop that had so many epochs left."""
        self.planned = max(self.whole_curve(), default=0) + left

    def stop_clock(self) -> None:
        """Measure no seconds from now on: the time of the trial is not that of this process."""
        self.since = None

    def take_report(self, value: Reported, step: int, cost: float) -> None:
        """Keep a report, and send it to the study.

        Args:
            value: a number, or a tuple of one for each of several objectives.
            step: as in `report`.
            cost: NaN: not known.
        """
        if self.reports is None:
            self.reports = {}
        self.reports[step] = value
        if cost == cost:
            self.costs[step] = cost
        self.last_step = step
        stored = False
        try:
            if self.channel is not None:
                stored = self.channel.report(self.number, self.fence, step, value, cost, self.costs_given)
        finally:  # an interrupt of the driver, while a worker goes on
            if not stored:
                self._keep_for_the_end(step)

    def take_logged(self, values: Mapping[str, float], step: int, at_once: bool = False) -> None:
        """Keep metrics of a step, and send what was kept to the study where it is time to, or at once."""
        if self.logged is None:
            self.logged = LogBuffer(self.since)
        if self.logged.add(values, step) or at_once:
            self.send_what_was_logged()

    def send_what_was_logged(self) -> None:
        """Send the metrics that were kept for the next write."""
        if self.logged is not None and self.channel is not None and (kept := self.logged.take()):
            self.send_metrics(kept)

    def send_metrics(self, metrics: Metrics) -> None:
        """Send metrics to the study, or keep them for later."""
        stored = False
        try:
            stored = self.channel is not None and self.channel.log(self.number, self.fence, metrics)
        finally:
            if not stored:
                if self.logged is None:
                    self.logged = LogBuffer()
                self.logged.put_back(metrics)

    def unsent_metrics(self) -> Metrics | None:
        """Return the metrics that the storage lacks still, which come with the end; None: none."""
        return None if self.logged is None else self.logged.take() or None

    def note(self, key: str, value: Any) -> None:
        """Keep a user attribute, and send it to the study.

        Args:
            value: its value, as `tunesmith.foundation.storable.storable` returns it.
        """
        if self.user is None:
            self.user = {}
        self.user[key] = value
        stored = False
        try:
            stored = self.channel is not None and self.channel.note(self.number, self.fence, key, value)
        finally:
            if not stored:
                self._keep_for_the_end(key)

    def settle(self, goes_on: bool) -> None:
        """End what is being saved when an attempt ends.

        Args:
            goes_on: whether the trial may be continued: what it saved after its last report is published, too.
        """
        if self.checkpoints is not None:
            if goes_on and self.reports:
                self.checkpoints.publish(self.last_step)
            self.checkpoints.close()

    def reported_cost(self) -> float | None:
        """Return the sum of the costs that this attempt gave with its reports; None: it gave none."""
        return math.fsum(self.costs.values()) if self.costs_given else None

    def unsent(self) -> tuple[dict[str, Any] | None, dict[int, Reported] | None]:
        """Return the user attributes and the reports that the storage lacks still; None: none."""
        if not self.left:
            return None, None
        notes = {k: v for k, v in (self.user or {}).items() if k in self.left}
        return notes or None, {s: v for s, v in (self.reports or {}).items() if s in self.left} or None

    def forget_reports(self) -> None:
        """Forget what this attempt reported: another one takes its place."""
        self.reports, self.costs = None, {}
        self.last_step, self.logged, self.best, self.planned = 0, None, None, None
        self.left = {key for key in self.left or () if isinstance(key, str)} or None

    def take_unsent(self, own: Link) -> None:
        """Find out what the storage lacks, for a trial that a worker sent back.

        That is what the study's own copy could not store, and what it never received because of an interrupt. The
        attempt is the one that the study's copy has by now, which also has the reports that were left out.
        """
        self.take_attempt(own)
        held, heard = self.user or {}, own.user or {}
        unsent: set[str | int] = set(own.left or ())
        unsent |= (self.reports or {}).keys() - (own.reports or {}).keys()
        unsent |= {key for key in held if key not in heard or held[key] is not heard[key] != held[key]}
        self.left = unsent or None
        if own.logged is not None:
            self.logged = self.logged or LogBuffer()
            self.logged.put_back(own.logged.take())
        if own.reports:
            self.reports, self.costs = {**own.reports, **(self.reports or {})}, {**own.costs, **self.costs}

    def leave_out(self, steps: Iterable[int]) -> None:
        """Leave out reports that the study's own copy has, to which the trial is sent back."""
        for step in steps:
            if self.reports is not None:
                self.reports.pop(step, None)
            self.costs.pop(step, None)

    def take_attempt(self, of: Link | FrozenTrial) -> None:
        """Go on as the attempt that a record, or another copy of this trial, is at."""
        self.attempt, self.token, self.previous_attempts = of.attempt, of.token, of.previous_attempts

    def _keep_for_the_end(self, what: str | int) -> None:
        if self.left is None:
            self.left = set()
        self.left.add(what)

    def __getstate__(self) -> tuple[Any, ...]:
        # Without the channel, which belongs to this process: a copy of the trial may be told elsewhere. By place: each
        # trial of other processes comes and goes as a message.
        here = ("channel", "checkpoints", "since")
        return tuple(None if name in here else getattr(self, name) for name in self.__slots__)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        for name, value in zip(self.__slots__, state, strict=True):
            setattr(self, name, value)
