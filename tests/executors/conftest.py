"""Engines for the tests of executors, started once for all of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from tunesmith.executors.base import Executor
from tunesmith.foundation import registry


@pytest.fixture(scope="session")
def dask_client() -> Iterator[Any]:
    """A Dask client with two worker processes of two threads each."""
    distributed = pytest.importorskip("distributed", reason="needs Dask: pip install distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=2, processes=True, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="session")
def ray_module() -> Iterator[Any]:
    """The ray module, connected to a cluster of this machine with two cores and two things."""
    ray = pytest.importorskip("ray", reason="needs Ray: pip install ray")
    # It says itself what it will do otherwise one day, and pytest would take that for an error.
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    ray.init(
        address="local",  # not one that something else left behind
        num_cpus=2,
        resources={"thing": 2},
        include_dashboard=False,
        object_store_memory=100_000_000,
        log_to_driver=False,
        logging_level="ERROR",
    )
    yield ray
    ray.shutdown()


@dataclass(frozen=True)
class Engine:
    """A cluster that runs, and what tests need to know of it.

    Attributes:
        name: of its executor.
        client: what ``optimize`` takes.
        address: of the cluster, for another driver.
        connect: the lines by which a driver's script gets a ``client`` of the cluster at ``address``.
        machine: what messages call one of its machines.
        slots: how many trials with one core it has room for.
    """

    name: str
    client: Any
    address: str
    connect: str
    machine: str
    slots: int

    @property
    def executor(self) -> Callable[..., Executor]:
        """Makes an executor on this cluster."""
        return partial(registry.load_registered("executors", self.name), self.client)


def on(name: str) -> Any:
    """A parameter for tests of an engine, which run one after another."""
    return pytest.param(name, marks=[getattr(pytest.mark, name), pytest.mark.xdist_group(name)])


ENGINES = [on("dask"), on("ray")]


def cluster_of(request: pytest.FixtureRequest, name: str) -> Engine:
    """Return an engine, with its cluster started."""
    if name == "dask":
        client = request.getfixturevalue("dask_client")
        connect = "from distributed import Client\nclient = Client(address)"
        return Engine("dask", client, client.scheduler.address, connect, "worker of the Dask cluster", 4)
    ray = request.getfixturevalue("ray_module")
    connect = "import ray as client\nclient.init(address=address, log_to_driver=False, logging_level='ERROR')"
    return Engine("ray", ray, ray.get_runtime_context().gcs_address, connect, "node of the Ray cluster", 2)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine with a cluster."""
    return cluster_of(request, request.param)
