"""What a trial is while it runs, :class:`Trial`; what is kept of it is in :mod:`tunesmith.frozen`.

A running trial carries everything it needs: the proposed point, the seed for names that the study has not seen yet,
and a channel for its reports. It knows neither the study nor the sampler, so it can be sent to another process.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from numbers import Real
from types import MappingProxyType
from typing import Any, Protocol
from zlib import crc32

import numpy as np

from tunesmith.caution import caution
from tunesmith.errors import SpaceError
from tunesmith.frozen import EMPTY, MOST_STEPS, NAN, Attempt, FrozenTrial, create_trial
from tunesmith.numerics.scalars import real
from tunesmith.space import Categorical, Float, Int, Parameter, Space, merge
from tunesmith.state import TrialState
from tunesmith.storable import checked_key, storable
from tunesmith.text import saferepr

__all__ = ["Channel", "FrozenTrial", "Proposals", "Trial", "TrialState", "create_trial"]


class Channel(Protocol):
    """How a running trial reaches the study: reports and notes go up, the pruner's answer comes back.

    What goes up carries the attempt, so that one that was given up cannot write to the next one's record.
    """

    def report(self, number: int, attempt: int, step: int, value: float) -> bool:
        """Hand on one reported value; false: it could not be stored now, and has to come with the end of the trial."""

    def note(self, number: int, attempt: int, key: str, value: Any) -> bool:
        """Hand on a user attribute, as ``storable`` made it; the answer is that of ``report``."""

    def should_prune(self, number: int, step: int) -> bool:
        """Ask whether the trial should stop, given everything it has reported."""


class Proposals:
    """One space, prepared for answering ``suggest_*`` calls by a dictionary look-up each."""

    __slots__ = ("space", "table")

    def __init__(self, space: Space | None) -> None:
        self.space = space
        self.table: dict[str, tuple[int, tuple[Any, ...] | None, Parameter]] = {}
        for i, (name, p) in enumerate(space.params.items() if space is not None else ()):
            self.table[name] = (i, _spec(p), p)


def _spec(p: Parameter) -> tuple[Any, ...] | None:
    """The arguments of the `suggest_*` call that p answers, in comparable form."""
    if isinstance(p, Float | Int):
        return (type(p), p.low, p.high, p.log, p.step)
    if isinstance(p, Categorical):
        return (Categorical, p)
    return None


class Trial:
    """A running trial: what an objective gets.

    Args:
        number: the trial's number in its study.
        seed: the study's seed.
        proposals: the space the sampler proposed over, prepared.
        row: the proposed internal values, one for each parameter of that space; NaN: no proposal.
        fixed: values the user asked for by name, which come before the proposal.
        channel: where reports go; None: nowhere, and ``should_prune`` says no.
        attempt: how often the trial was handed out, this time included.
        own_seed: what ``seed`` says; None: it follows from the study's seed and the number.
        previous_attempts: what earlier attempts left, oldest first.

    Attributes:
        number: the trial's number in its study.
        attempt: 1, or more where an earlier attempt was interrupted or its process died.
        previous_attempts: what those left, oldest first, as :class:`tunesmith.frozen.Attempt`: ``reports`` by step, and
            ``user_attrs``.
        params: the parameters suggested so far, by name.
        reports: what this attempt reported, by step; None if nothing.
    """

    __slots__ = (
        "_channel",
        "_constraints",
        "_deviant",
        "_fixed",
        "_last_step",
        "_outside",
        "_own_seed",
        "_proposals",
        "_row",
        "_seed",
        "_unsent",
        "_user",
        "_whole",
        "attempt",
        "number",
        "params",
        "previous_attempts",
        "reports",
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
    ) -> None:
        self.number = number
        self.attempt = attempt
        self.params: dict[str, Any] = {}
        self.reports: dict[int, float] | None = None
        self._seed = seed
        self._own_seed = own_seed
        self._proposals = proposals
        self._row = row
        self._fixed = fixed
        self._channel = channel
        self._user = user
        self._whole = False
        self._constraints: dict[str, float] | None = None
        self._deviant: dict[str, tuple[Parameter, float]] | None = None
        self._outside: dict[str, Any] | None = None
        self._last_step = 0
        self._unsent: set[str | int] | None = None  # keys of notes and steps of reports that the storage lacks
        self.previous_attempts = previous_attempts

    # -- suggestions -------------------------------------------------------------------------------------------

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

        Raises:
            SpaceError: the range is not valid.
        """
        entry = self._proposals.table.get(name)
        if entry is not None and self._fixed is None and entry[1] == (Float, low, high, log, step):
            value = self._row[entry[0]]
            if value == value:
                self.params[name] = value
                return value
        return float(self._suggest(name, lambda: Float(low, _reached(name, low, high, step), log=log, step=step)))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Return an integer from low to high, both inclusive.

        Args:
            name: the parameter's name.
            low: the lowest value.
            high: the highest value.
            step: only values ``low + k * step``; a `high` that is none of them is lowered, with a warning.
            log: search on the logarithmic scale; needs ``low >= 1``.

        Raises:
            SpaceError: the range is not valid.
        """
        entry = self._proposals.table.get(name)
        if entry is not None and self._fixed is None and entry[1] == (Int, low, high, log, step):
            x = self._row[entry[0]]
            if x == x:
                value = int(x)
                self.params[name] = value
                return value
        return int(self._suggest(name, lambda: Int(low, _reached(name, low, high, step), log=log, step=step)))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Return one of the choices.

        Raises:
            SpaceError: there is no choice, or one stands there twice.
        """
        entry = self._proposals.table.get(name)
        if entry is not None and self._fixed is None and isinstance(entry[2], Categorical):
            x = self._row[entry[0]]
            if x == x and entry[2].is_spelled(choices):
                value = entry[2].to_external(x)
                self.params[name] = value
                return value
        return self._suggest(name, lambda: Categorical(choices))

    def suggest(self, name: str, parameter: Parameter) -> Any:
        """Return a value of a parameter given as an object (``Float``, ``Int``, ``Categorical``, ``Ordinal``, ...)."""
        return self._suggest(name, lambda: parameter)

    def _suggest(self, name: str, build: Any) -> Any:
        """The slow path: a name or a range that the proposal does not cover, or a value the user fixed."""
        if not isinstance(name, str) or not name:  # type: ignore[redundant-expr]  # users' calls are not always typed
            raise SpaceError(f"a parameter's name must be a non-empty text; got {saferepr(name)}")
        try:
            p: Parameter = build()
        except SpaceError as error:
            raise SpaceError(f"parameter {name!r}: {error}") from None
        if name in self.params and p.contains(self.params[name]):
            return self.params[name]  # asked for again: a name has one value in a trial
        if self._outside is not None and name in self._outside:
            return self._outside[name]
        entry = self._proposals.table.get(name)
        x = NAN
        if self._fixed is not None and name in self._fixed:
            if p.contains(self._fixed[name]):
                x = p.to_internal(self._fixed[name])
            elif isinstance(p, Float | Int) and _is_number_for(p, self._fixed[name]):
                return self._use_outside(name, p, self._fixed[name])
            else:
                caution(
                    f"trial {self.number}: the enqueued value {self._fixed[name]!r} of {name!r} lies outside {p!r}; "
                    "the sampler's proposal is used instead"
                )
        if x != x and entry is not None and self._row[entry[0]] == self._row[entry[0]]:
            proposed = entry[2].to_external(self._row[entry[0]])
            if p.contains(proposed):
                x = p.to_internal(proposed)
        if x != x:
            rng = np.random.default_rng([self._seed, self.number, crc32(name.encode())])
            x = float(p.from_unit(rng.random(1))[0])
        value = p.to_external(x)
        self.params[name] = value
        if entry is not None and entry[1] == _spec(p):
            self._row[entry[0]] = x
        else:
            if self._deviant is None:
                self._deviant = {}
            self._deviant[name] = (p, x)
        return value

    def _use_outside(self, name: str, p: Float | Int, value: Any) -> Any:
        """Use a number that the user enqueued and that lies outside of the range; no point of the space has it."""
        caution(
            f"trial {self.number}: the enqueued value {value!r} of {name!r} lies outside {p!r}; it is used, and "
            "samplers do not learn from this trial's value of it"
        )
        value = int(value) if isinstance(p, Int) else float(value)
        self._outside = {**(self._outside or {}), name: value}
        self._deviant = {**(self._deviant or {}), name: (p, NAN)}
        self.params[name] = value
        return value

    @property
    def outside(self) -> Mapping[str, Any]:
        """Enqueued values that were used although they lie outside of their ranges, by name (read-only)."""
        return MappingProxyType(self._outside) if self._outside else EMPTY

    # -- reports -----------------------------------------------------------------------------------------------

    def report(self, value: float, step: int) -> None:
        """Report how the objective stands after `step` (an epoch, a number of rows, a fold; from 0).

        A step that was reported before is ignored, with a warning.

        Raises:
            TypeError: the value is no number or the step no integer.
            ValueError: the step is negative, or 2**63 or more.
            AttemptReplacedError: the trial was given up meanwhile, and another worker runs it.
        """
        try:
            value, index = real(value), int(step)
        except (TypeError, ValueError, OverflowError):
            raise TypeError(
                "report(value, step) takes a number and an integer step; got "
                f"value={saferepr(value)}, step={saferepr(step)}"
            ) from None
        if not 0 <= index < MOST_STEPS:
            raise ValueError(f"report: the step must be 0 or more, and less than 2**63; got {saferepr(step)}")
        if self.reports is None:
            self.reports = {}
        if index in self.reports:
            caution(f"trial {self.number}: step {index} was reported already; ignored")
            return
        self.reports[index] = value
        self._last_step = index
        stored = False
        try:
            stored = self._channel is not None and self._channel.report(self.number, self.attempt, index, value)
        finally:  # an interrupt of the driver, while a worker goes on
            if not stored:
                self._keep_for_the_end(index)

    def should_prune(self) -> bool:
        """Ask the pruner, after a report, whether this trial should stop (``raise TrialPruned``)."""
        if self._channel is None or not self.reports:
            return False
        return self._channel.should_prune(self.number, self._last_step)

    # -- notes -------------------------------------------------------------------------------------------------

    def set_user_attr(self, key: str, value: Any) -> None:
        """Note something about the trial; it is stored at once, and survives the death of the process.

        A trial that is run again after such a death finds it in ``user_attrs``: a checkpoint's name, say. A copy is
        kept, in the same form in memory and in a file: tuples become lists, keys of dicts become text, NumPy numbers
        and arrays become numbers and lists.

        Raises:
            ValueError: the value cannot be kept (see :func:`tunesmith.storable.storable`), or the key is no text.
            AttemptReplacedError: the trial was given up meanwhile, and another worker runs it.
        """
        kept = storable(key, value)
        if self._user is None:
            self._user = {}
        self._user[key] = kept
        stored = False
        try:
            stored = self._channel is not None and self._channel.note(self.number, self.attempt, key, kept)
        finally:
            if not stored:
                self._keep_for_the_end(key)

    @property
    def user_attrs(self) -> Mapping[str, Any]:
        """What was noted so far, by earlier attempts at the trial too (read-only)."""
        return MappingProxyType(self._user) if self._user else EMPTY

    def set_constraint(self, key: str, value: float) -> None:
        """Note the value of a constraint; the trial is feasible where all of them are at most 0.

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
        """Constraint values noted so far, by name; None if there are none."""
        return self._constraints

    @property
    def distributions(self) -> dict[str, Parameter]:
        """Ranges and choices of the parameters suggested so far, by name."""
        space, x = self.point()
        if space is None:
            return {}
        return {n: p for (n, p), v in zip(space.params.items(), x, strict=True) if v == v or n in self.outside}

    @property
    def seed(self) -> int:
        """A seed of the trial's own, 0 <= seed < 2**32, for the objective's random numbers.

        It follows from the study's seed and the trial's number, so that a trial that is run again after an interruption
        gets the same. In ``study.confirm`` each repeat has another one, which no trial of the search had.
        """
        if self._own_seed is not None:
            return self._own_seed
        return int(np.random.SeedSequence([self._seed, self.number]).generate_state(1)[0])

    # -- for the study -----------------------------------------------------------------------------------------

    def point(self) -> tuple[Space | None, list[float]]:
        """Return the trial's own space and its internal values there, NaN where a parameter was not used."""
        space, row = self._proposals.space, self._row
        if space is None and self._deviant is None:
            return None, []
        used = self.params
        table = self._proposals.table
        if self._deviant is None:
            if not self._whole and len(used) < len(table):
                row = [v if n in used else NAN for n, v in zip(table, row, strict=True)]
            return space, row
        own: dict[str, tuple[Parameter, float]] = {
            n: (p, row[i]) for n, (i, _, p) in table.items() if (self._whole or n in used) and n not in self._deviant
        }
        own.update(self._deviant)
        return _own_space(tuple((n, p) for n, (p, _) in own.items())), [v for _, v in own.values()]

    def notes(self) -> dict[str, Any] | None:
        """Return the user attributes as they are to be stored."""
        return self._user

    def unsent(self) -> tuple[dict[str, Any] | None, dict[int, float] | None]:
        """Return the user attributes and the reports that the storage lacks still; None: none."""
        if not self._unsent:
            return None, None
        notes = {k: v for k, v in (self._user or {}).items() if k in self._unsent}
        return notes or None, {s: v for s, v in (self.reports or {}).items() if s in self._unsent} or None

    def take_unsent(self, own: Trial) -> None:
        """Take over what the study's own copy of this trial could not store; for one that a worker sent back.

        What that copy never heard of, since an interrupt came when it should have, is to be stored as well.
        """
        held, heard = self._user or {}, own._user or {}
        unsent: set[str | int] = set(own._unsent or ())
        unsent |= (self.reports or {}).keys() - (own.reports or {}).keys()
        unsent |= {key for key in held if key not in heard or held[key] is not heard[key] != held[key]}
        self._unsent = unsent or None

    def _keep_for_the_end(self, what: str | int) -> None:
        if self._unsent is None:
            self._unsent = set()
        self._unsent.add(what)

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        # Without the channel, which belongs to this process; so a trial may be pickled, and told by its copy.
        return None, {name: None if name == "_channel" else getattr(self, name) for name in self.__slots__}

    def connect(self, channel: Channel | None) -> None:
        """Let reports go through a channel; None: cut it off, so that the trial can be sent elsewhere."""
        self._channel = channel

    def take_whole(self) -> dict[str, Any]:
        """Use the whole proposal at once, as an objective over a declared space does; return the parameters."""
        if self._whole:
            return self.params
        self._whole = True
        space = self._proposals.space
        self.params = space.decode_row(self._row) if space is not None else {}
        return self.params


def _is_number_for(p: Float | Int, value: Any) -> bool:
    """Whether a value is a finite number, and a whole one for an Int."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    try:
        return math.isfinite(value) and (isinstance(p, Float) or float(value).is_integer())
    except OverflowError:  # an integer that no float can hold
        return False


def _reached(name: str, low: Any, high: Any, step: Any) -> Any:
    """Return the highest value that steps from `low` reach; what is no number is left to the range's own checks."""
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
def _own_space(params: tuple[tuple[str, Parameter], ...]) -> Space:
    """The space of a trial that went its own way; one object for all trials that went the same way."""
    return merge(None, dict(params))
