"""The files of examples/deploy: linters accept them, and they call the worker as it wants to be called."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tunesmith as ts
from tunesmith.worker.command import TERMINATED, USAGE
from tunesmith.worker.options import parse

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "examples" / "deploy"
YAML = sorted(DEPLOY.glob("*.yaml"))
YAMLLINT = "{extends: default, rules: {line-length: {max: 120}, document-start: disable}}"
BIN = Path(sys.executable).parent


def tool(name: str, *arguments: str | Path) -> tuple[int, str]:
    """The exit status of a linter that pip installs, and what it said."""
    program = BIN / name
    if not program.exists():
        pytest.skip(f"needs {name}: pip install '.[test]' in a clone installs it")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def changed(path: Path, old: str, new: str, folder: Path) -> Path:
    """A copy with a mistake."""
    text = path.read_text()
    assert old in text
    copy = folder / path.name
    copy.write_text(text.replace(old, new, 1))
    return copy


def loaded(name: str) -> Any:
    yaml = pytest.importorskip("yaml", reason="needs PyYAML, which yamllint brings")
    return yaml.safe_load((DEPLOY / name).read_text())


@pytest.mark.parametrize("path", YAML, ids=lambda path: path.name)
def test_yaml_is_tidy(path: Path) -> None:
    status, said = tool("yamllint", "--strict", "-d", YAMLLINT, path)
    assert status == 0, said


def test_the_compose_file_fits_its_schema(tmp_path: Path) -> None:
    check = ("--builtin-schema", "vendor.compose-spec")
    status, said = tool("check-jsonschema", *check, DEPLOY / "compose.yaml")
    assert status == 0, said
    wrong = changed(DEPLOY / "compose.yaml", "stop_grace_period", "stop_grace", tmp_path)
    assert tool("check-jsonschema", *check, wrong)[0] != 0


def test_the_kubernetes_file_fits_its_schema(tmp_path: Path) -> None:
    status, said = tool("kubernetes-validate", "--strict", DEPLOY / "kubernetes.yaml")
    assert status == 0, said
    wrong = changed(DEPLOY / "kubernetes.yaml", "podFailurePolicy", "podFailuresPolicy", tmp_path)
    assert tool("kubernetes-validate", "--strict", wrong)[0] != 0


def test_the_slurm_script_is_clean_bash(tmp_path: Path) -> None:
    script = DEPLOY / "worker.sbatch"
    status, said = tool("shellcheck", script)
    assert status == 0, said
    assert tool("shellcheck", changed(script, '"$SLURM_JOB_ID"', "$SLURM_JOB_ID", tmp_path))[0] != 0
    subprocess.run(["bash", "-n", script], check=True)
    options = [line for line in script.read_text().splitlines() if line.startswith("#SBATCH")]
    assert options
    assert all(re.fullmatch(r"#SBATCH --[a-z-]+(=\S+)?", line) for line in options), "SLURM reads no more than that"


@pytest.mark.skipif(sys.platform == "win32", reason="needs bash")
def test_the_slurm_script_runs_a_worker_and_ends_as_it_did(tmp_path: Path) -> None:
    for name, text in {
        "srun": '#!/bin/bash\nwhile [[ $1 == --* ]]; do shift; done\nexec "$@"\n',
        "python": f'#!/bin/bash\nexec "{sys.executable}" "$@"\n',
        "scontrol": '#!/bin/bash\necho "$@" > requeued\n',
    }.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    env = {
        **os.environ,
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(DEPLOY), str(ROOT / "src")]),
        "TUNESMITH_STORAGE": str(tmp_path / "tune.db"),
        "N_TRIALS_TOTAL": "4",
        "SLURM_JOB_ID": "7",
    }

    def run(**more: str) -> int:
        script = ["bash", str(DEPLOY / "worker.sbatch")]
        return subprocess.run(script, cwd=tmp_path, env={**env, **more}, timeout=120, check=False).returncode

    assert run() == 0
    assert len(ts.load_study(study_name="lr", storage=str(tmp_path / "tune.db")).trials) == 4
    assert run(OBJECTIVE="train:objektive") == USAGE
    assert not (tmp_path / "requeued").exists()
    (tmp_path / "srun").write_text(f"#!/bin/bash\nexit {TERMINATED}\n")
    assert run() == TERMINATED
    assert (tmp_path / "requeued").read_text() == "requeue 7\n"


@pytest.mark.parametrize("name", ["compose.yaml", "kubernetes.yaml"])
def test_the_command_of_a_container_is_one_that_the_worker_takes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNESMITH_STORAGE", "postgresql://tunesmith:x@db/tunesmith")
    whole = loaded(name)
    if name == "compose.yaml":
        arguments, env = whole["services"]["worker"]["command"], whole["services"]["worker"]["environment"]
    else:
        (container,) = whole["spec"]["template"]["spec"]["containers"]
        arguments, env = container["args"], {entry["name"]: entry for entry in container["env"]}
    options = parse(arguments, "worker")
    assert (options.objective, options.study, options.create, options.wait) == ("train:objective", "lr", True, 120.0)
    assert "TUNESMITH_STORAGE" in env


def test_kubernetes_knows_the_statuses_that_the_worker_has() -> None:
    rules = loaded("kubernetes.yaml")["spec"]["podFailurePolicy"]["rules"]
    by_status = {tuple(rule["onExitCodes"]["values"]): rule["action"] for rule in rules if "onExitCodes" in rule}
    assert by_status == {(USAGE,): "FailJob", (TERMINATED,): "Ignore"}


def test_the_image_has_what_the_package_is_built_from() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
    sources = [word for line in re.findall(r"^COPY (.*) \S+$", text, re.MULTILINE) for word in line.split()]
    assert {"pyproject.toml", "README.md", "LICENSE", "src"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists()
        assert f"!{source}" in ignored, "else the build would not see it"


def test_the_page_shows_each_file() -> None:
    page = (ROOT / "docs" / "scale.md").read_text()
    for path in [*YAML, DEPLOY / "worker.sbatch", DEPLOY / "Dockerfile", DEPLOY / "train.py"]:
        assert f"examples/deploy/{path.name}" in page, f"docs/scale.md does not mention {path.name}"
