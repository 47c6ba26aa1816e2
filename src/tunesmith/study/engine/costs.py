"""Finds out once how dear a study's trials and starts are; from then on every process reads the class.

So no decision looks at a clock: a search that was killed makes the same trials on a machine of another speed.
"""

from __future__ import annotations

import logging
from contextlib import suppress

from tunesmith.errors import StorageUnavailableError
from tunesmith.history.costs import START, TRIAL, class_of_starts, class_of_trials
from tunesmith.study.engine.replica import StudyReplica

RUNS = 16  # of the first runs, whose starts are looked at
ONCE = "this was found out once, and is stored with the study"
_log = logging.getLogger("tunesmith")


def know_trials(study: StudyReplica) -> None:
    """See to it that the study knows how dear a trial is, if its costs say so."""
    history = study.history
    if TRIAL not in history.classes and (found := class_of_trials(history.cost, history.state)) is not None:
        with suppress(StorageUnavailableError):  # until it is there, samplers find the same
            if study.keep_class(TRIAL, found):
                _log.info("a trial is %s, by what the first ones cost; %s", found, ONCE)


def know_starts(study: StudyReplica) -> None:
    """See to it that the study knows how dear a start is, once a run is complete.

    Each attempt tells by itself: its first report pays for a start, the others tell the cost of one. So it does not
    matter on which machine it ran, and whether its trial was interrupted.
    """
    curves = study.history.curves
    if curves.costs_given or START in study.history.classes or not curves.longest_complete:
        return
    timed = [number for number in sorted(curves.numbers)[:RUNS] if len(curves.known_costs(number)) > 1]
    starts, shares = [], []
    for trial in study.trials(timed) if timed else ():
        for costs in (*(attempt.costs for attempt in trial.previous_attempts), trial.costs or {}):
            first, *others = (costs[step] for step in sorted(costs)) if costs else (0.0,)
            rate = sorted(others)[(len(others) - 1) // 2] if others else 0.0
            if rate > 0.0:
                starts.append(max(first - rate, 0.0))
                shares.append(starts[-1] / (rate * curves.longest_complete))
    if (found := class_of_starts(starts, shares)) is not None and study.keep_class(START, found):
        _log.info("a start is %s beside a full run, by the first %d; %s", found, len(starts), ONCE)
