"""When the study is told of which candidate, and how many may be under way.

A search with W workers is the same each time if candidate k is asked for when the study has been told of all candidates
up to k - W, in their order, and of no other.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from tunesmith.sklearn.search.candidate import Candidate
from tunesmith.sklearn.search.racing import RacingScheduler

MOST_PER_WORKER = 100  # candidates under way with a sampler that does not adapt, so that memory is bounded


@dataclass(slots=True)
class TellOrder:
    """The candidates of one search between being asked for and being told.

    Args:
        scheduler: decides how they end.

    Attributes:
        limit: how many there may be.
        at_once: whether the study is told of each as soon as it is decided.
        closed: whether no further candidate is begun.
    """

    scheduler: RacingScheduler
    limit: float = math.inf
    at_once: bool = True
    closed: bool = False
    _decided: deque[Candidate] = field(default_factory=deque)

    def begin(self, deterministic: bool, adaptive: bool, workers: int, dispatch_limit: float) -> None:
        """Settle how many candidates there may be.

        Args:
            deterministic: whether the order matters at all.
            adaptive: whether the sampler's proposals depend on results.
            workers: how many fits run at once.
            dispatch_limit: how many pieces of work may be under way.
        """
        self.at_once = not (adaptive and deterministic)
        if deterministic:
            self.limit = max(dispatch_limit, workers) if adaptive else MOST_PER_WORKER * workers

    @property
    def n_open(self) -> int:
        """How many candidates were begun of which the study was not told."""
        return len(self.scheduler.under_way) + len(self._decided)

    @property
    def full(self) -> bool:
        """Whether a further candidate has to wait."""
        return self.n_open >= self.limit

    def decide(self) -> None:
        """See which candidates have ended."""
        self._decided.extend(self.scheduler.decide())

    def due(self) -> Iterator[Candidate]:
        """Take the candidates of which the study has to know before the next one is asked for."""
        while self._decided and (self.closed or self.at_once or self.full):
            yield self._decided.popleft()
