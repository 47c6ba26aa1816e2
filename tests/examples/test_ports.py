"""Programs that were written without tunesmith: few lines change, and ``kill -9`` costs an epoch and no trial."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from difflib import SequenceMatcher
from pathlib import Path

import pytest
from tests.examples.test_examples import EXAMPLES, ROOT

import tunesmith as ts
from tunesmith.foundation.states import TrialState

PORTS = EXAMPLES / "ports"
TRIALS, KILLS = 3, 3
PROGRAMS = {  # what it needs, its study, and what makes it short
    "mnist": (("torch",), "mnist", ('"--epochs", type=int, default=14', '"--epochs", type=int, default=4')),
    "lightning_digits": (("lightning",), "digits", ("max_epochs=10", "max_epochs=4")),
    "transformers_text": (("transformers", "accelerate"), "text", ("num_train_epochs=6", "num_train_epochs=3")),
}


def changed(before: Path, after: Path) -> int:
    """Return how many lines were changed, added or deleted; the sentence at the top says what the program is."""
    old, new = (path.read_text().splitlines()[1:] for path in (before, after))
    pieces = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return sum(max(b - a, d - c) for kind, a, b, c, d in pieces if kind != "equal")


@pytest.mark.parametrize(("name", "lines"), [("mnist", 14), ("lightning_digits", 13), ("transformers_text", 12)])
def test_few_lines_change(name: str, lines: int) -> None:
    """As `docs/porting.md` says; Optuna's version of the first one goes on from checkpoints, too."""
    assert changed(PORTS / f"{name}.py", PORTS / f"{name}_tuned.py") == lines
    if name == "mnist":
        assert changed(PORTS / "mnist.py", PORTS / "mnist_optuna.py") == 53


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
@pytest.mark.parametrize("name", PROGRAMS)
def test_they_survive_kills(name: str, tmp_path: Path) -> None:
    packages, study_name, (long, short) = PROGRAMS[name]
    for package in ("sklearn", *packages):
        pytest.importorskip(package, reason=f"{package} is not installed", exc_type=ImportError)
    program = (PORTS / f"{name}_tuned.py").read_text()
    assert long in program
    script = tmp_path / "train.py"
    script.write_text(program.replace(long, short).replace("n_trials_total=12", f"n_trials_total={TRIALS}"))
    path = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")]))
    epochs = 0
    for kill in range(KILLS + 1):
        with (
            (tmp_path / "errors").open("w") as errors,
            subprocess.Popen(
                [sys.executable, "-W", "ignore", str(script)],
                cwd=tmp_path,
                env={**os.environ, "PYTHONPATH": path},
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            ) as run,
        ):
            assert run.stdout is not None
            here = 0
            for line in run.stdout:
                here += line.startswith("epoch")
                if here == 2 and kill < KILLS:
                    run.send_signal(signal.SIGKILL)
                    break
        epochs += here
        assert run.returncode == (-signal.SIGKILL if kill < KILLS else 0), (tmp_path / "errors").read_text()
    study = ts.load_study(storage=tmp_path / f"{study_name}.db", study_name=study_name)
    states = {trial.state for trial in study.trials}
    assert len(study.trials) == TRIALS
    assert TrialState.COMPLETE in states
    assert states <= {TrialState.COMPLETE, TrialState.PRUNED, TrialState.PAUSED}
    reports = sum(len(trial.intermediate_values) for trial in study.trials)
    assert epochs <= reports + 2 * KILLS, "a kill costs the epoch that ran, and one whose report had yet to be made"
    assert sum(trial.attempt for trial in study.trials) >= TRIALS + KILLS
    left = (tmp_path / f"{study_name}.db.artifacts").rglob("*")
    assert [path for path in left if path.is_file() or "+" in path.name] == []
