"""What README.md promises beyond its examples running: the search that it says survives a kill does."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tunesmith

ROOT = Path(__file__).resolve().parents[2]


def search_script() -> str:
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    (script,) = [block for block in blocks if block.startswith("# search.py")]
    assert "time.sleep(0.02)" in script
    return script.replace("time.sleep(0.02)", "time.sleep(0.05)")  # time enough to be killed in


def start(script: Path) -> subprocess.Popen[str]:
    path = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, script.name],
        cwd=script.parent,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finished(folder: Path) -> list[tuple[int, dict[str, float], float | None]]:
    """Number, parameters and value of the finished trials in the file; empty as long as there is none."""
    try:
        study = tunesmith.load_study(study_name="lr", storage=folder / "lr.db")
    except (tunesmith.StudyNotFoundError, tunesmith.StorageError):
        return []  # not made yet
    return [(t.number, t.params, t.value) for t in study.trials if t.state.is_finished()]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no kill -9")
def test_the_search_of_the_readme_survives_kill_9(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
        (folder / "search.py").write_text(search_script())
    undisturbed = start(whole / "search.py")
    output, _ = undisturbed.communicate()
    assert undisturbed.returncode == 0, output

    for at_least in (3, 10):
        process = start(killed / "search.py")
        # Where this process is starved, the search may end before it is killed: a weaker test, and no failure.
        while len(finished(killed)) < at_least and process.poll() is None:
            time.sleep(0.01)
        before = finished(killed)
        process.kill()
        process.communicate()
        assert finished(killed)[: len(before)] == before

    last = start(killed / "search.py")
    output, _ = last.communicate()
    assert last.returncode == 0, output
    assert output.startswith("30 {"), output
    assert finished(killed) == finished(whole), "the same thirty trials, as if nothing had happened"
