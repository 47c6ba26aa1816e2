"""A recorded history, with what the laws of storages look up in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from tests.faults.recorded import OK, Operation, Stored

At = tuple[int, int]  # number and attempt of a trial


class History:
    """A history with what the laws look up in it.

    Attributes:
        trials: what was stored, by number.
        owners: the worker of each attempt that had one.
        held: the token of each attempt, as far as an answer told it.
        replaced: from when on an attempt was certainly replaced by a later one.
    """

    def __init__(self, operations: Sequence[Operation], stored: Sequence[Stored]) -> None:
        self._by_name: dict[str, list[Operation]] = defaultdict(list)
        self._by_attempt: dict[tuple[str, int, int, int], list[Operation]] = defaultdict(list)
        for one in operations:
            self._by_name[one.name].append(one)
            if "attempt" in one.given:
                g = one.given
                self._by_attempt[one.name, g["number"], g["attempt"], g["token"]].append(one)
        self.operations = operations
        self.trials = {trial.number: trial for trial in stored}
        self.owners: dict[At, str] = {}
        for trial in stored:
            for ended in trial.previous:
                self.owners[trial.number, ended.attempt] = ended.worker
            if trial.worker:
                self.owners[trial.number, trial.attempt] = trial.worker
        self._before = {o.given["next"]: o.given["token"] for o in self.named("renew")}
        self.held = self._tokens()
        self.replaced = self._times_of_replacement()

    def named(self, *names: str) -> Iterator[Operation]:
        """All operations of some kinds."""
        for name in names:
            yield from self._by_name[name]

    def of(self, name: str, like: Operation) -> list[Operation]:
        """All operations of a kind with the fence of another."""
        return self.with_fence(name, like.given["number"], like.given["attempt"], like.given["token"])

    def with_fence(self, name: str, number: int, attempt: int, token: int) -> list[Operation]:
        """All operations of a kind with a fence."""
        return list(self._by_attempt[name, number, attempt, token])

    def worker(self, token: int) -> str:
        """The worker behind a token: it has the name of the first one."""
        while token in self._before:
            token = self._before[token]
        return str(token)

    def owned(self, write: Operation) -> bool:
        """Whether the attempt that a write names was its worker's."""
        return self.owners.get(at_of(write)) == self.worker(write.given["token"])

    def takes(self) -> Iterator[tuple[Operation, At, int]]:
        """The calls that certainly gave an attempt to a worker: with number and attempt, and the token."""
        for one in self.named("claim"):
            if one.outcome == OK and one.answer["reserved"]:
                yield one, (one.answer["number"], one.answer["attempt"]), one.given["token"]
        for one in self.named("start"):
            if one.outcome == OK:
                yield one, at_of(one), one.given["token"]
        for one in self.named("renew"):
            if one.outcome == OK:
                yield one, (one.given["number"], one.given["attempt"] + 1), one.given["next"]

    def _tokens(self) -> dict[At, int]:
        return {at: token for _, at, token in self.takes()}

    def _times_of_replacement(self) -> dict[At, float]:
        seen: dict[int, list[tuple[int, float]]] = defaultdict(list)  # by number: (attempt, when it was there)
        for one, (number, attempt), _ in self.takes():
            seen[number].append((attempt, one.returned))
        for one in self.named("read"):
            if one.outcome == OK:
                for number, attempt, _ in [*one.answer["rows"], *one.answer["running"]]:
                    seen[number].append((attempt, one.returned))
        for one in self.named("release"):
            number, attempt = at_of(one)
            trial = self.trials.get(number)
            if one.outcome == OK and self.owned(one) and trial is not None and trial.attempt > attempt:
                seen[number].append((attempt + 1, one.returned))
        return {
            (number, earlier): min(t for a, t in times if a > earlier)
            for number, times in seen.items()
            for earlier in range(1, max(a for a, _ in times))
        }


def at_of(one: Operation) -> At:
    return one.given["number"], one.given["attempt"]
