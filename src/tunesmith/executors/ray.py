"""Runs objectives as tasks of a Ray cluster.

Each task starts and supervises a worker process of ours (`tunesmith.executors.task`), so that limits, kept output and
the reason of a death are the same as elsewhere; this module moves the bytes. Ray's own retries are off: a trial that
was lost with its node is run again by the study, which counts how often.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar

from tunesmith.errors import MissingDependencyError, ObjectiveError
from tunesmith.executors.base import Event, Objective
from tunesmith.executors.ray_task import ANSWER, CANCEL, Mail, run_task
from tunesmith.executors.relay import RelayExecutor
from tunesmith.executors.resources import check_room, places
from tunesmith.foundation.states import FailureKind
from tunesmith.foundation.text import name_and_message
from tunesmith.trial import Channel, Trial

LOOK = 1.0  # seconds between two looks at the size of the cluster
MOST_WAITING = 100_000  # calls that may wait in the actor at once, one for each task
MOST_NEVER_BEGUN = 20  # tasks in a row that Ray may lose before they begin; more, and it is taken for a failure
NAMES = {"cpus": "CPU", "gpus": "GPU"}  # what Ray calls them; other resources have the names that nodes give them


@dataclass(slots=True)
class _Sent:
    """A trial that was handed to Ray."""

    number: int
    name: str
    result: Any
    heard: bool = False  # whether its task has said anything


class RayExecutor(RelayExecutor):
    """Runs each objective as a task of a Ray cluster, in a process of its own on one of the nodes.

    The capacity follows the cluster: as many trials as its nodes have resources for. An autoscaler grows for trials
    that wait: give it `jobs`.

    Args:
        client: the ``ray`` module, or an address for ``ray.init``; None: the cluster that this process is connected to,
            or else one on this machine.
        jobs: how many trials are handed to Ray at once; None: as many as the nodes have room for.
        resources: what one trial needs: ``cpus`` (1 by default; 0: they are not counted), ``gpus``, and the cluster's
            own. ``open`` raises if no node has that; with `jobs` it warns, since an autoscaler may add one.
        time_limit: seconds that a trial may run; None: no limit.
        memory_limit: bytes that a trial's processes may use together, or a text such as "2GB"; None: no limit.
        grace: seconds that a trial has to end by itself when it is asked to, before it is killed.

    Raises:
        TypeError: `client` is neither.
    """

    name: ClassVar[str] = "ray"
    kills: ClassVar[bool] = True
    streams: ClassVar[bool] = True
    resources_aware: ClassVar[bool] = True
    notices_loss: ClassVar[bool] = True
    queues: ClassVar[bool] = True

    def _prepare(self) -> None:
        client = self.client
        if not (client is None or isinstance(client, str) or self.accepts(client)):
            raise TypeError(f"RayExecutor takes the ray module or the address of a cluster; got {client!r}")

    @classmethod
    def accepts(cls, client: Any) -> bool:
        """Accept the ``ray`` module, and what ``ray.init`` returns."""
        if isinstance(client, ModuleType):
            return client.__name__ == "ray"
        return type(client).__module__.startswith("ray.") and type(client).__name__.endswith("Context")

    def open(self, objective: Objective, channel: Channel | None) -> None:
        """Pickle the objective, connect to the cluster if that is not done yet, and start the actor."""
        super().open(objective, channel)
        self._ray = _connected(self.client)
        needs = {"cpus": 1, **self.resources}
        self._needs = {key: value for key, value in needs.items() if value}
        check_room(self._needs, self._nodes(), "node of the Ray cluster", may_grow=self.jobs is not None)
        others = {key: value for key, value in self._needs.items() if key not in NAMES}
        self._task = self._ray.remote(
            max_retries=0, num_cpus=needs["cpus"], num_gpus=needs.get("gpus", 0), resources=others or None
        )(run_task)
        self._setup = self._ray.put(self.setup)
        self._sent: dict[str, _Sent] = {}  # by name
        self._names: dict[int, str] = {}  # of the trials under way
        self._slots, self._looked, self._never_begun = 0, -LOOK, 0
        self._start_mail()

    def _threads(self) -> int:
        return max(1, int(self.resources.get("cpus", 1)))

    @property
    def capacity(self) -> int:
        """The number of jobs; without one, what the nodes have room for at the moment."""
        if self.jobs is not None:
            return self.jobs
        if self.clock() - self._looked >= LOOK:
            self._looked = self.clock()
            self._slots = sum(places(has, self._needs, has.get("cpus", 1)) for has in self._nodes())
        return self._slots

    def _nodes(self) -> list[dict[str, float]]:
        """Return what each living node has, by our names."""
        ours = {theirs: name for name, theirs in NAMES.items()}
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        return [{ours.get(key, key): value for key, value in has.items()} for has in nodes]

    def submit(self, trial: Trial, deadline: float | None = None) -> None:
        """Hand the trial to Ray."""
        job = self._begin(trial, deadline)
        name = f"trial-{job.number}-{uuid.uuid4().hex}"
        result = self._task.options(name=f"trial {job.number}").remote(self._setup, job, self._mail, name)
        self._sent[name] = _Sent(job.number, name, result)
        self._names[job.number] = name

    def poll(self, timeout: float | None = None) -> list[Event]:
        """Read what tasks and Ray say, answer it, and return what happened.

        Raises:
            ObjectiveError: the objective, or tunesmith itself, cannot be loaded on a node.
        """
        for number, answer in self._read_held():
            self._answer(number, answer)
        end = None if timeout is None else self.clock() + timeout
        while not self._events and (self._sent or not self.capacity):
            left = LOOK if end is None else max(0.0, min(LOOK, end - self.clock()))
            self._read(left)
            if end is not None and self.clock() >= end:
                break
        return self._take_events()

    def drain(self) -> list[Event]:
        """Return what happened already."""
        while self._read(0.0):
            pass
        return self._take_events()

    def cancel(self, number: int, grace: float | None = None) -> None:
        """Ask the process that runs a trial to end; a trial that no node has begun is taken back from Ray."""
        name = self._names.get(number)
        if name is None:
            return
        self._mail.order.remote(name, CANCEL, self.grace if grace is None else grace)
        if not self._sent[name].heard:
            self._ray.cancel(self._sent[name].result)
            self._lose(number, FailureKind.KILLED, "the trial was cancelled before it began")
            self._forget_ended(name)

    def close(self) -> None:
        """Take all trials back from Ray; tasks that run one end it, since the actor is gone."""
        sent, self._sent, self._names = getattr(self, "_sent", {}), {}, {}
        mail: Any = getattr(self, "_mail", None)
        self._mail: Any = None
        if mail is None or not self._ray.is_initialized():
            return
        for one in sent.values():
            if not one.heard:
                self._ray.cancel(one.result)
        self._ray.kill(mail)

    # -- messages ------------------------------------------------------------------------------------------------

    def _start_mail(self) -> None:
        strategies = self._ray.util.scheduling_strategies
        here = self._ray.get_runtime_context().get_node_id()
        self._mail = (
            self._ray.remote(Mail)
            .options(
                num_cpus=0,
                max_concurrency=MOST_WAITING,
                scheduling_strategy=strategies.NodeAffinitySchedulingStrategy(here, soft=True),
            )
            .remote()
        )
        self._news = self._mail.take.remote()

    def _read(self, timeout: float) -> bool:
        """Wait for messages and ends of tasks, and act on them; return False if there were none."""
        results = {sent.result: sent for sent in self._sent.values()}
        ready, _ = self._ray.wait([self._news, *results], timeout=timeout)
        for ref in ready:
            if ref == self._news:
                self._read_mail()
            elif results[ref].name in self._sent:  # a task ended, and its last message was not read yet
                self._mail.wake.remote()
                self._read_mail()
                self._task_ended(results[ref])
        return bool(ready)

    def _read_mail(self) -> None:
        try:
            messages = self._ray.get(self._news)
        except self._ray.exceptions.RayActorError:
            self._start_mail()  # tasks that had the other one end what they run, since they cannot say how it goes
            for sent in list(self._sent.values()):
                self._lose(sent.number, None, "the actor that carries the messages of trials died")
                self._forget_ended(sent.name)
            return
        self._news = self._mail.take.remote()
        for name, data in messages:
            if name in self._sent:  # it was not given up
                number = self._sent[name].number
                self._sent[name].heard = True
                self._never_begun = 0
                self._answer(number, self._receive(number, data))
                self._forget_ended(name)

    def _answer(self, number: int, answer: bytes | None) -> None:
        if answer is not None and number in self._names:
            self._mail.order.remote(self._names[number], ANSWER, answer)

    def _task_ended(self, sent: _Sent) -> None:
        """End a trial whose task ended, if its last message has not come from the actor."""
        if sent.name not in self._sent:
            return
        errors = self._ray.exceptions
        try:
            self._receive(sent.number, self._ray.get(sent.result))
        except errors.OutOfMemoryError as error:
            self._lose(sent.number, FailureKind.OOM, f"Ray ended the task for memory: {name_and_message(error)}")
        except errors.RayError as error:
            cause = getattr(error, "cause", None)
            if isinstance(cause, ModuleNotFoundError) and str(cause.name).partition(".")[0] == "tunesmith":
                raise ObjectiveError("tunesmith is not installed on the nodes of Ray: install it there") from None
            # One that had not begun was sent to a node that is dead, which Ray does not know for some seconds.
            self._never_begun += not sent.heard
            innocent = not sent.heard and self._never_begun <= MOST_NEVER_BEGUN
            kind = None if innocent else FailureKind.LOST
            self._lose(sent.number, kind, f"Ray lost the task: {name_and_message(error)}")
        self._forget_ended(sent.name)

    def _forget_ended(self, name: str) -> None:
        """Forget a task if its trial is under way no more."""
        sent = self._sent.get(name)
        if sent is not None and not self._is_under_way(sent.number):
            del self._sent[name], self._names[sent.number]


def _connected(given: Any) -> Any:
    """Return the ray module, connected to a cluster.

    Raises:
        MissingDependencyError: Ray is not installed.
    """
    try:
        import ray
        import ray.util.scheduling_strategies
    except ImportError as error:
        raise MissingDependencyError("the executor 'ray' needs Ray: pip install 'tunesmith[ray]'") from error
    if not ray.is_initialized():
        ray.init(address=given if isinstance(given, str) else None)
    return ray
