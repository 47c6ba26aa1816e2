"""Artifacts in a worker process: it writes the contents itself, and asks the driver to publish the pointers.

Questions and answers are data: an artifact is the list of its fields. The store alone is pickled, since it may be of a
class that only the user's program has.
"""

from __future__ import annotations

import base64
import pickle
from collections.abc import Callable
from dataclasses import astuple
from typing import Any

from tunesmith.artifacts.base import BlobStore
from tunesmith.artifacts.record import Artifact
from tunesmith.executors import wire
from tunesmith.trial import Trial

Ask = Callable[..., Any]  # (what, arguments): what the driver answers; raises what went wrong there


class RemotePointers:
    """The `tunesmith.artifacts.base.Pointers` of trials that run in this process, and whose study is in another.

    Args:
        ask: sends a question to the driver, and waits for the answer.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._place: tuple[BlobStore, str] | None = None

    def place(self) -> tuple[BlobStore, str]:
        """Ask for the store, once."""
        if self._place is None:
            store, space = self._ask("place", [])
            self._place = pickle.loads(base64.b64decode(store)), space
        return self._place

    def put(self, artifact: Artifact) -> tuple[Artifact, list[str]] | None:
        """Let the driver publish a pointer."""
        done = self._ask("put", astuple(artifact))
        return None if done is None else (Artifact(*done[0]), done[1])

    def all(self, number: int | None) -> list[Artifact]:
        """Ask for the artifacts of a trial."""
        return [Artifact(*fields) for fields in self._ask("all", [number])]

    def remove(self, number: int | None, name: str) -> list[str]:
        """Let the driver remove a pointer.

        Args:
            number: its trial; None: the study.
        """
        loose: list[str] = self._ask("remove", [number, name])
        return loose


def answer_about_artifacts(trial: Trial, what: str, arguments: list[Any]) -> Any:
    """Answer a worker's question in the driver.

    Returns:
        What that method is to return, as data.

    Raises:
        ValueError: there is no such method.
    """
    pointers = trial.artifacts.pointers
    if what == "place":
        store, space = pointers.place()
        return base64.b64encode(wire.dump(store)).decode(), space
    if what == "put":
        done = pointers.put(Artifact(*arguments))
        return None if done is None else (astuple(done[0]), done[1])
    if what == "all":
        return [astuple(artifact) for artifact in pointers.all(*arguments)]
    if what == "remove":
        return pointers.remove(*arguments)
    raise ValueError(f"no question of artifacts is called {what!r}")
