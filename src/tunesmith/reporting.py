"""The part of a running trial that reports: values and costs of its steps, and its checkpoint."""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Set
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tunesmith.caution import caution
from tunesmith.curves import Reported
from tunesmith.frozen import MOST_STEPS, NAN, Attempt, Fence
from tunesmith.numerics.scalars import real
from tunesmith.preemption import PREEMPTION
from tunesmith.suggest import Suggestions
from tunesmith.text import shown

if TYPE_CHECKING:
    from tunesmith.artifacts.checkpoints import Checkpoints
    from tunesmith.artifacts.collection import Artifacts
    from tunesmith.artifacts.pointers import Pointers
    from tunesmith.epochs import CheckpointTimes, Epochs

MOST_VALUES = 1000  # of a report that are read: an iterator may have no end


class Channel(Protocol):
    """How a running trial reaches its study: it sends reports and user attributes, and gets the pruner's answer.

    Each message carries the fence of the attempt, so that one that was replaced cannot write to the record of the next.
    """

    def report(self, number: int, fence: Fence, step: int, value: Reported, cost: float) -> bool:
        """Send a reported value (of several objectives, a tuple) and its cost.

        False: it could not be stored now, and comes with the trial's end.
        """

    def note(self, number: int, fence: Fence, key: str, value: Any) -> bool:
        """Send a user attribute, as ``storable`` made it; the answer is that of ``report``."""

    def should_prune(self, number: int, step: int) -> bool:
        """Ask whether the trial should stop, given all its reports."""

    def pointers(self, number: int, fence: Fence) -> Pointers:
        """Return what publishes the trial's artifacts."""


class Reporting(Suggestions):
    """The part of a `tunesmith.Trial` that reports; the constructor is there.

    Attributes:
        checkpoints: what saves its checkpoint; None: it has saved none in this attempt.
        reports: what this attempt reported, by step; None if nothing.
        costs: what each of these steps cost, in seconds or the user's unit.
    """

    __slots__ = (
        "_channel",
        "_costs_given",
        "_epochs",
        "_last_step",
        "_objectives",
        "_since",
        "_times",
        "_unsent",
        "_user",
        "checkpoints",
        "costs",
        "reports",
    )

    reports: dict[int, Reported] | None
    costs: dict[int, float]
    _channel: Channel | None
    checkpoints: Checkpoints | None
    _costs_given: bool
    _epochs: Epochs | None
    _last_step: int
    _objectives: int
    _since: float | None  # when what the next report costs began, by this process's clock
    _times: CheckpointTimes | None
    _unsent: set[str | int] | None  # keys of notes and steps of reports that the storage lacks
    _user: dict[str, Any] | None
    previous_attempts: tuple[Attempt, ...]

    @property
    @abstractmethod
    def fence(self) -> Fence:
        """What its writes carry."""

    @property
    @abstractmethod
    def artifacts(self) -> Artifacts:
        """Its artifacts."""

    @property
    @abstractmethod
    def seed(self) -> int:
        """A seed of its own."""

    def report(self, value: float | Iterable[float], step: int, cost: float | None = None) -> None:
        """Report how the objective stands after a step. A step that was reported before is ignored, with a warning.

        If ``checkpoint_dir`` holds something new, it is published as the state after this step.

        Args:
            value: the objective's value by now; in a study with several objectives, one value for each direction.
            step: an epoch, a number of rows, a fold; from 0. A resumed trial goes on with the step after
                ``resumed_from_step``. A float that is a whole number is taken as one.
            cost: what was spent since the report before, in a unit of your own (GPU-hours, tokens): give it with each
                report or with none. 0: nothing, as where the result was in a cache. None: the seconds are measured.

        Raises:
            TypeError: the value or the cost is no number, or the step no whole number; a text is neither. Of several
                objectives: the values are no sequence of numbers.
            ValueError: there are more or fewer values than objectives; the step is negative, or 2**63 or more; or the
                cost is below 0, or not finite.
            AttemptReplacedError: the trial was given up meanwhile, and another worker runs it.
        """
        now = time.monotonic()
        try:
            read = _number(value) if self._objectives == 1 else _numbers(value)
            index = int(step)
            if index != step:
                raise ValueError("a part of a step, or a text")
        except (TypeError, ValueError, OverflowError):
            several = self._objectives == 1 and isinstance(value, list | tuple)
            raise TypeError(
                f"report(value, step) takes {_expected(self._objectives)} and an integer step; got "
                f"value={shown(value)}, step={shown(step)}"
                + " (several values are for a study with several directions)"
                * several
            ) from None
        if isinstance(read, tuple) and len(read) != self._objectives:
            raise ValueError(
                f"report(values, step) takes {_expected(self._objectives)} and an integer step; got {len(read)}: "
                f"{shown(value)}"
            )
        if not 0 <= index < MOST_STEPS:
            raise ValueError(f"report: the step must be 0 or more, and less than 2**63; got {shown(step)}")
        # A database counts the values of several objectives by one number, see storage/sql/vectors.py.
        if (index + 1) * (self._objectives - 1) > MOST_STEPS:
            raise ValueError(f"report: with {self._objectives} objectives, the step must be lower; got {shown(step)}")
        spent = NAN if cost is None else checked_cost(cost)
        if index in (self.reports or ()):
            caution(f"trial {self.number}: step {index} was reported already; ignored")
            return
        if cost is not None:
            self._costs_given = True
        elif self._since is not None and not self._costs_given:
            spent = now - self._since
        write = None
        if self._epochs is not None and self.checkpoint_due(self._epochs.every):
            write = self._epochs.save()
        try:
            self.take_report(read, index, spent)
            # After the report, which a run that goes on from this checkpoint will not make again.
            if self.checkpoints is not None:
                self._publish(index, write)
        finally:
            if self._since is not None:
                self._since = time.monotonic()
        if self.checkpoints is not None:
            self.checkpoints.end_if_asked(index)

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
        self._last_step = step
        stored = False
        try:
            stored = self._channel is not None and self._channel.report(self.number, self.fence, step, value, cost)
        finally:  # an interrupt of the driver, while a worker goes on
            if not stored:
                self._keep_for_the_end(step)

    def should_prune(self) -> bool:
        """Ask the pruner, after a report, whether this trial should stop (``raise TrialPruned``).

        It may only be paused: then it is continued later, from its checkpoint if it has one.
        """
        if self._channel is None or not self.reports:
            return False
        if self.checkpoints is not None:
            self.checkpoints.publish(self._last_step)  # where it was saved after the report
        stops = self._channel.should_prune(self.number, self._last_step)
        if stops and self._epochs is not None:  # it goes on from here, though no checkpoint was due
            self._publish(self._last_step, self._epochs.save())
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
            ValueError: it is no number from 1 on, or no time.
        """
        if self._times is None or self._times.every != every:
            from tunesmith.epochs import CheckpointTimes

            self._times = CheckpointTimes(every, at_once=self.resumed_from_step is None)
        return self._times.due() or PREEMPTION.asked

    def settle(self, goes_on: bool) -> None:
        """End what is being saved when an attempt ends.

        Args:
            goes_on: whether the trial may be continued: what it saved after its last report is published, too.
        """
        if self.checkpoints is not None:
            if goes_on and self.reports:
                self.checkpoints.publish(self._last_step)
            self.checkpoints.close()

    def _publish(self, step: int, write: Callable[[Path], None] | None) -> None:
        found = self._own_checkpoints()
        if write is None:
            found.publish(step)
        else:
            found.publish_later(step, write)

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
        if self._channel is None:
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
    ) -> Epochs:
        """Return the epochs that are left, for a training loop that can be paused, resumed and repeated.

        At each report, the state of the training is saved to ``checkpoint_dir``: report once an epoch, at its end. A
        run that is resumed gets the state back and goes on with the next epoch, and ends with the same numbers as one
        that was never interrupted: the random numbers of Python, NumPy and, where it is imported, PyTorch are seeded
        with ``seed`` when the loop begins, and their states are saved too. After epoch n nothing is saved.

        Args:
            n: the last epoch; the first is 1.
            state: objects by name. Those that have ``state_dict`` and ``load_state_dict`` (models, optimisers,
                schedulers), ``get_state`` and ``set_state`` (``torch.Generator``), or are lists, dicts or sets get
                their state back in place. Others are pickled, and replaced in this dict. None: nothing is saved, and
                the loop goes on after ``resumed_from_step``.
            checkpoint_every: save at each so many reports, or when a time such as "10 min", "90 s" or "1 h" is over
                since the last one. The first report saves in any case, and so does one at which the trial is told to
                stop or to pause. What comes after the last checkpoint is done again when the process dies.
            background: let a thread write what was copied, while the training goes on; the first checkpoint is written
                at once. The copy is in memory, and one is written at a time. A process that dies meanwhile has the
                checkpoint before; one that is asked to end (SIGTERM) completes it.

        Returns:
            The numbers of the epochs, to be iterated over once.

        Raises:
            TypeError: n is no whole number, or the state no dict with names, or checkpoint_every neither number nor
                text.
            ValueError: n is below 1, the saved state has other names, or checkpoint_every is below 1 or no time.
            RuntimeError: this attempt has a loop with a state already.

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
        from tunesmith.epochs import Epochs

        if state is None:
            return Epochs(n, None, None, self.resumed_from_step or 0, self.seed, every=checkpoint_every)
        if self._epochs is not None:
            raise RuntimeError(
                f"trial {self.number}: epochs(n, state) was called before in this attempt; a trial has one checkpoint, "
                "so put all of the state into one loop"
            )
        place, source = None, None
        if self._channel is not None:
            found = self._own_checkpoints()
            source, place = found.source, found.place
        self._epochs = Epochs(
            n, state, place, 0, self.seed, source=source, every=checkpoint_every, background=background
        )
        return self._epochs

    def _own_checkpoints(self) -> Checkpoints:
        if self.checkpoints is None:
            from tunesmith.artifacts.checkpoints import Checkpoints

            self.checkpoints = Checkpoints(self.artifacts)
        return self.checkpoints

    # -- for the study -----------------------------------------------------------------------------------------

    def stop_clock(self) -> None:
        """Measure no seconds from now on: the time of the trial is not that of this process."""
        self._since = None

    def count_on(self, before: float) -> None:
        """Count in the user's unit if the attempts before did, which cost `before` together: the sum of what they gave.

        What is measured for their reports is less than that, since an attempt ends after its last report.
        """
        given = [cost for attempt in self.previous_attempts for cost in attempt.costs.values()]
        self._costs_given = bool(given) and math.isclose(math.fsum(given), before, rel_tol=1e-9)

    def reported_cost(self) -> float | None:
        """Return the sum of the costs that this attempt gave with its reports; None: it gave none."""
        return math.fsum(self.costs.values()) if self._costs_given else None

    def unsent(self) -> tuple[dict[str, Any] | None, dict[int, Reported] | None]:
        """Return the user attributes and the reports that the storage lacks still; None: none."""
        if not self._unsent:
            return None, None
        notes = {k: v for k, v in (self._user or {}).items() if k in self._unsent}
        return notes or None, {s: v for s, v in (self.reports or {}).items() if s in self._unsent} or None

    def forget_reports(self) -> None:
        """Forget what this attempt reported: another one takes its place."""
        self.reports, self.costs = None, {}
        self._last_step = 0
        self._unsent = {key for key in self._unsent or () if isinstance(key, str)} or None

    def _keep_for_the_end(self, what: str | int) -> None:
        if self._unsent is None:
            self._unsent = set()
        self._unsent.add(what)


def checked_cost(cost: Any) -> float:
    """Return the cost of a step; an error if it is none."""
    try:
        value = _number(cost)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"report: cost must be a number; got {shown(cost)}") from None
    if not 0 <= value < math.inf:
        raise ValueError(
            f"report: cost is what was spent since the report before, 0 or more and finite; got {shown(cost)}"
        )
    return value


def _number(value: Any) -> float:
    if isinstance(value, str | bytes | bytearray):
        raise TypeError("a text, though it may read as a number")
    return real(value)


def _numbers(values: Any) -> tuple[float, ...]:
    if isinstance(values, str | bytes | bytearray | Mapping | Set):  # which have no order, or are no numbers
        raise TypeError("no sequence of numbers")
    return tuple(_number(value) for value in islice(iter(values), MOST_VALUES))


def _expected(objectives: int) -> str:
    return "a number" if objectives == 1 else f"{objectives} numbers, one for each direction of the study,"
