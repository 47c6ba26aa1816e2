"""One trial in all processes of ``torchrun``: rank 0 asks and reports, and the others do as it says."""

from __future__ import annotations

import ctypes
import gc
import itertools
import json
import os
import pickle
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import torch.distributed as dist
from numpy.typing import ArrayLike

from tunesmith.foundation.preemption import PREEMPTION
from tunesmith.foundation.threads import beside
from tunesmith.space import Parameter
from tunesmith.trial import Trial
from tunesmith.trial.epochs import Epochs, random_state
from tunesmith.trial.metrics import checked_metrics, checked_step

__all__ = ["DistributedTrial"]

OTHERS_GRACE_SECONDS = 2.0  # that a rank that failed waits for the others, before it takes the group from them
RANK_LOOK_SECONDS = 0.1  # seconds between two looks at what the others say
READ_AND_WRITE = 2  # both ways of a connection, as shutdown(2) calls them
MAPPED = "0000000000000000FFFF0000"  # what an address of IPv4 begins with in the table of IPv6
_runs = itertools.count()  # in all ranks the same


class DistributedTrial:
    """A trial that several processes run together, as ``torchrun`` or ``torch.multiprocessing`` starts them.

    All processes call the same methods in the same order. Rank 0 has the trial; parameters, the decision to stop, and
    errors are broadcast, so that nobody waits for one who has left. An error in another rank is known to all where the
    objective is called by `run`, or by `optimize`. ``torch.distributed`` must be initialised.

    Args:
        trial: the running trial in rank 0; None in the other ranks.
        group: the process group; None: all processes.

    Attributes:
        trial: the trial in rank 0, which the study is told of; None in the others.

    Raises:
        RuntimeError: there is no process group.
        ValueError: rank 0 has no trial, or another rank has one.
    """

    def __init__(self, trial: Trial | None, group: Any = None) -> None:
        if not (dist.is_available() and dist.is_initialized()):
            raise RuntimeError(
                "DistributedTrial needs a process group: call torch.distributed.init_process_group in all processes"
            )
        self.trial = trial
        self._group = group
        self._rank = dist.get_rank(group)
        has: list[Any] = [None] * dist.get_world_size(group)
        dist.all_gather_object(has, trial is not None, group=group)
        if has != [True] + [False] * (len(has) - 1):  # all of them know, and raise
            raise ValueError(
                "DistributedTrial: rank 0 gives its trial, all others None; a trial was given by rank "
                f"{', '.join(str(rank) for rank, there in enumerate(has) if there) or 'none'}"
            )
        self._loop: Epochs | None = None
        self._late: Exception | None = None  # of rank 0, which the next call raises in all ranks
        self._waits: Epochs | None = None  # the loop that patience may end
        if len(has) > 1:  # those that have no trial end at SIGTERM, and must not be waited for
            PREEMPTION.end_at_once()

    # -- the whole objective -------------------------------------------------------------------------------------

    @classmethod
    def optimize(
        cls,
        study: Any,
        objective: Callable[[Self], Any],
        n_trials: int | None = None,
        *,
        n_trials_total: int | None = None,
        timeout: float | None = None,
        catch: Any = (),
        callbacks: Iterable[Callable[..., Any]] | None = None,
    ) -> None:
        """Run ``study.optimize`` in rank 0, and each of its trials in all ranks; all ranks call this.

        An error in any rank fails the trial; `catch` says whether the search goes on.

        Args:
            study: in rank 0; None in the others.
            objective: gets the trial; what it returns in rank 0 counts.
            n_trials: as in ``study.optimize``, like the rest; those of rank 0 count.
            n_trials_total: how many trials the study is to have in all.
            timeout: seconds after which no trial begins any more.
            catch: errors that do not end the search.
            callbacks: called with (study, trial) in rank 0.

        Raises:
            Exception: what ended the search, in all ranks.
        """
        if study is None:
            while _from_rank_0():
                with suppress(Exception):  # rank 0 has it as well, and `catch` decides there
                    cls(None).run(objective)
            return

        def run(trial: Trial) -> Any:
            _from_rank_0(True)
            return cls(trial).run(objective)

        try:
            study.optimize(run, n_trials, timeout, catch=catch, callbacks=callbacks, n_trials_total=n_trials_total)
        except Exception as error:
            _from_rank_0(error=error)
        _from_rank_0(False)

    def run(self, objective: Callable[[Self], Any]) -> Any:
        """Run an objective on this trial in all ranks; raise in all of them what was raised first in any.

        The others may be waiting for the rank that failed, in a step of a ``DistributedDataParallel`` model, say. Two
        seconds later their process group is aborted (NCCL), or their connections to that rank are ended (gloo on
        Linux), so that their collective raises; elsewhere it does when the ``timeout`` of ``init_process_group`` is
        over. Then all ranks make a new process group, and go on together. So models and optimisers that use it must be
        made in the objective.

        Args:
            objective: gets this trial.

        Returns:
            What it returned in this rank.

        Raises:
            Exception: what was raised first; a note says in which rank.
            ValueError: the trial is of some ranks only.
        """
        if self._group is not None:
            raise ValueError("DistributedTrial.run needs the process group of all ranks; make the trial without group=")
        meeting = _Meeting()
        value: Any = None
        own: BaseException | None = None
        with beside(meeting.look, "tunesmith-ranks", "a rank that fails is not noticed"):
            try:
                value = objective(self)
            except BaseException as error:
                own = error
        first = meeting.agree(own)
        if first is not None:
            raise first
        return value

    # -- parameters ----------------------------------------------------------------------------------------------

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Return the value of a parameter, the same in all ranks.

        Args:
            name: as in `tunesmith.Trial.suggest_float`, like the rest.
            low: the lowest value.
            high: the highest.
            step: between values.
            log: whether factors count.

        Returns:
            The value.
        """
        return float(self._shared(lambda trial: trial.suggest_float(name, low, high, step=step, log=log)))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Return the value of a parameter, the same in all ranks.

        Args:
            name: as in `tunesmith.Trial.suggest_int`, like the rest.
            low: the lowest value.
            high: the highest.
            step: between values.
            log: whether factors count.

        Returns:
            The value.
        """
        return int(self._shared(lambda trial: trial.suggest_int(name, low, high, step=step, log=log)))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Return the value of a parameter, the same in all ranks.

        Args:
            name: as in `tunesmith.Trial.suggest_categorical`.
            choices: what to choose from.

        Returns:
            The value.
        """
        return self._shared(lambda trial: trial.suggest_categorical(name, choices))

    def suggest(self, name: str, parameter: Parameter) -> Any:
        """Return the value of a parameter, the same in all ranks.

        Args:
            name: as in `tunesmith.Trial.suggest`.
            parameter: what it may be.

        Returns:
            The value.
        """
        return self._shared(lambda trial: trial.suggest(name, parameter))

    @property
    def params(self) -> Mapping[str, Any]:
        """The parameters suggested so far, by name."""
        return dict(self._shared(lambda trial: dict(trial.params)))

    @property
    def number(self) -> int:
        """The number of the trial."""
        return int(self._shared(lambda trial: trial.number))

    @property
    def seed(self) -> int:
        """The seed of the trial, the same in all ranks: add the rank where they should differ."""
        return int(self._shared(lambda trial: trial.seed))

    # -- reports and checkpoints ---------------------------------------------------------------------------------

    def report(self, value: float, step: int, cost: float | None = None, rows: ArrayLike | None = None) -> None:
        """Report how the objective stands after a step: the value of rank 0.

        Average it over the ranks before, where each has a part of the data.

        Args:
            value: the objective's value by now; that of the other ranks is not looked at.
            step: an epoch, from 0.
            cost: as in `tunesmith.Trial.report`.
            rows: as in `tunesmith.Trial.report`; those of rank 0.
        """
        if self._loop is not None:
            states: list[Any] | None = [None] * dist.get_world_size(self._group) if self._rank == 0 else None
            dist.gather_object(random_state(), states, dst=self._source(), group=self._group)
            self._loop.gathered = states
        self._shared(lambda trial: trial.report(value, step, cost, rows))
        if self._waits is not None:
            self._waits.stopped = bool(self._shared(lambda trial: self._waits is not None and self._waits.is_over))

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Keep metrics of a step beside the value that is reported: those of rank 0.

        The ranks do not wait for one another here. What rank 0 learns, such as that the trial was given to another
        worker, all ranks are told with the next report.

        Args:
            metrics: as in `tunesmith.Trial.log`; those of the other ranks are only checked.
            step: an epoch, from 0.

        Raises:
            TypeError: it is no mapping, a value is no number, or the step not a whole number.
            ValueError: a name is not valid, or the step is negative.
        """
        given, index = checked_metrics(metrics), checked_step("log(metrics, step)", step)
        if self.trial is not None and self._late is None:
            try:
                self.trial.log(given, index)
            except Exception as error:
                self._late = error

    def should_prune(self) -> bool:
        """Tell whether to stop; all ranks get the same answer."""
        return bool(self._shared(lambda trial: trial.should_prune()))

    @property
    def checkpoint_dir(self) -> Path:
        """The folder of the trial's checkpoint, on the machine of rank 0, where rank 0 writes and all may read."""
        return Path(self._shared(lambda trial: trial.checkpoint_dir))

    @property
    def resumed_from_step(self) -> int | None:
        """The step of the checkpoint that this attempt begins with; None: it begins anew."""
        found: int | None = self._shared(lambda trial: trial.resumed_from_step)
        return found

    def checkpoint_due(self, every: int | str = 1) -> bool:
        """Tell whether a checkpoint belongs to the next report; all ranks get the same answer.

        Args:
            every: as in `tunesmith.Trial.checkpoint_due`.
        """
        return bool(self._shared(lambda trial: trial.checkpoint_due(every)))

    def epochs(
        self,
        n: int,
        state: MutableMapping[str, Any] | None = None,
        *,
        checkpoint_every: int | str = 1,
        background: bool = False,
        value: str | None = None,
        patience: int | None = None,
        min_delta: float = 0.0,
    ) -> Iterable[int]:
        """Return the epochs that are left, as `tunesmith.Trial.epochs` does.

        Rank 0 saves its objects, and the random numbers of all ranks; all ranks get them back, on any machine. Without
        anything saved the ranks begin with different random numbers: seed + rank.

        Args:
            n: the last epoch; the first is 1.
            state: objects by name, such as the model and the optimiser; the same names in all ranks.
            checkpoint_every: as in `tunesmith.Trial.epochs`.
            background: as in `tunesmith.Trial.epochs`.
            value: as in `tunesmith.Trial.epochs`.
            patience: as in `tunesmith.Trial.epochs`; all ranks end together, by the reports of rank 0.
            min_delta: as in `tunesmith.Trial.epochs`.

        Returns:
            The numbers of the epochs, to be iterated over once.
        """
        first: list[Epochs] = []  # rank 0's, which the trial saves at each report

        def begin(trial: Trial) -> tuple[dict[str, Any] | None, int, bool]:
            loop = trial.epochs(
                n,
                state,
                checkpoint_every=checkpoint_every,
                background=background,
                value=value,
                patience=patience,
                min_delta=min_delta,
            )
            first.append(loop)
            return loop.kept, loop.done, loop.is_over

        kept, done, over = self._shared(begin)
        seed = self.seed + self._rank
        loop = first[0] if first else Epochs(n, state, None, done, seed, rank=self._rank, kept=kept)
        loop.stopped = over
        self._loop = loop if state is not None else None
        self._waits = loop if patience is not None else None
        return loop

    def set_user_attr(self, key: str, value: Any) -> None:
        """Set a user attribute: that of rank 0.

        Args:
            key: the attribute's name.
            value: what to keep.
        """
        self._shared(lambda trial: trial.set_user_attr(key, value))

    # -- the parts -----------------------------------------------------------------------------------------------

    def _shared(self, of: Callable[[Trial], Any]) -> Any:
        """Return in all ranks what a call gives in rank 0, or raise in all of them what it raises there."""
        said: list[Any] = [None, None]
        if self.trial is not None:
            try:
                late, self._late = self._late, None
                if late is not None:
                    raise late
                said = [of(self.trial), None]
            except Exception as error:
                said = [None, error if _can_be_sent(error) else RuntimeError(_words(error))]
        dist.broadcast_object_list(said, src=self._source(), group=self._group)
        if said[1] is not None:
            raise said[1]
        return said[0]

    def _source(self) -> int:
        return 0 if self._group is None else int(dist.get_global_rank(self._group, 0))


class _Meeting:
    """What the ranks say of one run, in the store at which they met."""

    def __init__(self) -> None:
        self._rank, self._size = dist.get_rank(), dist.get_world_size()
        self._name = f"tunesmith-run-{next(_runs)}"
        self._store = dist.distributed_c10d._get_default_store()  # it outlives the process group
        self._said = dist.PrefixStore(self._name, self._store)
        self._backend = dist.get_backend_config()
        self._pg = dist.distributed_c10d._get_default_group()
        options = getattr(self._pg._get_backend(self._pg._device_types[0]), "options", None)
        self._timeout = getattr(options, "_timeout", None)

    def agree(self, own: BaseException | None) -> BaseException | None:
        """Wait until all ranks have ended; return the error that came first, None: there is none.

        If an error left a rank waiting for another one, all have a new process group then.
        """
        if own is not None:
            place = self._said.add("errors", 1)
            sent = own if isinstance(own, Exception) and _can_be_sent(own) else RuntimeError(_words(own))
            self._said.set(f"error {place}", pickle.dumps((self._rank, sent)))
            if not isinstance(own, Exception):  # this process is to end
                self._said.set("gone", b"")
                self._leave(own)
                return own
        self._said.set(f"ended {self._rank}", b"")
        if not self._all("ended", OTHERS_GRACE_SECONDS if own is not None else None, or_left=True):
            self._leave(own)
            self._all("ended", None)
        self._said.set(f"agreed {self._rank}", b"")  # after the last word on whether the group was left
        self._all("agreed", None)
        if self._said.check(["left"]):
            _forget(own)
            dist.destroy_process_group()
            store = dist.PrefixStore(f"{self._name}-group", self._store)
            dist.init_process_group(
                self._backend, timeout=self._timeout, store=store, rank=self._rank, world_size=self._size
            )
        elif own is not None:  # an error that all have, such as TrialPruned
            return own
        if not self._said.check(["error 1"]):
            return None
        rank, error = pickle.loads(self._said.get("error 1"))
        if rank == self._rank:
            return own
        error.add_note(f"raised in rank {rank}")
        found: BaseException = error
        return found

    def _all(self, word: str, most: float | None, or_left: bool = False) -> bool:
        """Wait until all ranks have said a word, at most so many seconds, or until one has left; tell whether all have.

        Args:
            word: what they say.
            most: seconds; None: there is no limit.
            or_left: whether to stop waiting when another rank has ended the process group.
        """
        keys = [f"{word} {rank}" for rank in range(self._size)]
        waited, pause = 0.0, 0.001
        while not self._said.check(keys):
            if self._said.check(["gone"]):
                raise RuntimeError("another rank was asked to end; this one cannot go on alone")
            if (most is not None and waited >= most) or (or_left and self._said.check(["left"])):
                return False
            time.sleep(pause)
            waited, pause = waited + pause, min(2 * pause, RANK_LOOK_SECONDS)
        return True

    def _leave(self, own: BaseException | None) -> None:
        """End the process group, here and where somebody waits for this rank."""
        self._said.set(f"left {self._rank}", json.dumps([here for _, here, _ in _connections()]))
        self._said.set("left", b"")
        _forget(own)
        _abort(self._pg)

    def look(self, over: threading.Event) -> None:
        """End what this rank waits for when a rank has left; others may leave after it, and are waited for as well.

        Args:
            over: is set when the objective has ended here.
        """
        waited_for = set(range(self._size)) - {self._rank}
        while not over.wait(RANK_LOOK_SECONDS):
            if not self._said.check(["left"]):
                continue
            _abort(self._pg)
            for rank in [rank for rank in waited_for if self._said.check([f"left {rank}"])]:
                waited_for.remove(rank)
                self._cut(json.loads(self._said.get(f"left {rank}")))

    def _cut(self, ends: list[str]) -> None:
        """End the connections to a rank, but for those of the store: gloo, which cannot abort, waits for them.

        Args:
            ends: the addresses of its connections, on its side.
        """
        store = self._store
        while isinstance(store, dist.PrefixStore):
            store = store.underlying_store
        port = f":{getattr(store, 'port', 0):04X}"  # of a file, there is none
        for connection, here, there in _connections():
            if there in ends and not here.endswith(port) and not there.endswith(port):
                ctypes.CDLL(None).shutdown(connection, READ_AND_WRITE)


def _connections() -> Iterator[tuple[int, str, str]]:
    """Yield this process's TCP connections, where Linux lists them: a copy of its descriptor, and both its addresses.

    The copy is closed afterwards. An address is hexadecimal, with its port, as in /proc.
    """
    addresses = {}
    for table in ("tcp", "tcp6"):
        with suppress(OSError), open(f"/proc/self/net/{table}", encoding="ascii") as lines:
            for fields in map(str.split, lines):
                here, there = (address.removeprefix(MAPPED) for address in fields[1:3])
                addresses[f"socket:[{fields[9]}]"] = here, there
    for name in os.listdir("/proc/self/fd") if addresses else ():
        with suppress(OSError):
            copy = os.dup(int(name))
            try:
                if found := addresses.get(os.readlink(f"/proc/self/fd/{copy}")):
                    yield copy, *found
            finally:
                os.close(copy)


def _abort(group: Any) -> None:
    """End what a process group waits for, where its backend can do that."""
    with suppress(Exception):
        group.abort()


def _forget(error: BaseException | None) -> None:
    """Free the models that an objective has left behind, and with them what they hold of their process group."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__context__
    gc.collect()


def _from_rank_0(more: bool = False, error: Exception | None = None) -> bool:
    """Return in all ranks whether rank 0 has a trial to run, or raise in all of them what ended its search.

    The arguments are those of rank 0.
    """
    said: list[Any] = [more, error if error is None or _can_be_sent(error) else RuntimeError(_words(error))]
    dist.broadcast_object_list(said, src=0)
    if said[1] is not None:
        raise error or said[1]
    return bool(said[0])


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _can_be_sent(error: Exception) -> bool:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # whatever the error's own pickling may raise
        return False
    return True
