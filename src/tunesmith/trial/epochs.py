"""The epochs of a training loop that are left to run, and the file that keeps what the loop needs to go on.

The file holds the states of the user's objects and of the random numbers of Python, NumPy and PyTorch after an epoch.
It is written by ``pickle``, or by ``torch.save`` where there are tensors; neither PyTorch nor anything else is imported
for it.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import pickle
import random
import sys
import time
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import numpy as np

from tunesmith.foundation.arguments import is_whole
from tunesmith.foundation.formats import seconds_of
from tunesmith.foundation.text import shown
from tunesmith.foundation.warnings import caution
from tunesmith.trial.objects import Objects
from tunesmith.trial.result import Patience

EPOCHS_FILE = "epochs"  # its suffix says what wrote it
PICKLE, TORCH = ".pickle", ".pt"
EPOCHS_FORMAT = 2


class CheckpointTimes:
    """When the checkpoints of an attempt are due.

    Args:
        every: a number of reports, or a text with a time.
        at_once: whether the first report is one that saves: so it is known early that the trial can go on.

    Raises:
        TypeError: it is neither.
        ValueError: it is not a number from 1 on, and not a time.
    """

    def __init__(self, every: int | str, at_once: bool) -> None:
        self.every = every
        self._reports, self._seconds = checked_every(every)
        self._count = 0 if at_once else self._reports
        self._since = -math.inf if at_once else time.monotonic()

    def due(self) -> bool:
        """Tell whether a checkpoint belongs to the next report; to be asked once before each."""
        if self._reports:
            self._count -= 1
            if self._count > 0:
                return False
            self._count = self._reports
            return True
        now = time.monotonic()
        if now - self._since < self._seconds:
            return False
        self._since = now
        return True


def checked_every(every: Any) -> tuple[int, float]:
    """Return how many reports, or 0 and how many seconds, lie between two checkpoints.

    Raises:
        TypeError: `every` is neither a number nor a text.
        ValueError: it is not a number from 1 on, and not a time.
    """
    ways = 'a number of reports from 1 on, or a text with a time such as "10 min", "90 s" or "1 h"'
    if not isinstance(every, str) and not is_whole(every):
        raise TypeError(f"checkpoint_every takes {ways}; got {shown(every)}")
    if isinstance(every, str):
        with contextlib.suppress(ValueError):
            if not every.strip().replace(".", "").isdigit() and (found := seconds_of(every.strip())) > 0:
                return 0, found
    elif int(every) >= 1:
        return int(every), 0.0
    raise ValueError(f"checkpoint_every takes {ways}; got {shown(every)}")


class Epochs:
    """The epochs that are left, from 1 to n. Each may be iterated over once.

    Args:
        n: the last epoch.
        state: the user's objects by name; None: nothing is saved.
        folder: where the file is written; None: nowhere.
        done: how many epochs are done already, as far as is known without the file.
        seed: of the random numbers, where no state of them was saved.
        source: where the file is read from; None: there is none yet.
        rank: of this process among those that run the training together.
        kept: what rank 0 read from the file.
        every: how often a checkpoint is saved, as `checked_every` takes it.
        background: whether a thread writes it, but for the first one.
        trial: the running trial, which is left as it is where it stands in the state; None: it does not.

    Attributes:
        every: that.
        kept: what was read from the file, until the loop begins; None: nothing.
        gathered: the states of the random numbers of all ranks, to be saved next; None: there is one process.
        done: how many epochs were done when the loop begins.
        patience: what ends the loop early; None: nothing does.
        stopped: whether it ends now, by the patience of another process.
        ends_early: is told how many epochs are left, where it does; None: nobody is told.

    Raises:
        TypeError: n is not a whole number, or the state not a mapping of names to objects, or an object in it cannot be
            saved and given back in place.
        ValueError: n is below 1, or what was saved has other names or objects than the state.
    """

    def __init__(
        self,
        n: int,
        state: MutableMapping[str, Any] | None,
        folder: Path | None,
        done: int,
        seed: int,
        *,
        source: Path | None = None,
        rank: int = 0,
        kept: dict[str, Any] | None = None,
        every: int | str = 1,
        background: bool = False,
        trial: Any = None,
    ) -> None:
        checked_every(every)
        if not is_whole(n):
            raise TypeError(f"epochs(n) takes how many epochs there are, a whole number; got {shown(n)}")
        if n < 1:
            raise ValueError(f"epochs(n) takes how many epochs there are, 1 or more; got {shown(n)}")
        if state is not None and not _is_named(state):
            raise TypeError(
                'epochs(n, state) takes a dict of names and objects, such as {"model": model, "optimizer": optimizer}; '
                f"got {shown(state)}"
            )
        self._last = int(n)
        self._objects = None if state is None else Objects(state, () if trial is None else (trial,))
        self._folder = folder if state is not None else None
        self._seed = seed
        self._rank = rank
        self._current: int | None = None
        self._saved: int | None = None  # the epoch whose state was saved last
        self._background = background
        self.every = every
        self.done = done
        self.patience: Patience | None = None
        self.stopped = False
        self.ends_early: Callable[[int], None] | None = None
        self.gathered: list[dict[str, Any]] | None = None
        self.kept = kept if source is None or state is None else read_saved(source)
        if self._objects is not None and self._folder is not None:
            self._objects.check()
        if self.kept is not None and self._objects is not None:
            self._objects.give_back(self.kept["state"])
            self.done = int(self.kept["epoch"])

    def __iter__(self) -> Iterator[int]:
        # Not before: what lies between the call and the loop may draw random numbers, after a resume once more.
        states = [] if self.kept is None else self.kept["random"]
        self.kept = None
        if self._rank < len(states):
            restore_random(states[self._rank])
        elif self.done:
            seed_random(int(np.random.SeedSequence([self._seed, self.done]).generate_state(1)[0]))
        else:
            seed_random(self._seed)
        try:
            for epoch in range(self.done + 1, self._last + 1):
                if self.is_over:
                    if self.ends_early is not None:
                        self.ends_early(self._last - epoch + 1)
                    break
                self._current = epoch
                yield epoch
        finally:
            self._current = None

    @property
    def is_over(self) -> bool:
        """Whether patience ends the loop."""
        return self.stopped or (self.patience is not None and self.patience.is_over)

    def save(self) -> Callable[[Path], None] | None:
        """Write the state after the current epoch, all of it or nothing, or take it to be written by a thread.

        After the last epoch, which may be that at which patience ends the loop, there is nothing to go on with. The
        one before stays: a process that dies between the last report and the result would find no epoch to run, and
        have no value to return.

        Returns:
            What writes the state, which was copied, to the folder that it is given; None: nothing is left to write.

        Raises:
            TypeError: what came into the state meanwhile can neither be pickled nor has a ``state_dict``.
        """
        folder, objects = self._folder, self._objects
        if folder is None or objects is None or self._current is None or self._is_last():
            return None
        if self._saved == self._current:
            return None
        first, self._saved = self._saved is None, self._current
        part = folder / f"{EPOCHS_FILE}.part"
        try:
            kept, name, with_torch = self._taken(objects)
            part = folder / f"{name}.part"
            if self._background and not first:
                copied = io.BytesIO()
                _dump_state(kept, copied, with_torch)
                return lambda place: _write_file(place / name, copied)
            folder.mkdir(parents=True, exist_ok=True)
            with open(part, "wb") as file:
                _dump_state(kept, file, with_torch)
            os.replace(part, folder / name)
            (folder / EPOCHS_FILE).with_suffix(PICKLE if with_torch else TORCH).unlink(missing_ok=True)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            part.unlink(missing_ok=True)
            raise TypeError(
                f"epochs: the state after epoch {self._current} cannot be saved: {error}. What comes into state= needs "
                "state_dict and load_state_dict, or must be picklable"
            ) from error
        except (OSError, RuntimeError) as error:  # torch.save makes a RuntimeError of a full disk
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            if not isinstance(error, OSError) and not isinstance(error.__context__, OSError):
                raise
            caution(f"the state after epoch {self._current} cannot be saved, the one before stays: {error}")
        return None

    def save_last(self) -> Callable[[Path], None] | None:
        """Return what writes the state after the last epoch, to be kept and not to go on from; None: it is not that."""
        if self._folder is None or self._objects is None or self._current is None or not self._is_last():
            return None
        kept, name, with_torch = self._taken(self._objects)

        def write(folder: Path) -> None:
            with open(folder / name, "wb") as file:
                _dump_state(kept, file, with_torch)

        return write

    def _is_last(self) -> bool:
        """Tell whether no epoch comes after the current one."""
        return self._current == self._last or self.is_over

    def _taken(self, objects: Objects) -> tuple[dict[str, Any], str, bool]:
        """Return what is to be saved, the name of its file, and whether ``torch.save`` writes it."""
        state = objects.taken()
        kept = {
            "format": EPOCHS_FORMAT,
            "epoch": self._current,
            "state": state,
            "random": self.gathered or [random_state()],
        }
        torch = sys.modules.get("torch")
        with_torch = state["with_torch"] or (torch is not None and _has_tensor(state, torch.Tensor))
        return kept, EPOCHS_FILE + (TORCH if with_torch else PICKLE), with_torch


def load_state(folder: str | os.PathLike[str], state: MutableMapping[str, Any]) -> int:
    """Give objects the state that ``trial.epochs`` saved: that of the best epoch, in the artifact "best" of a trial.

    Args:
        folder: where it was downloaded to.
        state: objects by name, made as in the training; all that was saved, under the same names. They are changed in
            place.

    Returns:
        The epoch after which it was saved.

    Raises:
        FileNotFoundError: the folder holds no state that can be read.
        TypeError: the state is not a dict with names.
        ValueError: it has other names or objects than what was saved.

    Example:
        ```python
        import tunesmith
        from tunesmith.trial import load_state

        def objective(trial):
            rate = trial.suggest_float("rate", 0.1, 2.0)
            state = {"weight": 0.0}
            for epoch in trial.epochs(20, state, value="best", patience=3):
                state["weight"] -= rate * (state["weight"] - 3)
                trial.report((state["weight"] - 3) ** 2, epoch)

        study = tunesmith.create_study(seed=0)
        study.optimize(objective, n_trials=5)
        folder = study.artifacts.of(study.best_trial.number).download("best", "best_of_all")
        state = {"weight": 0.0}
        print("after epoch", load_state(folder, state), state)
        ```
    """
    if not _is_named(state):
        raise TypeError(f"load_state(folder, state) takes a dict of names and objects; got {shown(state)}")
    kept = read_saved(Path(folder))
    if kept is None:
        raise FileNotFoundError(f"{shown(str(folder))} holds no state that trial.epochs saved")
    Objects(state).give_back(kept["state"])
    return int(kept["epoch"])


def _dump_state(kept: dict[str, Any], file: Any, with_torch: bool) -> None:
    torch = sys.modules.get("torch")
    if with_torch and torch is not None:
        torch.save(kept, file)
    else:
        pickle.dump(kept, file, protocol=5)


def _write_file(path: Path, copied: io.BytesIO) -> None:
    with open(path, "wb") as file:
        file.write(copied.getbuffer())


def _is_named(state: Any) -> bool:
    return isinstance(state, MutableMapping) and all(isinstance(name, str) for name in state)


def read_saved(folder: Path) -> dict[str, Any] | None:
    """Return what was saved last; None: nothing, or nothing that can be read."""
    there = [suffix for suffix in (TORCH, PICKLE) if (folder / (EPOCHS_FILE + suffix)).exists()]
    for suffix in sorted(there, key=lambda suffix: -(folder / (EPOCHS_FILE + suffix)).stat().st_mtime_ns):
        path = folder / (EPOCHS_FILE + suffix)
        try:
            if suffix == TORCH:
                import torch

                # On the CPU, since a GPU of the same number may not be there; load_state_dict moves it back.
                found = torch.load(path, map_location="cpu", weights_only=False)
            else:
                with open(path, "rb") as file:
                    found = pickle.load(file)
            if found["format"] == EPOCHS_FORMAT:
                return dict(found)
            caution(f"{path.name} was written by another version of tunesmith, so that the training begins anew")
        except Exception as error:  # whatever unpickling may raise
            caution(f"{path.name} cannot be read, so that the training begins anew: {error}")
    return None


def _has_tensor(value: Any, tensor: type) -> bool:
    if isinstance(value, dict):
        return any(_has_tensor(one, tensor) for one in value.values())
    if isinstance(value, list | tuple):
        return any(_has_tensor(one, tensor) for one in value)
    return isinstance(value, tensor)


# --------------------------------------------------------------------------------------------------- random numbers


def seed_random(seed: int) -> None:
    """Seed the global generators of Python, NumPy and, if it is imported, PyTorch."""
    random.seed(seed)
    np.random.seed(seed)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)  # those of all GPUs too


def random_state() -> dict[str, Any]:
    """Return the states of the global generators of Python, NumPy and, if it is imported, PyTorch."""
    found: dict[str, Any] = {"python": random.getstate(), "numpy": np.random.get_state()}
    torch = sys.modules.get("torch")
    if torch is not None:
        found["torch"] = torch.get_rng_state().numpy()
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            found["cuda"] = [state.numpy() for state in torch.cuda.get_rng_state_all()]
    return found


def restore_random(found: dict[str, Any]) -> None:
    """Set the global generators to what `random_state` returned."""
    random.setstate(found["python"])
    np.random.set_state(found["numpy"])
    if "torch" in found:
        import torch

        torch.set_rng_state(torch.from_numpy(found["torch"]))
        if "cuda" in found and torch.cuda.is_available():
            for device, state in enumerate(found["cuda"][: torch.cuda.device_count()]):
                torch.cuda.set_rng_state(torch.from_numpy(state), device)
