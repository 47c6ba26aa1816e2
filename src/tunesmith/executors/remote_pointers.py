"""Artifacts in a worker process: it writes the contents itself, and asks the driver to publish the pointers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tunesmith.artifacts.base import BlobStore
from tunesmith.artifacts.record import Artifact
from tunesmith.trial import Trial

Ask = Callable[..., Any]  # (what, *arguments): what the driver answers; raises what went wrong there


class RemotePointers:
    """The `tunesmith.artifacts.pointers.Pointers` of trials that run in this process, and whose study is in another.

    Args:
        ask: sends a question to the driver, and waits for the answer.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._place: tuple[BlobStore, str] | None = None

    def place(self) -> tuple[BlobStore, str]:
        """Ask for the store, once."""
        if self._place is None:
            self._place = self._ask("place")
        return self._place

    def put(self, artifact: Artifact) -> tuple[Artifact, list[str]] | None:
        """Let the driver publish a pointer."""
        done: tuple[Artifact, list[str]] | None = self._ask("put", artifact)
        return done

    def all(self, number: int | None) -> list[Artifact]:
        """Ask for the artifacts of a trial."""
        found: list[Artifact] = self._ask("all", number)
        return found

    def remove(self, number: int | None, name: str) -> list[str]:
        """Let the driver remove a pointer.

        Args:
            number: its trial; None: the study.
            name: its name.
        """
        loose: list[str] = self._ask("remove", number, name)
        return loose


def answer(trial: Trial, what: str, arguments: tuple[Any, ...]) -> Any:
    """Answer a worker's question in the driver.

    Args:
        trial: the driver's copy of the trial.
        what: the method of `RemotePointers`.
        arguments: its arguments.

    Returns:
        What that method is to return.
    """
    pointers = trial.artifacts.pointers
    methods: dict[str, Callable[..., Any]] = {
        "place": pointers.place,
        "put": pointers.put,
        "all": pointers.all,
        "remove": pointers.remove,
    }
    return methods[what](*arguments)
