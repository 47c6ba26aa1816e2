"""The set-up script behind `make`: what it says when something is missing, and that only a finished set-up counts."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Stands for Python, and for the Python of the .venv that it "makes": it writes down what it is asked for.
FAKE = """#!/bin/sh
echo "$*" >> "$LOG"
case "$*" in
    --version) echo "Python $FAKE_VERSION" ;;
    *"(3, 11)"*) [ "$FAKE_VERSION" != 3.9.1 ] ;;
    *ensurepip*) [ -z "${FAKE_NO_VENV:-}" ] ;;
    *version_info*) echo 3.12 ;;
    "-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
    *platform*) echo "Python $FAKE_VERSION on Linux x86_64" ;;
    *--dry-run*) echo "${FAKE_PIN:-}" >&2 ;;
    "-m pip"*) [ -z "${FAKE_PIP_SAYS:-}" ] || { echo "$FAKE_PIP_SAYS" >&2; exit 1; } ;;
esac
"""


class Project:
    """A copy of what the set-up reads, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / ".ci").mkdir(parents=True)
        for name in (".ci/setup", ".ci/install", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, folder / name)
        self.python = folder / "fake-python"
        self.python.write_text(FAKE)
        self.python.chmod(0o755)
        self.log = folder / "log"

    def setup(self, kind: str = "demo", version: str = "3.12.1", **env: str) -> subprocess.CompletedProcess[str]:
        self.log.write_text("")
        return subprocess.run(
            ["sh", ".ci/setup", kind],
            cwd=self.folder,
            env={**os.environ, "PYTHON": str(self.python), "LOG": str(self.log), "FAKE_VERSION": version, **env},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @property
    def did(self) -> list[str]:
        return self.log.read_text().splitlines()

    @property
    def made_venv(self) -> bool:
        return "-m venv .venv" in self.did


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


def test_the_second_time_there_is_nothing_to_do(project: Project) -> None:
    assert project.setup().returncode == 0
    assert project.made_venv
    again = project.setup()
    assert (again.returncode, again.stdout, again.stderr, project.did) == (0, "", "", [])


def test_everything_is_installed_at_pinned_versions_from_wheels(project: Project) -> None:
    project.setup()
    installs = [line for line in project.did if " install " in line]
    assert installs
    assert all("--constraint constraints.txt" in line for line in installs)
    assert all("--only-binary :all:" in line for line in installs)


def test_nothing_is_installed_in_another_way() -> None:
    """With the pip of any Python, by any script or workflow: what has no wheel is found out here, and not by a user."""
    scripts = [path for path in (ROOT / ".ci").iterdir() if path.is_file() and path.name != "install"]
    found = [*scripts, *(ROOT / ".github").rglob("*.yml"), ROOT / "Makefile"]
    calls = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in found
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"-m pip\b.* install\b", line) and "--only-binary :all:" not in line
    ]
    assert calls == []


def test_another_kind_adds_to_the_same_environment(project: Project) -> None:
    project.setup("demo")
    assert project.setup("test").returncode == 0
    assert not project.made_venv
    project.setup("demo")
    assert project.did == []


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_changed_file_installs_again_and_a_touched_one_does_not(project: Project, name: str) -> None:
    project.setup()
    path = project.folder / name
    os.utime(path, (1, 1))
    project.setup()
    assert project.did == []
    path.write_text(path.read_text() + "# more\n")
    project.setup()
    assert any(" install " in line for line in project.did)


def test_a_set_up_that_failed_is_not_taken_for_a_finished_one(project: Project) -> None:
    failed = project.setup(FAKE_PIP_SAYS="ERROR: Exception")
    assert failed.returncode == 1
    assert project.setup().returncode == 0
    assert project.made_venv


NONE = (
    "ERROR: Could not find a version that satisfies the requirement {0} (from versions: {1})\n"
    "ERROR: No matching distribution found for {0}"
)
BROKEN = "WARNING: Retrying (Retry(total={}, connect=None)) after connection broken by '{}': /simple/numpy/\n"
# What pip 23.2, 24.2, 25.1 and 26.3 print, and what of the advice is then true.
FAILURES = [
    (
        BROKEN.format(0, "NewConnectionError('[Errno 111] Connection refused')") + NONE.format("numpy", "none"),
        "reached no server",
    ),
    (
        BROKEN.format(0, "NameResolutionError(\"Failed to resolve 'x'\")") + NONE.format("numpy", "none"),
        "reached no server",
    ),
    (BROKEN.format(0, "SSLError(SSLCertVerificationError(1, '...'))") + NONE.format("numpy", "none"), "PIP_CERT"),
    (NONE.format("jieba==0.42.1", "none"), "no wheel of jieba==0.42.1 for Python 3.12.1 on Linux x86_64"),
    (
        NONE.format("numpy==9", "1.0, 2.0"),
        "no wheel of numpy==9 for Python 3.12.1 on Linux x86_64, but of other versions",
    ),
    ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "a disk is full"),
    ("WARNING: Building failed: [Errno 28] No space left on device\n" + NONE.format("numpy", "none"), "a disk is full"),
    ("ERROR: Cannot install a==1 and a==2 because these package versions have conflicting dependencies.", "make pins"),
    ("ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: '/a'", "may not be written"),
    ("/usr/bin/python3: No module named pip", "has no pip"),
    ("ERROR: Exception", "for the reason that it gives above"),
]


@pytest.mark.parametrize(("said", "wanted"), FAILURES)
def test_the_advice_is_true_of_what_went_wrong(project: Project, said: str, wanted: str) -> None:
    failed = project.setup(FAKE_PIP_SAYS=said)
    assert failed.returncode == 1
    told, advice = failed.stderr.split("\ninstall: ")
    assert told.strip() == said.strip(), "what pip says stands above it"
    assert wanted in advice
    others = {other for _, other in FAILURES if other in advice} - {wanted}
    assert not {other for other in others if other not in wanted}


@pytest.mark.parametrize(("versions", "wanted"), [("none", "pip finds no wheel"), ("1.0", "but of other versions")])
def test_a_pin_without_a_wheel_is_not_told_as_a_contradiction(project: Project, versions: str, wanted: str) -> None:
    conflict = (
        "ERROR: Cannot install jieba because these package versions have conflicting dependencies.\n"
        "    The user requested jieba\n    The user requested (constraint) jieba==0.42.1\nERROR: ResolutionImpossible"
    )
    failed = project.setup(FAKE_PIP_SAYS=conflict, FAKE_PIN=NONE.format("jieba==0.42.1", versions))
    assert "no wheel of jieba==0.42.1" in failed.stderr
    assert wanted in failed.stderr
    assert "make pins" in project.setup(FAKE_PIP_SAYS=conflict).stderr, "there is one: the versions do contradict"


def test_a_connection_that_was_found_again_is_not_what_went_wrong(project: Project) -> None:
    failed = project.setup(FAKE_PIP_SAYS=BROKEN.format(4, "RemoteDisconnected('...')") + NONE.format("jieba", "none"))
    assert "no wheel of jieba" in failed.stderr
    assert "reached no server" not in failed.stderr


def test_an_interrupted_addition_is_not_taken_for_a_finished_one(project: Project) -> None:
    project.setup("demo")
    (project.folder / ".venv" / "unfinished").write_text("")  # what a kill -9 leaves behind
    assert project.setup("demo").returncode == 0
    assert project.made_venv


def test_two_set_ups_are_not_in_each_others_way(project: Project) -> None:
    project.setup("demo")
    (project.folder / ".venv" / "unfinished").write_text(str(os.getpid()))
    refused = project.setup("test")
    assert refused.returncode == 1
    assert f"process {os.getpid()}" in refused.stderr


def test_a_moved_folder_gets_a_new_environment(project: Project) -> None:
    project.setup()
    moved = project.folder.rename(project.folder.with_name("moved"))
    project.folder, project.python, project.log = moved, moved / "fake-python", moved / "log"
    assert project.setup().returncode == 0
    assert project.made_venv


def test_an_old_python_is_named(project: Project) -> None:
    refused = project.setup(version="3.9.1")
    assert refused.returncode == 1
    assert "is not a Python >= 3.11 (Python 3.9.1)" in refused.stderr
    assert not (project.folder / ".venv").exists()


def test_a_missing_python_is_named(project: Project) -> None:
    refused = project.setup(PYTHON="no-such-python")
    assert refused.returncode == 1
    assert "(no no-such-python)" in refused.stderr


def test_a_missing_venv_module_says_what_to_install(project: Project) -> None:
    refused = project.setup(FAKE_NO_VENV="1")
    assert refused.returncode == 1
    assert "apt install python3.12-venv" in refused.stderr
    assert not (project.folder / ".venv").exists()


def test_an_unknown_kind_is_refused(project: Project) -> None:
    refused = project.setup("everything")
    assert refused.returncode == 2
    assert "usage" in refused.stderr


@pytest.mark.parametrize("during", ['"-m venv .venv")', '"-m pip"*)'])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_with_one_message(project: Project, during: str, number: int) -> None:
    slow = project.folder / "fake-python"
    slow.write_text(FAKE.replace(during, f"{during} touch at-work; sleep 1;"))
    running = subprocess.Popen(
        ["sh", ".ci/setup", "demo"],
        cwd=project.folder,
        env={**os.environ, "PYTHON": str(slow), "LOG": str(project.log), "FAKE_VERSION": "3.12.1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not (project.folder / "at-work").exists() and running.poll() is None:
        time.sleep(0.01)
    if number == signal.SIGINT:
        os.killpg(running.pid, number)  # as a terminal does
    else:
        running.send_signal(number)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    assert errors == "set-up: stopped; run make again, it starts the set-up over\n"
    slow.write_text(FAKE)
    assert project.setup().returncode == 0
    assert project.made_venv
