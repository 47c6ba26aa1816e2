"""How many cores there are: by the machine, the affinity, the container and the user."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tunesmith.executors import resources


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with 16 cores, and the folder that tells of its container."""
    monkeypatch.setattr(resources, "CGROUP", tmp_path)
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(12)), raising=False)
    monkeypatch.delenv("LOKY_MAX_CPU_COUNT", raising=False)
    return tmp_path


def test_the_affinity_counts(group: Path) -> None:
    assert resources.cpu_count() == 12


@pytest.mark.parametrize(("text", "count"), [("250000 100000", 3), ("max 100000", 12), ("1000 100000", 1), ("", 12)])
def test_a_containers_quota(group: Path, text: str, count: int) -> None:
    (group / "cpu.max").write_text(text + "\n")
    assert resources.cpu_count() == count


@pytest.mark.parametrize(("quota", "count"), [(400000, 4), (-1, 12)])
def test_an_older_containers_quota(group: Path, quota: int, count: int) -> None:
    (group / "cpu").mkdir()
    (group / "cpu" / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (group / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert resources.cpu_count() == count


def test_the_user_may_ask_for_less_and_gets_one_at_least(group: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for most, count in (("2", 2), ("0", 1), ("99", 12)):
        monkeypatch.setenv("LOKY_MAX_CPU_COUNT", most)
        assert resources.cpu_count() == count
