"""User attributes that only this process can hold: a model, say, in a study in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tunesmith.storable import storable

Place = tuple[int, int | None]  # the study's id, and the trial's number or None for the study itself


class Objects:
    """Keeps objects that no storage could keep, as Optuna's studies in memory do.

    Args:
        allowed: whether studies live in this process alone; else such a value is an error, as it would be lost.
    """

    def __init__(self, allowed: bool) -> None:
        self._allowed = allowed
        self._kept: dict[Place, dict[str, Any]] = {}

    def takes(self, place: Place, key: str, value: Any) -> bool:
        """Keep a value if no storage could; tell whether it is kept here.

        Args:
            place: whose attribute it is.
            key: the attribute's name.
            value: its value.

        Raises:
            ValueError: no storage could keep it, and the study is not in memory.
        """
        self._kept.get(place, {}).pop(key, None)
        _, others = self.part({key: value})
        self.keep(place, others)
        return bool(others)

    def part(self, attrs: Mapping[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the attributes that a storage can keep, and those for `keep`.

        Args:
            attrs: attributes by name.

        Raises:
            ValueError: no storage could keep one of them, and the study is not in memory.
        """
        stored, others = dict(attrs or {}), {}
        for key, value in (attrs or {}).items():
            try:
                storable(key, value)
            except ValueError:
                if not self._allowed:
                    raise
                others[key] = stored.pop(key)
        return stored, others

    def keep(self, place: Place, others: Mapping[str, Any]) -> None:
        """Keep attributes that no storage could, of a trial that was added with them.

        Args:
            place: whose attributes they are.
            others: what `part` says.
        """
        if others:
            self._kept.setdefault(place, {}).update(others)

    def of(self, place: Place) -> Mapping[str, Any]:
        """Return what is kept of a study or a trial."""
        return self._kept.get(place, {}) if self._kept else {}
