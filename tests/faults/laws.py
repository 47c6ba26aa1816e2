"""The laws of storages, held against what workers recorded and what was stored at last: a pure function.

The times are of one machine's monotonic clock. So a call that returned before another was made came first, and of
calls that overlap either may have. A call whose outcome is unknown was done once or not at all, at any time since it
was made.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence

from tests.faults.history import At, History, at_of
from tests.faults.recorded import OK, REFUSED, UNKNOWN, Operation, Stored

from tunesmith.foundation.states import FailureKind

CRASHES = (FailureKind.LOST, FailureKind.LEASE)


def violations(operations: Sequence[Operation], stored: Sequence[Stored]) -> list[str]:
    """Return what a history shows that no storage may do; nothing: the laws hold.

    Args:
        operations: what was called.
        stored: all trials after the last call, by number.
    """
    history = History(operations, stored)
    laws = (
        _errors, _numbers, _attempts, _owners, _tokens, _ends, _late_ends, _releases, _refusals, _late_writes, _reports,
        _notes, _points, _additions, _places, _readers, _acknowledged_ends_are_read,
    )  # fmt: skip
    return [said for law in laws for said in law(history)]


def _errors(h: History) -> Iterator[str]:
    for one in h.operations:
        if one.outcome not in (OK, REFUSED, UNKNOWN):
            yield f"error: {one.name} raised {one.outcome}"


def _numbers(h: History) -> Iterator[str]:
    if sorted(h.trials) != list(range(len(h.trials))):
        yield f"number: a gap in {sorted(h.trials)}"


def _attempts(h: History) -> Iterator[str]:
    """Attempts grow by one, each because somebody released or renewed the one before."""
    for trial in h.trials.values():
        if [ended.attempt for ended in trial.previous] != list(range(1, trial.attempt)):
            yield f"attempt: trial {trial.number} is at {trial.attempt} after {[e.attempt for e in trial.previous]}"
        if trial.crashes != sum(ended.failure in CRASHES for ended in trial.previous):
            yield f"attempt: trial {trial.number} counts {trial.crashes} crashes"
        for ended in trial.previous:
            if not any(o.given["failure"] == ended.failure for o in _replacers(h, (trial.number, ended.attempt))):
                yield f"attempt: nobody ended attempt {ended.attempt} of trial {trial.number} as {ended.failure}"
    for one, (number, attempt), _ in h.takes():
        if attempt > 1 and not any(o.invoked < one.returned for o in _replacers(h, (number, attempt - 1))):
            yield f"attempt: {number} was given away at attempt {attempt} before anybody ended the one before"


def _replacers(h: History, at: At) -> list[Operation]:
    """Calls that may have ended an attempt."""
    calls = [o for o in h.named("release", "renew") if at_of(o) == at and h.owned(o)]
    return [o for o in calls if _replaces(h, o)]


def _replaces(h: History, one: Operation) -> bool:
    """Whether a call may have been done: a renewal, also one that was repeated inside and refused the second time."""
    return one.may_be_done or (one.name == "renew" and _may_be_repeated(h, one, one.given["attempt"] + 1, "next"))


def _may_be_repeated(h: History, one: Operation, attempt: int, token: str) -> bool:
    """Whether a refused call may have been done and repeated inside, after its attempt was released in between."""
    released = [o for o in h.named("release") if at_of(o) == (one.given["number"], attempt)]
    return any(
        o.given["token"] == one.given[token] and o.invoked < one.returned and o.returned > one.invoked for o in released
    )


def _owners(h: History) -> Iterator[str]:
    """An attempt has one worker, who claimed it, and a claim gives one attempt."""
    calls: dict[str, list[Operation]] = defaultdict(list)
    for one in h.named("claim"):
        if one.may_be_done:
            calls[str(one.given["token"])].append(one)
    periods: dict[str, list[At]] = defaultdict(list)
    for (number, attempt), worker in sorted(h.owners.items()):
        if worker not in calls:
            yield f"owner: {worker!r} has trial {number} at attempt {attempt}, and never claimed"
        goes_on = h.owners.get((number, attempt - 1)) == worker and any(
            o.name == "renew" for o in _replacers(h, (number, attempt - 1))
        )
        if not goes_on:
            periods[worker].append((number, attempt))
    for worker, began in periods.items():
        live = {number for number, _ in began if h.trials[number].worker == worker}
        # A call that was repeated inside takes another trial if the first one was released meanwhile.
        until = max((one.returned for one in calls[worker]), default=0.0)
        kept = [at for at in began if not any(o.invoked < until for o in _replacers(h, at))]
        if len(live) > 1 or len(kept) > max(1, len(calls[worker])):
            yield f"owner: one claim gave {began} to {worker}"
    for one, at, token in h.takes():
        if h.owners.get(at) != h.worker(token):
            yield f"owner: {one.name} gave {at} to {token}, and it is {h.owners.get(at)}'s"


def _tokens(h: History) -> Iterator[str]:
    for trial in h.trials.values():
        token = h.held.get((trial.number, trial.attempt))
        if trial.worker and token not in (None, trial.token):
            yield f"owner: trial {trial.number} has the token {trial.token}, not {token}"


def _ends(h: History) -> Iterator[str]:
    """An end that was acknowledged is there, one that was refused is not, and none is there that nobody wrote."""
    added = {value for one in h.named("add") for value in one.given["values"]}
    for one in h.named("finish"):
        trial = h.trials.get(one.given["number"])
        is_there = trial is not None and trial.is_finished and _is_end(trial, one)
        if one.outcome == OK and not is_there:
            yield f"end: {one.given} was acknowledged, and is lost or changed: {trial}"
        if one.outcome == REFUSED and is_there:
            yield f"end: {one.given} was refused, and is there"
    for trial in h.trials.values():
        if not trial.is_finished or trial.value in added:
            continue
        if not any(o.may_be_done and _is_end(trial, o) for o in h.named("finish")):
            yield f"end: nobody ended trial {trial.number} with {trial.value}"


def _is_end(trial: Stored, end: Operation) -> bool:
    given = end.given
    return (trial.number, trial.attempt, trial.token, trial.value) == (*at_of(end), given["token"], given["value"])


def _late_ends(h: History) -> Iterator[str]:
    """The result of an attempt that was replaced is kept as a note, and no other is."""
    refused: dict[At, set[float]] = defaultdict(set)
    for one in h.named("finish"):
        if one.outcome == UNKNOWN or one.answer == "AttemptReplacedError":
            refused[at_of(one)].add(one.given["value"])
    kept = {(t.number, e.attempt): e.late for t in h.trials.values() for e in t.previous}
    for at, late in kept.items():
        if late is not None and late not in refused[at]:
            yield f"note: {late} is kept as the late result of {at}, and nobody sent it"
    for one in h.named("finish"):
        if one.answer == "AttemptReplacedError" and h.owned(one) and at_of(one) in kept and kept[at_of(one)] is None:
            yield f"note: the late result {one.given} was not kept"


def _releases(h: History) -> Iterator[str]:
    """After a release was acknowledged its attempt does not run."""
    for one in h.named("release"):
        number, attempt = at_of(one)
        trial = h.trials.get(number)
        if one.outcome != OK or trial is None or trial.attempt != attempt or not h.owned(one):
            continue
        if trial.state == "RUNNING" and trial.token == one.given["token"]:
            yield f"release: {one.given} was acknowledged, and the attempt runs"
        elif trial.is_finished and not any(o.invoked < one.returned for o in h.of("finish", one) if o.may_be_done):
            yield f"release: {one.given} was acknowledged, and the attempt ended after it"


def _refusals(h: History) -> Iterator[str]:
    """A write is refused only if its attempt may have been replaced or ended, or was not its worker's."""
    for one in h.named("start", "report", "note", "finish", "renew"):
        if one.outcome != REFUSED or not h.owned(one):
            continue
        if one.name != "start" and at_of(one) not in h.held:
            continue  # whether it had been started is not known
        others = h.of("release", one) + h.of("renew", one)
        if one.name in ("start", "finish", "renew"):
            others += h.of("finish", one)
        if one.name == "renew":  # what it made may have been released before it was repeated
            others += h.with_fence("release", one.given["number"], one.given["attempt"] + 1, one.given["next"])
        if not any(_replaces(h, o) and o.invoked < one.returned and o.given != one.given for o in others):
            yield f"refusal: {one.name} {one.given} was refused without a reason ({one.answer})"


def _late_writes(h: History) -> Iterator[str]:
    """What an attempt writes after it was certainly replaced is refused."""
    for one in h.named("start", "report", "note", "finish", "renew"):
        if one.outcome == OK and one.invoked > h.replaced.get(at_of(one), math.inf) and not _was_done_before(h, one):
            yield f"late: {one.name} {one.given} was taken from an attempt that was replaced"


def _was_done_before(h: History, one: Operation) -> bool:
    """Whether a renewal may be the repetition of one that is still the last."""
    return one.name == "renew" and any(o.given == one.given and o.invoked < one.invoked for o in h.of("renew", one))


def _reports(h: History) -> Iterator[str]:
    stored: dict[At, dict[int, float]] = {}
    for trial in h.trials.values():
        stored[trial.number, trial.attempt] = dict(trial.reports)
        stored.update({(trial.number, e.attempt): dict(e.reports) for e in trial.previous})
    sent: dict[tuple[int, int, int, float], Operation] = {}
    for one in h.named("report"):
        key = (*at_of(one), one.given["step"], one.given["value"])
        if one.may_be_done and h.owned(one):
            sent.setdefault(key, one)
    for at, reports in stored.items():
        for step, value in reports.items():
            if (*at, step, value) not in sent:
                yield f"report: {value} at step {step} of {at} was refused, or never sent"
    for one in h.named("report"):
        if one.outcome != OK or not h.owned(one):
            continue
        value = stored[at_of(one)].get(one.given["step"])
        if value is None:
            ends = [o for o in h.of("finish", one) if o.may_be_done and o.invoked < one.returned]
            if at_of(one) in h.held and not any(_is_end(h.trials[one.given["number"]], o) for o in ends):
                yield f"report: {one.given} was acknowledged, and is lost"
        elif value != one.given["value"]:
            first = sent.get((*at_of(one), one.given["step"], value))
            if first is not None and first.invoked > one.returned:
                yield f"report: {one.given} was acknowledged, and a later one has its place"


def _notes(h: History) -> Iterator[str]:
    found = {(t.number, key): value for t in h.trials.values() for key, value in t.notes.items()}
    sent = {(o.given["number"], o.given["key"]) for o in h.named("note") if o.may_be_done}
    for one in h.named("note"):
        value = found.get((one.given["number"], one.given["key"]))
        if one.outcome == OK and value != one.given["value"]:
            yield f"note: {one.given} was acknowledged, and is lost"
        if value is not None and (one.given["number"], one.given["key"]) not in sent:
            yield f"note: {one.given} was refused, and is there"
    for number, key in found.keys() - {(o.given["number"], o.given["key"]) for o in h.named("note")}:
        yield f"note: nobody wrote {key!r} of trial {number}"


def _points(h: History) -> Iterator[str]:
    """A trial has the point that it was started with first, at all of its attempts."""
    starts: dict[int, list[Operation]] = defaultdict(list)
    for one in h.named("start"):
        starts[one.given["number"]].append(one)
    added = {value for one in h.named("add") for value in one.given["values"]}
    for trial in h.trials.values():
        known = {
            o.given["x"]
            for o in starts[trial.number]
            if o.may_be_done or _may_be_repeated(h, o, o.given["attempt"], "token")
        }
        if trial.x is not None and trial.x not in known and trial.x not in added:
            yield f"point: nobody started trial {trial.number} at {trial.x}"
        for one in starts[trial.number]:
            if one.outcome == OK and trial.x != one.given["x"]:
                yield f"point: trial {trial.number} was started at {one.given['x']}, and has {trial.x}"


def _additions(h: History) -> Iterator[str]:
    """Trials are added all or none, once, under consecutive numbers."""
    found: dict[float, list[int]] = defaultdict(list)
    for trial in h.trials.values():
        if trial.value is not None:
            found[trial.value].append(trial.number)
    for given, calls in _by_content(h.named("add")):
        numbers = [found[value] for value in given]
        times = {len(n) for n in numbers}
        acknowledged = [o for o in calls if o.outcome == OK]
        if len(times) > 1 or max(times) > len(calls) or min(times) < len(acknowledged):
            yield f"add: {given} is there as {numbers}, after {len(acknowledged)} of {len(calls)} calls"
        for one in acknowledged:
            first = one.answer[0]
            if one.answer != list(range(first, first + len(one.answer))):
                yield f"add: the numbers {one.answer} are not consecutive"
            if any(first + i not in n for i, n in enumerate(numbers)):
                yield f"add: {given} was acknowledged as {one.answer}, and is {numbers}"


def _by_content(calls: Iterator[Operation]) -> Iterator[tuple[tuple[float, ...], list[Operation]]]:
    found: dict[tuple[float, ...], list[Operation]] = defaultdict(list)
    for one in calls:
        found[tuple(one.given["values"])].append(one)
    yield from found.items()


def _places(h: History) -> Iterator[str]:
    places = sorted(t.seq for t in h.trials.values() if t.is_finished)
    if places != list(range(1, len(places) + 1)):
        yield f"place: those of the ends are {places}"
    for trial in h.trials.values():
        if trial.seq and not trial.is_finished:
            yield f"place: trial {trial.number} has one, and did not end"


def _readers(h: History) -> Iterator[str]:
    """Whoever has read up to a place never learns of an earlier one, and nobody reads less than another did before."""
    ends = {t.seq: [t.number, t.attempt, t.value] for t in h.trials.values() if t.is_finished}
    numbers = {t.number: t.seq for t in h.trials.values() if t.is_finished}
    for one in h.named("read"):
        if one.outcome != OK:
            continue
        cursor, rows = one.given["cursor"], one.answer["rows"]
        if one.answer["cursor"] != cursor + len(rows):
            yield f"reader: {len(rows)} rows after {cursor} led to {one.answer['cursor']}"
        for place, row in enumerate(rows, cursor + 1):
            if ends.get(place) != list(row):
                yield f"reader: place {place} was {row}, and is {ends.get(place)}"
        for number, attempt, worker in one.answer["running"]:
            if numbers.get(number, math.inf) <= one.answer["cursor"]:
                yield f"reader: trial {number} had ended, and was running"
            owner = h.owners.get((number, attempt))
            if owner != worker:
                yield f"reader: trial {number} was {worker}'s at attempt {attempt}, and is {owner}'s"
            if one.invoked > h.replaced.get((number, attempt), math.inf):
                yield f"reader: trial {number} was running at attempt {attempt}, which was replaced"
    for key in ("cursor", "version"):
        yield from _goes_back(h, key)


def _goes_back(h: History, key: str) -> Iterator[str]:
    reads = [o for o in h.named("read") if o.outcome == OK]
    returned = sorted(reads, key=lambda o: o.returned)
    highest, at = -1, 0
    for one in sorted(reads, key=lambda o: o.invoked):
        while at < len(returned) and returned[at].returned < one.invoked:
            highest = max(highest, returned[at].answer[key])
            at += 1
        if one.answer[key] < highest:
            yield f"reader: the {key} {one.answer[key]} came after {highest}"


def _acknowledged_ends_are_read(h: History) -> Iterator[str]:
    """Who reads after an end was acknowledged reads it."""
    acknowledged: list[tuple[float, int]] = []  # when, and which place
    for one in h.named("finish", "add"):
        if one.outcome != OK:
            continue
        numbers = [one.given["number"]] if one.name == "finish" else one.answer[: len(one.given["values"])]
        acknowledged += [(one.returned, h.trials[n].seq) for n in numbers if n in h.trials]
    for one in h.named("read"):
        if one.outcome == OK:
            missing = [seq for when, seq in acknowledged if when < one.invoked and seq > one.answer["cursor"]]
            if missing:
                yield f"reader: the ends at {missing} were acknowledged before, and not read"
