"""Whose turn it is: how many candidates may be under way, and of which the study is told when.

A search with W workers is the same each time if candidate k is asked for when the study has been told of all candidates
up to k - W, in their order, and of no other.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from tunesmith.sklearn.search.racing import Candidate, Contest

MOST_AHEAD = (
    100  # candidates a worker that may be under way with a sampler that is not adaptive, so that memory has an end
)


@dataclass(slots=True)
class Turns:
    """The candidates of one search between being asked for and being told.

    Args:
        contest: decides how they end.

    Attributes:
        most: how many there may be.
        at_once: whether the study is told of each as soon as it is decided.
        over: whether no candidate is to be begun any more.
    """

    contest: Contest
    most: float = math.inf
    at_once: bool = True
    over: bool = False
    _decided: deque[Candidate] = field(default_factory=deque)

    def begin(self, deterministic: bool, adaptive: bool, workers: int, room: float) -> None:
        """Settle how many candidates there may be.

        Args:
            deterministic: whether the order matters at all.
            adaptive: whether the sampler's proposals depend on the results.
            workers: how many fits run at once.
            room: how many pieces of work may be under way.
        """
        self.at_once = not (adaptive and deterministic)
        if deterministic:
            self.most = max(room, workers) if adaptive else MOST_AHEAD * workers

    @property
    def open(self) -> int:
        """How many candidates were begun of which the study was not told."""
        return len(self.contest.under_way) + len(self._decided)

    def decide(self) -> None:
        """See which candidates have ended."""
        self._decided.extend(self.contest.decide())

    def due(self) -> Iterator[Candidate]:
        """Take those of which the study is to know when the next candidate is asked for, and no more."""
        while self._decided and (self.over or self.at_once or self.open >= self.most):
            yield self._decided.popleft()
