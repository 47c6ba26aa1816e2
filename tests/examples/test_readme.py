"""What README.md and docs/storage.md promise beyond their examples running: a report, and a search that survives."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sklearn

import tunesmith

ROOT = Path(__file__).resolve().parents[2]


def search_script() -> str:
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "storage.md").read_text(), re.DOTALL | re.MULTILINE)
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
def test_the_search_of_the_page_survives_kill_9(tmp_path: Path) -> None:
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


def sentences_of(report: str) -> list[str]:
    """The sentences of a report, however its lines are broken."""
    return re.split(r"(?<=\.) (?=[A-Z0-9])", " ".join(report.split()))


@pytest.mark.skipif(
    tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 9), reason="the figures are those of the pinned versions"
)
def test_the_report_of_the_readme_is_what_its_example_prints(tmp_path: Path) -> None:
    """Word for word; figures may differ in what another processor's arithmetic changes, and parameters are chosen.

    With other last digits the search goes another way: how many fits it saves, and how often the best ones are tested
    again for these, is not compared.
    """
    readme = (ROOT / "README.md").read_text()
    pattern = r"^```python\n((?:(?!```).)*print\(search\.report_\)\n)```\n+```text[^\n]*\n(.*?)^```"
    ((example, printed),) = re.findall(pattern, readme, re.DOTALL | re.MULTILINE)
    script = "from tunesmith import Float, Int\nfrom tunesmith.sklearn import SearchCV\n" + example
    path = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")]))
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env={**os.environ, "PYTHONPATH": path},
                          capture_output=True, text=True, check=True)  # fmt: skip
    said = f"README.md prints another report than its example, which is now:\n{done.stdout}"
    number = r"-?\d+(?:\.\d+)?"

    def words(text: str) -> list[str]:
        return [re.sub(number, "#", line).replace(", up to # times each", "") for line in sentences_of(text)]

    def figures(text: str) -> list[float]:
        told = re.sub(r"\w+=[^,;)\s]+", "", text.partition("The search took")[0])  # without parameters
        return [float(n) for n in re.findall(number, told)]

    assert words(printed) == words(done.stdout), said
    for old, new in zip(figures(printed), figures(done.stdout), strict=True):
        assert abs(old - new) <= max(0.02, 0.2 * abs(old)), said
