"""One verdict of a search, however many run it at once: the first to conclude stores it, the others return it.

The process that told the study of its last trial concludes, since all processes agree on which that is. The others wait
for what it stores, as long as it shows that it lives. Threads of one process take turns. Where two conclude all the
same, since one gave no sign for long, the storage takes the first verdict, and the other one returns that.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from tunesmith.beside import beside
from tunesmith.errors import StorageError
from tunesmith.sklearn.protocols import Params
from tunesmith.sklearn.results.conclusion import Conclusion, conclude
from tunesmith.sklearn.results.evidence import Evidence, FinishedSearch, SelectionSettings
from tunesmith.sklearn.store.candidates import NOT_A_TRIAL
from tunesmith.sklearn.store.fingerprint import describe, digest
from tunesmith.study import Study
from tunesmith.study.verdict import Verdict, read_verdict
from tunesmith.workers import current_worker, is_dead

MARK = "sklearn concludes"  # the attribute of the study by which a process shows that it concludes
QUICK = 1.0  # seconds: a conclusion that takes less leaves no mark
PATIENCE = 5.0  # seconds for which another process may take to leave one
LOOK = 0.1  # seconds between two looks for what another process stores


@dataclass(slots=True)
class SearchesHere:
    """The searches of one study that run in this process."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    searches: int = 0


_here: dict[tuple[str, str], SearchesHere] = {}
_guard = threading.Lock()


@contextmanager
def one_of_these(where: str, study: Study) -> Iterator[SearchesHere]:
    """Count a search of a study among those of this process.

    Args:
        where: the name of the storage.
        study: the study.
    """
    key = where, study.study_name
    with _guard:
        found = _here.setdefault(key, SearchesHere())
        found.searches += 1
    try:
        yield found
    finally:
        with _guard:
            found.searches -= 1
            if not found.searches:
                del _here[key]


def conclude_once(
    run: FinishedSearch, search: Any, settings: SelectionSettings, here: SearchesHere | None
) -> Conclusion:
    """Draw the conclusion of a search and store it with its study, or return what was stored of the same search.

    Args:
        run: the search that has run; its workers are still there.
        search: the estimator whose settings it had.
        settings: how to conclude.
        here: the searches of the study in this process; None: nobody else can see the study.

    Raises:
        Exception: what the splitter raised.
    """
    study, asked = run.study, asked_of(search, settings, run.evidence.metric)
    ended = len(study.history)
    if here is None:
        made = conclude(run, search, settings)
        keep(study, made, run.evidence.numbers, ended, asked)
        return made
    with here.lock:
        if (found := _adopted(_wait(study, asked, ended, settings.deadline), run.evidence)) is not None:
            return found
        with beside(partial(_show, study, asked, ended), "tunesmith-concludes"):
            made = conclude(run, search, settings)
        there = keep(study, made, run.evidence.numbers, ended, asked, first=True)
        if there is None:
            return made
        if (found := _adopted(there, run.evidence)) is not None:
            return found
        keep(study, made, run.evidence.numbers, ended, asked)
        return made


def keep(
    study: Study,
    made: Conclusion,
    numbers: list[int],
    ended: int | None = None,
    asked: str = "",
    *,
    first: bool = False,
) -> Verdict | None:
    """Store a conclusion with its study; one that chose nothing is not.

    Args:
        study: the study.
        made: the conclusion.
        numbers: the trial of each candidate.
        ended: how many trials it was drawn from; None: all that have ended.
        asked: what identifies the settings.
        first: not in the place of a verdict on the same trials by the same settings.

    Returns:
        that verdict, which stays; None: there was none.
    """
    report, index = made.report, made.index
    if index is None or report.chosen is None:
        return None
    trial = numbers[index]
    return study.store_verdict(
        Verdict(
            report,
            report.chosen,
            None if trial == NOT_A_TRIAL else trial,
            len(study.history) if ended is None else ended,
            asked,
            {name: None if place is None else numbers[place] for name, place in made.places.items()},
            made.fresh,
        ),
        first=first,
    )


def asked_of(search: Any, settings: SelectionSettings, metric: str | None) -> str:
    """Return what identifies how to decide; estimator, data, metric and splits are in the search's fingerprint."""
    how = {
        "confirm": settings.confirm,
        "prefer_default": settings.prefer_default,
        "complexity": settings.complexity,
        "level": settings.level,
        "risk": settings.risk,
        "reshuffle": getattr(search, "reshuffle", False),
        "metric": metric,
    }
    return digest(describe(how).encode())


def _matching(system: Mapping[str, Any], study: Study, asked: str, ended: int) -> Verdict | None:
    """Return the verdict among a study's attributes if it is that of the same search of the same trials."""
    with suppress(StorageError):  # what cannot be read is stored anew
        found = read_verdict(system, study.study_name)
        if found is not None and (found.asked, found.ended) == (asked, ended):
            return found
    return None


def _adopted(stored: Verdict | None, evidence: Evidence) -> Conclusion | None:
    """Return a stored verdict as the conclusion of a search; None: there is none of candidates that this one has."""
    if stored is None:
        return None
    place = {number: at for at, number in enumerate(evidence.numbers)}
    index = place.get(NOT_A_TRIAL if stored.trial is None else stored.trial)
    others = {name: None if number is None else place.get(number) for name, number in stored.others.items()}
    if index is None:
        return None
    report = replace(stored.report, chosen=evidence.params[index])
    if (default := others.get("default")) is not None:
        report = replace(report, default=evidence.params[default])
    if (runner_up := others.get("runner_up")) is not None:
        report = replace(report, runner_up=evidence.params[runner_up])
    return Conclusion(index, report.score, report, others, stored.fresh)


def _wait(study: Study, asked: str, ended: int, deadline: float | None) -> Verdict | None:
    """Return what is stored of the same search; wait for it while another process concludes, but not for a dead one."""
    mine, told = current_worker(), study.get_trials(numbers=[int(study.history.number[-1])])[0] if ended else None
    recent = told is not None and abs(time.time() - told.finished) < study.storage.lease.ttl
    other = told.worker if told is not None and recent and told.worker != mine and not is_dead(told.worker) else None
    seen: Any = None
    since = time.monotonic()
    while True:
        system = study.system_attrs
        if (found := _matching(system, study, asked, ended)) is not None:
            return found
        mark = system.get(MARK) or {}
        if (mark.get("asked"), mark.get("ended")) != (asked, ended):
            mark = {}
        now = time.monotonic()
        if mark != seen:
            seen, since = mark, now
        who = mark.get("worker", other)
        patience = study.storage.lease.ttl if mark else PATIENCE
        if who in (None, mine) or is_dead(who) or now - since > patience or (deadline is not None and now > deadline):
            return None
        time.sleep(LOOK)


def _show(study: Study, asked: str, ended: int, over: threading.Event) -> None:
    """Show other processes that this one concludes, until that is over."""
    beat, pause = 0, QUICK
    while not over.wait(pause):
        beat, pause = beat + 1, study.storage.lease.beat
        with suppress(StorageError):  # the next one may be taken
            mark = {"worker": current_worker(), "asked": asked, "ended": ended, "beat": beat}
            study.set_system_attr(MARK, mark)


def chosen(made: Conclusion, index: int, params: Params) -> Conclusion:
    """Return the conclusion of a search with the candidate that a function chose, where the search itself did not."""
    return made if made.index is not None else replace(made, index=index, report=replace(made.report, chosen=params))
