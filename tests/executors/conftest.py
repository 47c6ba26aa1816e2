"""Engines for the tests of executors, started once for all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest


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
