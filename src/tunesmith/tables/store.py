"""What a search of `tunesmith.tune` keeps in its study, so that the same call goes on where an earlier one ended.

The study holds what identifies the search, its calls, and each fit: the outcome, the answers, and the time at which it
came. A search that is run again goes its way from the beginning. While what it wants to fit is known, it is told the
outcome, in the order and at the time at which it came; from then on it fits. So wherever it was killed, it decides as
if it had not been, and nothing that was decided has to be stored.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tunesmith.errors import ArtifactError, ResumeError, StudyNotFoundError
from tunesmith.executors.base import Notice
from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.foundation.states import FailureKind, TrialState
from tunesmith.selection.targets import Predictions
from tunesmith.sklearn.evaluate.pool import Batch, Pool
from tunesmith.sklearn.store.candidates import from_record, to_record
from tunesmith.sklearn.store.fingerprint import differences
from tunesmith.sklearn.store.outcome import Outcome, pack
from tunesmith.storage import Storage
from tunesmith.study import Study
from tunesmith.trial.record import FrozenTrial

KEY = "tables"  # the attribute of the study that identifies the search
CALLS = "tables calls"  # that of its calls
FIT = "tables fit "  # begins those of a trial that hold its fits; the number of the split follows
RETRIES: dict[FailureKind | str, int] = {"lost": 10}  # a kill counts for all candidates that are open
MOST_CHARACTERS = 2**16  # of the answers of a fit, beside its trial; larger ones are an artifact
DATA = ("X", "y", "columns", "classes", "groups", "sample_weight")


def known_search(storage: Storage, name: str) -> tuple[int, Mapping[str, Any] | None] | None:
    """Return the seed of the study of a search, and what identifies that; None: there is no such study.

    Raises:
        ResumeError: the study is not of `tune`, or of a version that kept too little to go on.
    """
    try:
        record = storage.load_study(name)
    except StudyNotFoundError:
        return None
    known = record.system.get(KEY)
    if known is None and any(storage.count(record.id).values()):
        raise ResumeError(f"tune: the study {name!r} has trials that are not of tune; give another study_name=")
    if known is not None and "splits" not in known:
        raise ResumeError(
            f"tune: the study {name!r} was made by tunesmith 1.0, which kept neither what its fits answered nor which "
            "rows they were of, so that no later version can go on with it. Give another study_name= or storage=; the "
            "old study can still be shown and reported"
        )
    return record.seed, known


def check_same(name: str, known: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """See that a search is the one that a study was made by.

    Args:
        name: of the study.
        known: what identifies its search.
        asked: likewise, of this one.

    Raises:
        ResumeError: it is another one.
    """
    if not (changed := differences(known, asked)):
        return
    names = {text.partition(":")[0].partition(" ")[0] for text in changed}
    what = "other data" if names & set(DATA) else "another metric, other folds or other models"
    hint = ""
    if names == {"splits"}:
        hint = " (a splitter that shuffles needs a random_state, or its folds are others each time)"
    raise ResumeError(
        f"tune: the study {name!r} belongs to {what}; what differs:\n  " + "\n  ".join(changed) + "\nGive another "
        f"study_name= or storage=, or go back to what it was{hint}"
    )


class Call(NamedTuple):
    """One call of a search.

    Attributes:
        begins: how many fits of earlier calls are known.
        timeout: seconds; None: no limit.
        n_trials: how many candidates there may be in all; None: no limit.
        n_workers: how many fits run at once.
    """

    begins: int
    timeout: float | None
    n_trials: int | None
    n_workers: int


Reading = tuple[float, float]  # of the clock: seconds since the call began, and by how much busy cores stretch them


class Kept:
    """What is known of a search from earlier calls, and what is kept of this one.

    Args:
        study: where.
        persistent: whether the study outlives the call; else nothing is kept.
        timeout: of this call, as `n_trials` and `n_workers` are; see `Call`.

    Attributes:
        persistent: as above.
        left: trials of the study that the search has not come to, in their order.
        n_left: fits of earlier calls that the search was not told of.
    """

    def __init__(
        self, study: Study, persistent: bool, timeout: float | None, n_trials: int | None, n_workers: int
    ) -> None:
        self.study, self.persistent = study, persistent
        self.left: deque[FrozenTrial] = deque()
        self._fits: dict[int, dict[int, dict[str, Any]]] = {}  # by trial and split
        self._told: set[tuple[int, int]] = set()
        self._n_known = 0
        self._calls: list[Call] = []
        if persistent:
            self._read()
        self.n_left = sum(map(len, self._fits.values()))
        self.own = Call(self._n_known, timeout, n_trials, n_workers)
        self._is_noted = not persistent  # whether the study knows of this call

    def _read(self) -> None:
        for trial in self.study.trials:
            if trial.state is TrialState.RUNNING:  # of another process
                continue
            self.left.append(trial)
            for name, kept in trial.system_attrs.items():
                split = name.removeprefix(FIT)
                if split != name and split.isdecimal() and _is_fit(kept):
                    self._fits.setdefault(trial.number, {})[int(split)] = kept
        places = (kept["seq"] for fits in self._fits.values() for kept in fits.values())
        self._n_known = 1 + max(places, default=-1)
        calls = self.study.system_attrs.get(CALLS, ())
        self._calls = [Call(*one) for one in calls if len(one) == len(Call._fields)]

    # -- what is known ---------------------------------------------------------------------------------------------

    def has(self, number: int, split: int | None = None) -> bool:
        """Tell whether a fit of a trial was made before, on a split or (None) on any."""
        fits = self._fits.get(number, {})
        return bool(fits) if split is None else split in fits

    def call(self, seq: int) -> Call:
        """Return the call that the fit of this place was made in; this one, if the search was told of all before."""
        before = [call for call in self._calls if call.begins <= seq] if self.n_left else []
        return before[-1] if before else self.own

    def outcome(self, number: int, split: int) -> Outcome | None:
        """Return the outcome of a fit; None: it is not known, or its answers cannot be read."""
        kept = self._fits.get(number, {}).get(split)
        if kept is None or kept.get("lost"):
            return None
        try:
            (outcome,) = from_record(number, kept["outcome"], {"score": math.nan})
            known = outcome.predictions
            if (file := kept.get("file")) is not None:
                values = np.frombuffer(self.study.artifacts.of(number).load(file["name"]), file["type"])
                known = Predictions("predict", values.reshape(file["shape"]))
            if known is None and kept["answered"]:
                return None
            return outcome._replace(split=split, predictions=known, unscored=kept["unscored"])
        except (ArtifactError, AttributeError, KeyError, TypeError, ValueError):  # it was damaged: it is fitted again
            return None

    def outcomes(self, number: int) -> Iterator[Outcome]:
        """Yield the outcomes of a trial that are known."""
        for split in sorted(self._fits.get(number, ())):
            if (outcome := self.outcome(number, split)) is not None:
                yield outcome

    def tell(self, number: int, split: int) -> tuple[int, Outcome] | None:
        """Return the place among all and the outcome of a fit that the search asks for; None: it has to be made."""
        if (outcome := self.outcome(number, split)) is None:
            return None
        self._told.add((number, split))
        return self._fits[number][split]["seq"], outcome

    def when(self, outcome: Outcome) -> tuple[int, Reading] | None:
        """Return the place of a fit that the search was told of, and the time at which it came; None: it was made."""
        if (outcome.candidate, outcome.split) not in self._told:
            return None
        kept = self._fits[outcome.candidate][outcome.split]
        passed, stretch = kept["clock"]
        return kept["seq"], (float(passed), float(stretch))

    # -- what is kept ----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Note this call, since it makes a fit."""
        if not self._is_noted:
            self._is_noted = True
            self.study.set_system_attr(CALLS, [list(call) for call in (*self._calls, self.own)])

    def note(self, outcome: Outcome, reading: Reading) -> None:
        """Keep the outcome of a fit.

        Args:
            reading: the time at which it came.
        """
        if not self.persistent:
            return
        known, number = outcome.predictions, outcome.candidate
        kept: dict[str, Any] = {
            "seq": self._n_known,
            "clock": list(reading),
            "outcome": to_record(str(outcome.split), [outcome._replace(predictions=None)]),
            "unscored": outcome.unscored,
            "answered": known is not None,
        }
        packed = None if known is None else pack([known])
        if packed is not None and len(packed["data"]) <= MOST_CHARACTERS:
            kept["outcome"]["predictions"] = packed
        elif known is not None:
            kept |= self._file(number, outcome.split, known.values)
        self.study.set_system_attr(f"{FIT}{outcome.split}", kept, number=number)
        self._n_known += 1

    def _file(self, number: int, split: int, values: Floats) -> dict[str, Any]:
        """Keep large answers as an artifact; where there is no place for artifacts, they are to be made again."""
        name, kind = f"answers/{split}", values.dtype.newbyteorder("<")
        try:
            self.study.artifacts.of(number).save(name, values.astype(kind, copy=False).tobytes())
        except ArtifactError:
            return {"lost": True}
        return {"file": {"name": name, "type": kind.str, "shape": list(values.shape)}}


def _is_fit(kept: Any) -> bool:
    """Tell whether this is a fit as it is kept: a file may be damaged."""
    if not isinstance(kept, dict) or not isinstance(kept.get("seq"), int) or not isinstance(kept.get("clock"), list):
        return False
    return len(kept["clock"]) == 2 and all(isinstance(number, int | float) for number in kept["clock"])


class Recalled:
    """A pool that answers from what is kept where it can: the workers of a search's loop.

    Args:
        pool: makes the other fits.

    Attributes:
        n_workers: how many fits run at once, or ran in the call that is gone through again.
        inline: whether they run in this thread.
    """

    def __init__(self, pool: Pool, kept: Kept) -> None:
        self._pool, self._kept = pool, kept
        self._due: list[tuple[int, int, Outcome]] = []
        self.n_workers, self.inline, self.shielded = pool.n_workers, pool.inline, pool.shielded

    @property
    def capacity(self) -> float:
        """How many fits may be under way at once."""
        return self.n_workers

    @property
    def under_way(self) -> int:
        """How many fits are under way."""
        return self._pool.under_way + len(self._due)

    def submit(self, batch: Batch) -> None:
        """Begin a fit."""
        (unit,) = batch
        (split,) = unit.splits
        if (told := self._kept.tell(unit.candidate, split)) is not None:
            heapq.heappush(self._due, (told[0], unit.candidate, told[1]))
            return
        self._kept.begin()
        self._pool.submit(batch)

    def poll(self, timeout: float | None = None) -> Sequence[list[Outcome] | Notice]:
        """Return the outcome of one fit; the first one that is known."""
        return [[heapq.heappop(self._due)[2]]] if self._due else self._pool.poll(timeout)

    def drain(self) -> Sequence[list[Outcome] | Notice]:
        """Return what has ended and was not polled."""
        return self._pool.drain()
