"""Results that the storage did not take, kept in this process until it does; those that stay are printed at exit."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from contextlib import suppress

from tunesmith.trial.record import Fence, TrialRecord


class Unsaved:
    """The unsaved results of one study object.

    Args:
        study_name: for messages.
        flush: tries to store it all, and raises if that does not work.

    Attributes:
        ends: the ends of trials that are kept, by number.
        released: attempts of trials to be released, by number.
        rescue: the file that has these ends, where the storage's own was lost.
    """

    def __init__(self, study_name: str, flush: Callable[[], None]) -> None:
        self.study_name = study_name
        self.flush = flush
        self.ends: dict[int, TrialRecord] = {}
        self.released: dict[int, Fence] = {}
        self.rescue: str | None = None

    def keep(self, done: TrialRecord) -> None:
        """Keep the end of a trial until it is stored, at exit at the latest."""
        self.ends[done.number] = done
        if not _holders:
            atexit.unregister(_at_exit)  # once is enough
            atexit.register(_at_exit, os.getpid())
        if self not in _holders:
            _holders.append(self)

    def drop(self, done: TrialRecord) -> None:
        """Forget an end that is stored."""
        del self.ends[done.number]
        if not self.ends:
            _holders.remove(self)


_holders: list[Unsaved] = []  # keeps the results of a study object that is gone


def _at_exit(pid: int) -> None:
    """Try a last time, and print what is lost."""
    if os.getpid() != pid:
        return  # a fork: the parent has them
    for held in list(_holders):
        with suppress(Exception):  # there is nobody left to tell
            held.flush()
        for done in held.ends.values():
            which = f"trial {done.number} of the study {held.study_name!r}"
            result = f"{done.state.name} {done.values}, {done.params}"
            end = "is lost" if held.rescue is None else f"is in {held.rescue} alone"
            print(f"tunesmith: the result of {which} could not be stored and {end}: {result}", file=sys.stderr)
