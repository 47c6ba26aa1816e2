"""The running trial; its record is in `tunesmith.frozen`.

A running trial carries everything it needs: the proposed point, the seed for names that the study has not seen yet,
and a channel for its reports. It knows neither the study nor the sampler, so it can be sent to another process.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith.errors import ArtifactError
from tunesmith.frozen import EMPTY, Attempt, Fence, FrozenTrial, checked_noise, create_trial
from tunesmith.numerics.scalars import real
from tunesmith.reporting import Channel, Reporting
from tunesmith.state import TrialState
from tunesmith.storable import checked_key, storable
from tunesmith.suggest import Proposals, Suggestions

if TYPE_CHECKING:
    from tunesmith.artifacts.collection import Artifacts

__all__ = ["Channel", "FrozenTrial", "Proposals", "Trial", "TrialState", "create_trial"]


class Trial(Reporting):
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
        attempt: 1, or more where an earlier attempt was paused or interrupted, or its process died.
        continues: whether the trial was paused, and goes on.
        token: with the attempt, the fence of what it writes (see `tunesmith.frozen.Fence`).
        previous_attempts: what those left, oldest first, as `tunesmith.frozen.Attempt`: ``reports`` by step, and
            ``user_attrs``.
        params: the parameters suggested so far, by name.
        reports: what this attempt reported, by step; None if nothing.
        costs: what each of these steps cost, in seconds or the user's unit.
        noise: what ``set_noise`` was given; None: nothing.

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
        "_own_seed",
        "attempt",
        "continues",
        "noise",
        "previous_attempts",
        "token",
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
        self.params = {}
        self._seed = seed
        self._proposals = proposals
        self._row = row
        self._fixed = fixed
        self._whole = False
        self._deviant = None
        self._outside = None
        self._flat = self._shape = None
        self.attempt = attempt
        self.token = token
        self.previous_attempts = previous_attempts
        self.reports = None
        self._own_seed = own_seed
        self._channel = channel
        self._user = user
        self._constraints: dict[str, float] | None = None
        self.noise: float | list[float] | None = None
        self._last_step = 0
        self._objectives = objectives
        self._unsent = None
        self.continues = False
        self.costs = {}
        self._costs_given = False
        self._since = None
        self.checkpoints = None
        self._epochs = None
        self._times = None

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
            ValueError: the value cannot be kept (see `tunesmith.storable.storable`), or the key is no text.
            AttemptReplacedError: the trial was given up meanwhile, and another worker runs it.
        """
        kept = storable(key, value)
        if self._user is None:
            self._user = {}
        self._user[key] = kept
        stored = False
        try:
            stored = self._channel is not None and self._channel.note(self.number, self.fence, key, kept)
        finally:
            if not stored:
                self._keep_for_the_end(key)

    @property
    def user_attrs(self) -> Mapping[str, Any]:
        """User attributes so far, those of earlier attempts included (read-only)."""
        return MappingProxyType(self._user) if self._user else EMPTY

    def set_constraint(self, key: str, value: float) -> None:
        """Set the value of a constraint; a trial is feasible if all are at most 0.

        Args:
            key: the constraint's name.
            value: its value.

        Raises:
            ValueError: the key is no text.
            TypeError: the value is no number.
        """
        checked_key(key)
        if self._constraints is None:
            self._constraints = {}
        self._constraints[key] = real(value)

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
            TypeError: it is no number, and no list of numbers.
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
        return seed_of_trial(self._seed, self.number)

    @property
    def artifacts(self) -> Artifacts:
        """Files and folders that the trial keeps, by name: models, plots, checkpoints.

        An attempt finds what earlier ones left. One that was replaced meanwhile can save nothing.

        Raises:
            ArtifactError: this is a copy of the trial that has no connection to its study.
        """
        if self._channel is None:
            raise ArtifactError(
                f"this copy of trial {self.number} has no connection to its study, and so no artifacts; in another "
                f"process, load the study there and use study.artifacts.of({self.number})"
            )
        from tunesmith.artifacts.collection import Artifacts

        return Artifacts(self._channel.pointers(self.number, self.fence), self.number)

    @property
    def fence(self) -> Fence:
        """What its writes carry."""
        return Fence(self.attempt, self.token)

    # -- for the study -----------------------------------------------------------------------------------------

    def take_unsent(self, own: Trial) -> None:
        """Find out what the storage lacks, for a trial that a worker sent back.

        That is what the study's own copy could not store, and what it never received because of an interrupt. The
        attempt is the one that the study's copy has by now.
        """
        self.take_attempt(own)
        held, heard = self._user or {}, own._user or {}
        unsent: set[str | int] = set(own._unsent or ())
        unsent |= (self.reports or {}).keys() - (own.reports or {}).keys()
        unsent |= {key for key in held if key not in heard or held[key] is not heard[key] != held[key]}
        self._unsent = unsent or None

    def take_attempt(self, of: Trial | FrozenTrial) -> None:
        """Go on as the attempt that a record, or another copy of this trial, is at."""
        self.attempt, self.token, self.previous_attempts = of.attempt, of.token, of.previous_attempts

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        # Without the channel, which belongs to this process: a copy of the trial may be told elsewhere.
        names = (*Suggestions.__slots__, *Reporting.__slots__, *Trial.__slots__)
        here = ("_channel", "checkpoints", "_epochs", "_since", "_times")
        return None, {name: None if name in here else getattr(self, name) for name in names}

    def connect(self, channel: Channel | None) -> None:
        """Set the channel; None: remove it, so that the trial can be sent to another process."""
        self._channel = channel
        self._since = time.monotonic()


def seed_of_trial(study_seed: int, number: int) -> int:
    """Return what ``trial.seed`` is.

    Args:
        study_seed: the seed of the study.
        number: the trial's number.

    Returns:
        the seed, 0 <= seed < 2**32.
    """
    return int(np.random.SeedSequence([study_seed, number]).generate_state(1)[0])
