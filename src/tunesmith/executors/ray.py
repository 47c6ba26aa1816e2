"""Runs objectives as tasks of a Ray cluster.

Each task starts and supervises a worker process of ours (`tunesmith.executors.task`), so that limits, kept output and
the reason of a death are the same as elsewhere; this module moves the bytes. Ray's own retries are off: a trial that
was lost with its node is run again by the study, which counts how often.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, ClassVar

from tunesmith.errors import MissingDependencyError
from tunesmith.executors.base import Objective
from tunesmith.executors.engine import EngineExecutor, Sent, refuse_without_tunesmith
from tunesmith.executors.ray_task import Mail, run_in_ray
from tunesmith.executors.resources import check_room, places
from tunesmith.executors.supervisor import Job
from tunesmith.executors.task import CANCEL
from tunesmith.foundation.states import FailureKind
from tunesmith.foundation.text import name_and_message
from tunesmith.trial import Channel

CALLS_THAT_WAIT = 100_000  # at once in the actor, one for each task
TASKS_LOST_UNBEGUN = 20  # in a row; more, and it is taken for a failure
NAMES_IN_RAY = {"cpus": "CPU", "gpus": "GPU"}  # other resources have the names that nodes give them


class RayExecutor(EngineExecutor):
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
    resources_aware: ClassVar[bool] = True

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
        others = {key: value for key, value in self._needs.items() if key not in NAMES_IN_RAY}
        self._task = self._ray.remote(
            max_retries=0, num_cpus=needs["cpus"], num_gpus=needs.get("gpus", 0), resources=others or None
        )(run_in_ray)
        self._setup = self._ray.put(self.setup)
        self._lost_unbegun = 0
        self._start_mail()

    def _threads(self) -> int:
        return max(1, int(self.resources.get("cpus", 1)))

    def _count_slots(self) -> int:
        return sum(places(has, self._needs, has.get("cpus", 1)) for has in self._nodes())

    def _nodes(self) -> list[dict[str, float]]:
        """Return what each living node has, by our names."""
        ours = {theirs: name for name, theirs in NAMES_IN_RAY.items()}
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        return [{ours.get(key, key): value for key, value in has.items()} for has in nodes]

    def close(self) -> None:
        """Take all trials back from Ray; tasks that run one end it, since the actor is gone."""
        sent, self._sent, self._names = getattr(self, "_sent", {}), {}, {}
        mail: Any = getattr(self, "_mail", None)
        self._mail: Any = None
        if mail is None or not self._ray.is_initialized():
            return
        for one in sent.values():
            if not one.heard:
                self._ray.cancel(one.future)
        self._ray.kill(mail)

    # -- tasks ---------------------------------------------------------------------------------------------------

    def _hand_over(self, job: Job, sent: Sent) -> Any:
        return self._task.options(name=f"trial {job.number}").remote(self._setup, job, self._mail, sent.name)

    def _take_back(self, sent: Sent) -> bool:
        self._tell(sent, CANCEL, self.grace)  # where it is just beginning
        self._ray.cancel(sent.future)
        return True

    def _tell(self, sent: Sent, word: str, value: Any) -> None:
        self._mail.order.remote(sent.name, (word, value))

    def _start_mail(self) -> None:
        strategies = self._ray.util.scheduling_strategies
        here = self._ray.get_runtime_context().get_node_id()
        self._mail = (
            self._ray.remote(Mail)
            .options(
                num_cpus=0,
                max_concurrency=CALLS_THAT_WAIT,
                scheduling_strategy=strategies.NodeAffinitySchedulingStrategy(here, soft=True),
            )
            .remote()
        )
        self._news = self._mail.take.remote()

    def _read(self, timeout: float) -> bool:
        """Wait for messages and ends of tasks, and act on them; return False if there were none."""
        results = {sent.future: sent for sent in self._sent.values()}
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
                self._give_up(sent, None, "the actor that carries the messages of trials died")
            return
        self._news = self._mail.take.remote()
        for name, data in messages:
            self._lost_unbegun = 0
            self._hear(name, data)

    def _task_ended(self, sent: Sent) -> None:
        """End a trial whose task ended, if its last message has not come from the actor."""
        if sent.name not in self._sent:
            return
        errors = self._ray.exceptions
        try:
            self._end(sent, self._ray.get(sent.future))
        except errors.OutOfMemoryError as error:
            self._give_up(sent, FailureKind.OOM, f"Ray ended the task for memory: {name_and_message(error)}")
        except errors.RayError as error:
            refuse_without_tunesmith(getattr(error, "cause", None), "on the nodes of Ray")
            # One that had not begun was sent to a node that is dead, which Ray does not know for some seconds.
            self._lost_unbegun += not sent.heard
            innocent = not sent.heard and self._lost_unbegun <= TASKS_LOST_UNBEGUN
            kind = None if innocent else FailureKind.LOST
            self._give_up(sent, kind, f"Ray lost the task: {name_and_message(error)}")


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
