"""A program as an objective: how it is run, read, stopped and ended."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tunesmith as ts
from tunesmith.errors import ObjectiveError, ProgramError
from tunesmith.foundation.states import TrialState
from tunesmith.program import Program, load_program, store_program
from tunesmith.program.program import MOST_NAMES
from tunesmith.pruners import ThresholdPruner


def study_of(program: Program, tmp_path: Path, **more: Any) -> ts.Study:
    return ts.create_study(space={"x": "float(0, 1)"}, seed=0, **more)


def sh(script: str, tmp_path: Path, **more: Any) -> Program:
    fields: dict[str, Any] = {"metrics": ["loss"], "names": ["x"], "directory": str(tmp_path / "trials"), **more}
    return Program(command=["sh", "-c", script], **fields)


def run(program: Program, tmp_path: Path, **more: Any) -> ts.FrozenTrial:
    study = study_of(program, tmp_path, **more)
    study.optimize(program, n_trials=1, catch=ProgramError)
    (trial,) = study.trials
    return trial


def is_gone(pid: int) -> bool:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_a_trial_has_its_parameters_a_folder_and_an_environment(tmp_path: Path) -> None:
    script = (
        'echo "loss: {x}" >&2; cd {trial_dir}; test "$TUNESMITH_PARAM_X" = {x} && cp "$TUNESMITH_PARAMS_FILE" copy; '
        'echo "$TUNESMITH_TRIAL $TUNESMITH_STUDY $TUNESMITH_STORAGE $PYTHONUNBUFFERED" > "$TUNESMITH_TRIAL_DIR/env"'
    )
    trial = run(sh(script, tmp_path, study="mine", storage="tune.db"), tmp_path)
    folder = tmp_path / "trials" / "0"
    assert trial.value == trial.params["x"]
    assert trial.user_attrs["trial_dir"] == str(folder)
    assert json.loads((folder / "copy").read_text()) == trial.params
    assert (folder / "env").read_text() == "0 mine tune.db 1\n"
    assert (folder / "output.txt").read_text() == f"loss: {trial.value}\n"


def test_steps_are_reported_and_a_hopeless_run_is_ended(tmp_path: Path) -> None:
    script = "trap 'echo bye; exit 0' TERM; for i in 1 2 3; do echo \"loss: 0.$i (step $i)\"; done; sleep 60 & wait"
    trial = run(sh(script, tmp_path), tmp_path, pruner=ThresholdPruner(upper=0.25))
    assert trial.state is TrialState.PRUNED
    assert trial.intermediate_values == {1: 0.1, 2: 0.2, 3: 0.3}
    assert trial.reason == "stopped after step 3"
    assert "bye" in (tmp_path / "trials/0/output.txt").read_text()


def test_what_has_a_name_is_logged(tmp_path: Path) -> None:
    script = (
        "for i in 0 1 2; do echo epoch $i: train_loss=0.5 lr=0.1; echo loss=0.2$i acc=0.9; done; echo all=1; "
        'echo \'{"step": 5, "f1": 0.75, "loss": 0.125}\' > {results}'
    )
    trial = run(sh(script, tmp_path), tmp_path)
    assert trial.value == 0.125
    assert dict(trial.intermediate_values) == {1: 0.2, 2: 0.21, 3: 0.22}
    logged = {name: dict(zip(s.tolist(), v.tolist(), strict=True)) for name, (s, v) in trial.metrics.items()}
    assert logged == {
        "train_loss": dict.fromkeys(range(3), 0.5),
        "lr": dict.fromkeys(range(3), 0.1),
        "acc": dict.fromkeys(range(1, 4), 0.9),
        "loss": {1: 0.2, 2: 0.21, 3: 0.22, 5: 0.125},
        "f1": {5: 0.75},
    }


def test_a_program_that_prints_its_metric_alone_logs_nothing(tmp_path: Path) -> None:
    trial = run(sh("for i in 1 2 3; do echo epoch $i: loss=0.$i; done", tmp_path), tmp_path)
    assert dict(trial.intermediate_values) == {1: 0.1, 2: 0.2, 3: 0.3}
    assert not trial.metrics


def test_several_objectives_are_logged_as_they_come(tmp_path: Path) -> None:
    script = "for i in 1 2 3; do echo epoch $i: loss=0.$i acc=0.5; done"
    trial = run(sh(script, tmp_path, metrics=["loss", "acc"]), tmp_path, directions=["minimize", "maximize"])
    assert trial.values == (0.3, 0.5)
    assert trial.metrics["loss"][0].tolist() == trial.metrics["acc"][0].tolist() == [1, 2, 3]


def test_ever_new_names_are_bounded(tmp_path: Path) -> None:
    script = "i=0; while [ $i -lt 300 ]; do echo step $i: n$i=1; i=$((i+1)); done; echo loss: 1"
    trial = run(sh(script, tmp_path), tmp_path)
    assert (trial.value, len(trial.metrics)) == (1.0, MOST_NAMES)


def test_scalars_of_event_files_are_logged(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX", reason="needs tensorboardX: pip install tensorboardX")
    writes = (
        "import sys, tensorboardX\n"
        "with tensorboardX.SummaryWriter(sys.argv[1]) as w:\n"
        "    for i in range(3):\n"
        "        w.add_scalar('loss', 0.5, i)\n"
        "        w.add_scalar('train/acc', 0.25 * i, i)\n"
    )
    command = [sys.executable, "-c", writes, "{trial_dir}/logs"]
    fields: dict[str, Any] = {"metrics": ["loss"], "names": ["x"], "directory": str(tmp_path / "trials")}
    trial = run(Program(command=command, tensorboard="{trial_dir}/logs", **fields), tmp_path)
    assert (trial.value, dict(trial.intermediate_values)) == (0.5, {0: 0.5, 1: 0.5, 2: 0.5})
    assert trial.metrics["train/acc"][1].tolist() == [0.0, 0.25, 0.5]


def test_one_that_ignores_sigterm_is_killed_with_what_it_started(tmp_path: Path) -> None:
    script = "trap '' TERM; sleep 60 & echo $! > {trial_dir}/pid; echo loss: 1; while :; do sleep 0.1; done"
    trial = run(sh(script, tmp_path, grace=0.3), tmp_path, pruner=ThresholdPruner(upper=0.25))
    assert trial.state is TrialState.PRUNED
    assert is_gone(int((tmp_path / "trials/0/pid").read_text()))


def test_what_a_program_leaves_behind_is_ended(tmp_path: Path) -> None:
    trial = run(sh("sleep 60 & echo $! > {trial_dir}/pid; echo loss: 1", tmp_path), tmp_path)
    assert trial.value == 1
    assert is_gone(int((tmp_path / "trials/0/pid").read_text()))


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo boom >&2; exit 3", "exit code 3; it printed at last:\nboom"),
        ("kill -SEGV $$", "SIGSEGV; it printed nothing"),
        (
            "echo Loss: 3",
            "The metric 'loss' does not appear; what it printed has numbers for 'Loss'; did you mean 'Loss'?",
        ),
        ("echo '[1]' > $TUNESMITH_RESULTS", "must hold a JSON object"),
        ("echo 'loss 1' > $TUNESMITH_RESULTS", "holds no JSON"),
        ("printf '\\033[31mred\\033[0m'; exit 1", r"\x1b[31mred"),
    ],
)
def test_failures_say_why(script: str, said: str, tmp_path: Path) -> None:
    trial = run(sh(script, tmp_path), tmp_path)
    assert trial.state is TrialState.FAIL
    assert said in (trial.reason or "")
    assert "Traceback" not in (trial.reason or "")


@pytest.mark.parametrize("words", [["no-such-program"], ["/"], [""]])
def test_a_program_that_is_none_ends_the_search(words: list[str], tmp_path: Path) -> None:
    def attempt() -> None:
        program = Program(command=words, metrics=["loss"], names=["x"], directory=str(tmp_path))
        study_of(program, tmp_path).optimize(program, n_trials=3, catch=ProgramError)

    with pytest.raises((ObjectiveError, ValueError), match=r"cannot be started|no command"):
        attempt()


@pytest.mark.skipif(sys.platform == "win32", reason="needs process groups")
def test_one_that_uses_too_much_memory_is_ended_with_what_it_started(tmp_path: Path) -> None:
    hog = "x = bytearray(200_000_000)\nprint('full', flush=True)\nimport time\ntime.sleep(60)"
    program = sh(f'echo $$; "{sys.executable}" -c "{hog}" & wait; echo loss: 1', tmp_path, memory_limit="100MB")
    trial = run(program, tmp_path)
    assert trial.state is TrialState.FAIL
    assert "the trial used" in str(trial.reason)
    assert "and its limit is 100 MB" in str(trial.reason)
    assert is_gone(int((tmp_path / "trials/0/output.txt").read_text().split()[0]))
    assert run(sh("echo loss: 1", tmp_path, memory_limit=10**9), tmp_path).value == 1.0


def test_a_folder_that_cannot_be_written_ends_the_search(tmp_path: Path) -> None:
    (tmp_path / "trials").write_text("a file")
    with pytest.raises(ObjectiveError, match="folder of trial 0 cannot be written"):
        run(sh("echo loss: 1", tmp_path), tmp_path)


def test_results_come_from_the_file_first(tmp_path: Path) -> None:
    script = 'echo loss: 1; echo \'{"loss": 2}\'; printf \'{"loss": 3, "epoch": 1}\\n{"loss": 4}\\n\' > {results}'
    assert run(sh(script, tmp_path), tmp_path).value == 4
    assert run(sh(script, tmp_path, take="min"), tmp_path).value == 3


def test_nan_fails_and_infinity_does_not(tmp_path: Path) -> None:
    assert run(sh("echo loss: nan", tmp_path), tmp_path).state is TrialState.FAIL
    assert run(sh("echo loss: inf", tmp_path), tmp_path).value == float("inf")


def test_exit_130_is_run_again(tmp_path: Path) -> None:
    script = "test -e {trial_dir}/again && { echo loss: 1; exit 0; }; touch {trial_dir}/again; exit 130"
    trial = run(sh(script, tmp_path), tmp_path)
    assert (trial.value, trial.attempt) == (1, 2)
    assert {p.name for p in (tmp_path / "trials/0").glob("output*")} == {"output.txt", "output-2.txt"}
    assert "130" in (run(sh("exit 130", tmp_path), tmp_path).reason or "")


def test_several_metrics(tmp_path: Path) -> None:
    program = sh("echo a: 1; echo b=2; echo '{\"a\": 3}'", tmp_path, metrics=["a", "b"])
    study = study_of(program, tmp_path, directions=["minimize", "maximize"])
    study.optimize(program, n_trials=1)
    assert study.trials[0].values == (3, 2)


def test_much_output_is_read_and_kept_bounded(tmp_path: Path) -> None:
    script = 'awk \'BEGIN { for (i = 1; i <= 200000; i++) print "line", i, "of a long log"; print "loss: 2" }\''
    assert run(sh(script, tmp_path), tmp_path).value == 2
    kept = (tmp_path / "trials/0/output.txt").read_text()
    assert kept.startswith("line 1 of")
    assert kept.endswith("line 200000 of a long log\nloss: 2\n")
    assert "bytes left out]" in kept
    assert len(kept) < 1_100_000


def test_binary_output(tmp_path: Path) -> None:
    assert run(sh("head -c 100000 /dev/urandom; echo; echo loss: 2", tmp_path), tmp_path).value == 2


def test_a_terminal(tmp_path: Path) -> None:
    script = "test -t 1 && test -t 0 && echo loss: 1"
    assert run(sh(script, tmp_path, pty=True), tmp_path).value == 1
    assert run(sh(script, tmp_path), tmp_path).state is TrialState.FAIL


def test_a_terminal_carries_much_without_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    sleep = time.sleep
    monkeypatch.setattr("tunesmith.program.process.time.sleep", lambda s: (slept.append(s), sleep(s)))
    script = "yes 'a line of a log' | head -c 4000000; echo; echo loss: 1"
    assert run(sh(script, tmp_path, pty=True), tmp_path).value == 1
    assert sum(slept) < 1, "it waited for each 4 KiB, which are all that a terminal gives at a time"
    assert b"\r" not in (tmp_path / "trials/0/output.txt").read_bytes()


def test_a_shell_gets_one_line(tmp_path: Path) -> None:
    fields: dict[str, Any] = {"metrics": ["loss"], "names": ["x"], "directory": str(tmp_path)}
    program = Program(command=["echo loss: {x}", "|", "cat"], shell=True, **fields)
    trial = run(program, tmp_path)
    assert trial.value == trial.params["x"]


def test_event_files(tmp_path: Path) -> None:
    code = (
        "import os, struct; folder = os.environ['TUNESMITH_TRIAL_DIR'] + '/logs/run'; os.makedirs(folder)\n"
        "value = lambda v: b'\\x0a\\x0f\\x0a\\x08val/loss\\x15' + struct.pack('<f', v)\n"
        "event = lambda step, v: bytes([16, step, 42, len(value(v))]) + value(v)\n"
        "record = lambda e: struct.pack('<QI', len(e), 0) + e + bytes(4)\n"
        "open(folder + '/events.tfevents.1', 'wb').write(b''.join(record(event(s, 1 / (s + 1))) for s in range(3)))"
    )
    fields: dict[str, Any] = {"metrics": ["val/loss"], "names": ["x"], "directory": str(tmp_path)}
    trial = run(Program(command=[sys.executable, "-c", code], tensorboard="{trial_dir}/logs", **fields), tmp_path)
    assert trial.intermediate_values == {0: 1.0, 1: 0.5, 2: pytest.approx(1 / 3)}
    assert trial.value == pytest.approx(1 / 3)


def test_checkpoints_go_on_where_they_were(tmp_path: Path) -> None:
    script = (
        'cd "$TUNESMITH_CHECKPOINT_DIR"; n=$(cat step 2>/dev/null || echo 0); '
        'while [ $n -lt 4 ]; do n=$((n + 1)); echo $n > new; mv new step; echo "loss: 0.$n (step $n)"; sleep 0.2; '
        "test $n -eq 2 && ! test -e {trial_dir}/once && touch {trial_dir}/once && exit 130; done; true"
    )
    trial = run(sh(script, tmp_path, resumable=True), tmp_path, storage=str(tmp_path / "t.db"))
    assert trial.value == 0.4
    assert trial.intermediate_values == {1: 0.1, 2: 0.2, 3: 0.3, 4: 0.4}
    assert (tmp_path / "trials/0/output-2.txt").read_text().split("\n")[0] == "loss: 0.3 (step 3)"


def test_a_study_keeps_its_program(tmp_path: Path) -> None:
    program = sh("echo loss: {x}", tmp_path, take="min", study="s", storage="secret")
    study = ts.create_study(storage=str(tmp_path / "t.db"), study_name="s")
    with pytest.raises(ts.errors.StorageError, match="not made by `tunesmith run`"):
        load_program(study, "trials")
    store_program(study, program)
    loaded = load_program(ts.load_study(storage=str(tmp_path / "t.db"), study_name="s"), program.directory, "secret")
    assert loaded == program
    assert "secret" not in str(study.system_attrs)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"command": "python train.py"}, "command must be a list"),
        ({"metrics": []}, "at least one"),
        ({"metrics": ["a", "a"]}, "each metric once"),
        ({"take": "mean"}, "take must be one of 'last', 'min', 'max'; got 'mean'"),
        ({"params_file": "a.ini"}, "must end in 'json'"),
        ({"memory_limit": "much"}, "a size is a number of bytes or a text such as"),
    ],
)
def test_fields_that_are_not_valid(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Program(**{"command": ["x"], "metrics": ["m"], "names": ["x"], "directory": ".", **fields})


def test_it_confirms_and_runs_in_processes(tmp_path: Path) -> None:
    study = study_of(program := sh("echo loss: {x}", tmp_path), tmp_path)
    study.optimize(program, n_trials=2, n_jobs=2)
    report = study.confirm(program, top_k=1, repeats=2)
    assert report is not None
    assert os.path.isdir(tmp_path / "trials" / "1000000")


PRINTED = {
    "sh": (["sh", "-c", "echo {x}"], "sh"),
    "python": ([sys.executable, "-c", "import sys; print({x}); print('bye', file=sys.stderr)"], sys.executable),
    "R": (["Rscript", "-e", "print({x}, digits = 15)"], "Rscript"),
}


@pytest.mark.parametrize("language", PRINTED)
def test_a_last_line_that_is_a_number_is_the_metric(language: str, tmp_path: Path) -> None:
    command, needed = PRINTED[language]
    if shutil.which(needed) is None:
        pytest.skip(f"needs {needed}")
    trial = run(replace(sh("true", tmp_path), command=command), tmp_path)
    assert trial.value == pytest.approx(trial.params["x"])
    assert float(trial.user_attrs["last_line"].removeprefix("[1] ")) == trial.value


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a compiler")
def test_a_number_of_a_compiled_program_is_the_metric(tmp_path: Path) -> None:
    source = tmp_path / "prog.c"
    source.write_text('#include <stdio.h>\nint main(int n, char **a) { printf("%s", a[1]); return 0; }\n')
    subprocess.run(["cc", "-o", str(tmp_path / "prog"), str(source)], check=True)
    trial = run(replace(sh("true", tmp_path), command=[str(tmp_path / "prog"), "{x}"]), tmp_path)
    assert trial.value == trial.params["x"]


@pytest.mark.parametrize(
    ("script", "more"),
    [
        ("echo 0.3; echo epoch 3", {}),
        ("echo '0,3'", {}),
        ("echo '30 %'", {}),
        ("echo 0.3 >&2; echo done", {}),
        ("echo 'val loss: 0.3'; echo 7", {}),  # which is of another name
        ("echo 'loss: 0,3'; echo 7", {}),
        ("echo '{\"acc\": 1}' > $TUNESMITH_RESULTS; echo 7", {}),
        ("echo 0.9; echo 0.3", {"take": "min"}),
        ("echo 0.3", {"tensorboard": "{trial_dir}/logs"}),
    ],
)
def test_what_may_be_something_else_is_no_metric(script: str, more: dict[str, Any], tmp_path: Path) -> None:
    trial = run(sh(script, tmp_path, **more), tmp_path)
    assert trial.state is TrialState.FAIL
    assert "does not appear" in str(trial.reason)
    assert "last_line" not in trial.user_attrs


def test_of_two_metrics_none_is_guessed(tmp_path: Path) -> None:
    program = sh("echo 0.3", tmp_path, metrics=["loss", "size"])
    study = study_of(program, tmp_path, directions=["minimize", "minimize"])
    study.optimize(program, n_trials=1, catch=ProgramError)
    assert "the metrics 'loss', 'size' do not appear" in study.trials[0].reason.lower()


def test_a_program_that_names_its_metric_is_not_guessed_at_later(tmp_path: Path) -> None:
    script = 'test "$TUNESMITH_TRIAL" = 0 && echo "loss: 0.5"; echo 3'
    program = sh(script, tmp_path)
    study = study_of(program, tmp_path)
    study.optimize(program, n_trials=2, catch=ProgramError)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE, TrialState.FAIL]


@pytest.mark.parametrize(
    "script", ["printf '%s %%\\n' {x}", "printf 'Result  %s\\tunits\\n' {x}", "echo log; printf '%s\\n' {x} | tr . ,"]
)
def test_the_error_shows_how_a_shell_names_the_number(script: str, tmp_path: Path) -> None:
    reason = str(run(replace(sh("true", tmp_path), command=[script], shell=True), tmp_path).reason)
    (shown,) = re.findall(r"--shell -- (.+)$", reason, re.MULTILINE)
    again = replace(sh("true", tmp_path), command=shlex.split(shown), shell=True)
    trial = run(again, tmp_path)
    assert trial.value == trial.params["x"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("place", ["mkfifo $TUNESMITH_RESULTS", "mkdir $TUNESMITH_RESULTS"])
def test_what_is_no_results_file_is_not_waited_for(place: str, tmp_path: Path) -> None:
    trial = run(sh(f"echo loss: 1; {place}; mkfifo {{trial_dir}}/output-9.txt", tmp_path), tmp_path)
    assert trial.state is TrialState.FAIL
    assert "results.json cannot be read: results.json is no plain file" in str(trial.reason)
    found = sh("true", tmp_path).look_alikes(0)
    assert found is not None
    assert not found.metrics


def test_a_results_file_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunesmith.program.files.RESULTS_BYTES", 1_000_000)
    trial = run(sh("head -c 2000000 /dev/zero > $TUNESMITH_RESULTS", tmp_path), tmp_path)
    assert "is larger than 1 MB" in str(trial.reason)
