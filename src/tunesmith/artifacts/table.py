"""The pointers of one study as a dict: the rules of publishing and removing, in memory."""

from __future__ import annotations

from dataclasses import replace

from tunesmith.artifacts.record import Artifact


class PointerTable:
    """Which blob each artifact of a study points to. Not for several threads: who uses it has a lock."""

    def __init__(self) -> None:
        self._by_place: dict[tuple[int, str], Artifact] = {}

    def put(self, artifact: Artifact) -> tuple[Artifact, list[str]] | None:
        """Publish an artifact; see `tunesmith.storage.Storage.put_artifact`."""
        same = (a.key for a in self._by_place.values() if a.digest == artifact.digest)
        key = next(same, artifact.key)
        if not key:
            return None
        at = _place(artifact.number, artifact.name)
        old = self._by_place.get(at)
        done = self._by_place[at] = replace(artifact, key=key)
        return done, self._loose(old)

    def remove(self, number: int | None, name: str) -> list[str]:
        """Remove an artifact; return its blob if no other one points to that.

        Args:
            name: its name.
        """
        return self._loose(self._by_place.pop(_place(number, name), None))

    def all(self) -> list[Artifact]:
        """Return all artifacts, the study's own first, then by trial and name."""
        return [self._by_place[at] for at in sorted(self._by_place)]

    def of(self, number: int | None) -> list[Artifact]:
        """Return the artifacts of one trial, or of the study, by name."""
        return [artifact for artifact in self.all() if artifact.number == number]

    def _loose(self, old: Artifact | None) -> list[str]:
        if old is None or any(a.key == old.key for a in self._by_place.values()):
            return []
        return [old.key]


def _place(number: int | None, name: str) -> tuple[int, str]:
    return (-1 if number is None else number, name)
