"""Checkpoints are written once, whole at any moment, and nothing is left of processes that were killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tunesmith as ts
from tunesmith.artifacts import checkpoints
from tunesmith.artifacts.folders import copy_folder
from tunesmith.artifacts.local import LocalStore
from tunesmith.artifacts.record import Artifact
from tunesmith.artifacts.scratch import sweep, temporary_folder
from tunesmith.errors import ArtifactError
from tunesmith.foundation.states import TrialState
from tunesmith.foundation.worker_names import as_file_name, current_worker
from tunesmith.history import History
from tunesmith.history.curves import Curves
from tunesmith.pruners import Decision, Pruner
from tunesmith.study.engine.checkpoints import CheckpointDisk

MB = 10**6
EPOCHS = 5


def made(storage: Any = None, **arguments: Any) -> ts.Study:
    return ts.create_study(storage=storage, study_name="s", seed=0, sampler="random", pruner="nop", **arguments)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def by_hand(trial: ts.Trial) -> float:
    content = os.urandom(2 * MB)
    file = trial.checkpoint_dir / "state"
    for epoch in range(1, EPOCHS + 1):
        file.write_bytes(content)
        trial.report(1.0, epoch)
    return 1.0


def by_epochs(trial: ts.Trial) -> float:
    for epoch in trial.epochs(EPOCHS + 1, {"weights": os.urandom(2 * MB)}):
        trial.report(1.0, epoch)
    return 1.0


def bytes_written() -> int:
    return int(Path("/proc/self/io").read_text().partition("wchar: ")[2].split()[0])


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="the system does not count what is written")
@pytest.mark.parametrize("train", [by_hand, by_epochs])
def test_the_state_is_written_once(train: Callable[[ts.Trial], float], tmp_path: Path) -> None:
    study = made(tmp_path / "tune.db")
    before = bytes_written()
    study.optimize(train, n_trials=1)
    assert (bytes_written() - before) / (EPOCHS * 2 * MB) < 1.05


def test_where_files_have_one_name_only_checkpoints_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    """As on exFAT and on some shares."""
    tried = []

    def refuse(source: Path, target: Path) -> None:
        tried.append(source)
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    study = made(tmp_path / "tune.db")
    trial = study.ask()
    for name in ("first.bin", "second.bin"):  # the other one is carried over
        (trial.checkpoint_dir / name).write_bytes(bytes(MB))
        trial.report(1.0, 0 if name == "first.bin" else 1)
    assert {name: len(found) for name, found in again(study, trial).items()} == {
        "first.bin": MB,
        "second.bin": MB,
    }
    assert tried
    assert not [warning for warning in recwarn if "checkpoint" in str(warning.message)]


@pytest.fixture(params=["local", "remote"])
def study(request: pytest.FixtureRequest, tmp_path: Path) -> ts.Study:
    if request.param == "local":
        return made(tmp_path / "tune.db")
    pytest.importorskip("fsspec", reason="needs fsspec: pip install fsspec")
    return made(tmp_path / "tune.db", artifact_store=f"memory://{tmp_path.name}")


def again(study: ts.Study, trial: ts.Trial) -> dict[str, bytes]:
    """Return what the next attempt finds in its folder."""
    study.release([trial.number])
    folder = study.ask().checkpoint_dir
    return {str(path.relative_to(folder)): path.read_bytes() for path in files(folder)}


def test_what_is_not_written_again_stays_in_the_checkpoint(study: ts.Study) -> None:
    """Large files and folders are moved out of reach, small ones stay as they are, and may be deleted."""
    trial = study.ask()
    folder = trial.checkpoint_dir
    (folder / "static").mkdir()
    (folder / "static" / "words").write_bytes(b"w" * MB)
    (folder / "state").write_bytes(b"1" * MB)
    (folder / "log").write_text("one\n")
    (folder / "latest").symlink_to(folder / "state")
    (folder / "note").write_text("to be deleted")
    trial.report(1.0, 1)
    assert {path.name for path in folder.iterdir()} == {"log", "note"}
    (folder / "state").write_bytes(b"2" * MB)  # in place: the content that was published is not this file
    (folder / "note").unlink()
    with (folder / "log").open("a") as log:
        log.write("two\n")
    trial.report(1.0, 2)
    (folder / "state").write_bytes(b"3" * MB)  # not published
    found = again(study, trial)
    assert found == {
        "static/words": b"w" * MB,
        "state": b"2" * MB,
        "latest": b"1" * MB,
        "log": b"one\ntwo\n",
    }
    assert [artifact.name for artifact in study.artifacts.everything()] == ["checkpoint/2"]


def test_a_resumed_trial_goes_on_with_what_it_finds(study: ts.Study) -> None:
    trial = study.ask()
    for name in ("kept", "deleted", "changed"):
        (trial.checkpoint_dir / name).write_bytes(name.encode() * MB)
    trial.report(1.0, 1)
    study.release([trial.number])
    trial = study.ask()
    (trial.checkpoint_dir / "deleted").unlink()
    (trial.checkpoint_dir / "changed").write_bytes(b"2" * MB)
    trial.report(1.0, 2)
    trial.report(1.0, 3)  # nothing new
    assert again(study, trial) == {"kept": b"kept" * MB, "changed": b"2" * MB}


def test_a_state_and_files_of_the_user_are_one_checkpoint(study: ts.Study) -> None:
    trial = study.ask()
    (trial.checkpoint_dir / "mine").write_bytes(b"m" * MB)
    for epoch in trial.epochs(9, {"weights": b"w" * MB}):
        trial.report(1.0, epoch)
        if epoch == 3:
            break
    study.release([trial.number])
    state = {"weights": b""}
    trial = study.ask()
    loop = iter(trial.epochs(9, state))
    assert (next(loop), state) == (4, {"weights": b"w" * MB})
    trial.report(1.0, 4)
    assert set(again(study, trial)) == {"mine", "epochs.pickle"}


def test_what_another_program_writes_while_it_is_copied_is_in_the_next_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = made(str(tmp_path / "s.db"))
    trial = study.ask()
    folder = trial.shared_checkpoint_dir()
    copied = 0

    def copy_as_it_writes(source: Path, target: Path) -> None:
        nonlocal copied
        copied += 1
        if copied == 1:  # the file that was to be copied got its last name
            raise FileNotFoundError("new")
        copy_folder(source, target)
        (folder / "step").write_text(str(copied))

    (folder / "step").write_text("1")
    monkeypatch.setattr(checkpoints, "copy_folder", copy_as_it_writes)
    trial.report(1.0, 1)
    monkeypatch.undo()
    trial.report(1.0, 2)
    found = again(study, trial)
    assert found["step"] == b"2"


def test_a_checkpoint_is_an_artifact_as_any_other(study: ts.Study, tmp_path: Path) -> None:
    trial = study.ask()
    (trial.checkpoint_dir / "a").write_bytes(b"a" * MB)
    trial.report(1.0, 1)
    study.release([trial.number])
    place = str(tmp_path / "copy.db")
    copy = ts.copy_study(from_study_name="s", from_storage=tmp_path / "tune.db", to_storage=place, to_study_name="t")
    for one in (study, copy):
        folder = one.artifacts.of(0).download("checkpoint/1", tmp_path / one.study_name)
        (folder / "a").write_bytes((folder / "a").read_bytes() + b"b")  # what was published is another file
        assert one.artifacts.of(0).download("checkpoint/1", tmp_path / f"{one.study_name}-again").is_dir()
        one.artifacts.of(0).remove("checkpoint/1")
        assert one.artifacts.everything() == []
    assert files(tmp_path / "tune.db.artifacts") == files(tmp_path / "copy.db.artifacts") == []


# ---------------------------------------------------------------------------------------- processes that are killed

# Dies before it reports, after it, or between the blob and its pointer.
DIES = """
import os, signal, sys
from pathlib import Path
import tunesmith as ts

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

storage, where = sys.argv[1], sys.argv[2]
study = ts.create_study(
    storage=None if storage == "memory" else storage, study_name="s", load_if_exists=True, sampler="random", retries=99
)

def train(trial):
    (trial.checkpoint_dir / "state").write_bytes(os.urandom(10**6))
    if where == "before":
        die()
    if where == "between":
        study.storage.put_artifact = die
    trial.report(1.0, trial.attempt)
    die()

study.optimize(train, n_trials=1)
"""


@pytest.mark.parametrize("where", ["between", *(pytest.param(w, marks=pytest.mark.slow) for w in ("before", "after"))])
def test_what_killed_processes_leave_is_swept_at_the_next_start(where: str, tmp_path: Path) -> None:
    storage, temporary = tmp_path / "tune.db", tmp_path / "tmp"
    temporary.mkdir()
    for place in (storage, "memory"):
        for _ in range(2):
            done = subprocess.run(
                [sys.executable, "-c", DIES, str(place), where],
                env={**os.environ, "TMPDIR": str(temporary)},
                capture_output=True,
                check=False,
            )
            assert done.returncode == -signal.SIGKILL, done.stderr
    assert files(tmp_path / "tune.db.artifacts")
    study = ts.load_study(storage=storage, study_name="s")
    if where != "before":  # else nothing says that the objective saves checkpoints
        study.optimize(lambda trial: float(trial.resumed_from_step or 0), n_trials=1)
        assert study.trials[0].value == {"between": 0.0, "after": 2.0}[where]
    study.optimize(by_hand, n_trials=1)
    assert files(tmp_path / "tune.db.artifacts") == []
    assert all("+" not in path.name for path in (tmp_path / "tune.db.artifacts").rglob("*")), "no folder of a process"
    before, tempfile.tempdir = tempfile.tempdir, str(temporary)
    try:
        sweep()
    finally:
        tempfile.tempdir = before
    assert list(temporary.iterdir()) == []


# Two processes: one publishes a checkpoint and gives the trial back; the other takes its name away, and dies before the
# content went or before the name did, or ends in peace without an answer of whether it published the next one.
REMOVES = """
import os, sys
from tunesmith.storage.sql.storage import SQLStorage
import tunesmith as ts

where = sys.argv[2]
study = ts.create_study(storage=sys.argv[1], study_name="s", load_if_exists=True, sampler="random", retries=99)

def train(trial):
    (trial.checkpoint_dir / "state").write_text(str(trial.attempt))
    if trial.attempt == 1:
        trial.report(1.0, 1)
        raise KeyboardInterrupt
    remove, put = SQLStorage.remove_artifact, SQLStorage.put_artifact
    if where == "content":
        SQLStorage.remove_artifact = lambda *rest: (remove(*rest), os._exit(9))
    if where == "name":
        SQLStorage.remove_artifact = lambda *rest: os._exit(9)
    if where == "answer":
        def unanswered(*_):
            raise EOFError
        SQLStorage.put_artifact = unanswered
    if where != "name":
        trial.report(2.0, 2)
    return 2.0

study.optimize(train, n_trials=1)
"""


@pytest.mark.parametrize("where", ["content", "name", "answer"])
def test_what_nobody_could_finish_removing_is_swept(where: str, tmp_path: Path) -> None:
    storage = tmp_path / "tune.db"
    for expected in (-signal.SIGINT, 1 if where == "answer" else 9):
        done = subprocess.run([sys.executable, "-c", REMOVES, str(storage), where], capture_output=True, check=False)
        assert done.returncode == expected, done.stderr
    assert files(tmp_path / "tune.db.artifacts")
    study = ts.load_study(storage=storage, study_name="s")
    study.optimize(by_hand, n_trials_total=2)
    assert [trial.state.is_finished() for trial in study.trials] == [True, True]
    assert files(tmp_path / "tune.db.artifacts") == []
    assert all("+" not in path.name for path in (tmp_path / "tune.db.artifacts").rglob("*")), "no folder of a process"


def test_a_checkpoint_is_removed_where_the_store_takes_no_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = made(tmp_path / "tune.db")
    trial = study.ask()
    (trial.checkpoint_dir / "state").write_text("1")
    trial.report(1.0, 1)

    def refuse(*_: Any) -> Path:
        raise ArtifactError("a disk that cannot be written")

    monkeypatch.setattr(LocalStore, "workspace", refuse)
    study.artifacts.of(0).remove("checkpoint/1")
    assert study.artifacts.everything() == []


def test_the_end_of_a_search_leaves_what_others_ended_meanwhile_as_parents(tmp_path: Path) -> None:
    """A search that ends may not have read yet that another process ended a trial which others are to begin from."""
    study, other = (ts.create_study(storage=tmp_path / "t.db", study_name="s", load_if_exists=True) for _ in range(2))
    study.optimize(by_hand, n_trials=1)
    trial = other.ask()
    (trial.checkpoint_dir / "state").write_text("1")
    trial.report(1.0, 1)
    other.engine.study.storage.finish(
        other.engine.study.study_id,
        ts.FrozenTrial(1, TrialState.COMPLETE, values=(1.0,), attempt=1, token=trial.link.token),
    )
    replica = study.engine.study
    for parents, left in ((lambda: set(replica.history.number.tolist()), ["checkpoint/1"]), (set, [])):
        CheckpointDisk(replica, study.engine.artifacts, parents, None, None).end(None)
        assert [artifact.name for artifact in study.artifacts.everything()] == left


def test_what_others_may_still_need_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another machine's folders, and those of processes that live."""
    study = made(tmp_path / "tune.db")
    store, space = study.artifacts.pointers.place()
    own = store.workspace(space)
    assert own is not None
    elsewhere = own.with_name(as_file_name("another-host:1:abc@1"))
    elsewhere.mkdir()
    (own / "state").write_text("1")
    (elsewhere / "state").write_text("1")
    store.sweep(space, lambda: pytest.fail("nobody is dead"))
    assert len(files(own.parent)) == 2
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    owner = type("Owner", (), {})()
    mine, other = Path(temporary_folder(owner)), tmp_path / f"tunesmith-artifacts-{elsewhere.name}-x"
    other.mkdir()
    (tmp_path / "tunesmith-artifacts-somebody").mkdir()
    sweep()
    assert mine.is_dir()
    assert other.is_dir()
    assert (tmp_path / "tunesmith-artifacts-somebody").is_dir()
    assert as_file_name(current_worker()) in mine.name


def test_a_checkpoint_that_is_published_while_it_is_swept_is_there_or_has_no_name(tmp_path: Path) -> None:
    """The worker is dead, and its driver has yet to publish what it sent."""
    study = made(tmp_path / "tune.db")
    trial = study.ask()
    pointers = trial.artifacts.pointers
    store, space = pointers.place()
    code = (
        "import sys; from pathlib import Path; from tunesmith.artifacts.local import LocalStore\n"
        "store = LocalStore(sys.argv[1]); folder = store.workspace(sys.argv[2]) / 'f'; folder.mkdir()\n"
        "(folder / 'a').write_text(sys.argv[3]); print(store.take(sys.argv[2], folder).key, flush=True)\n"
        "import os; os._exit(0)"
    )

    def sent(text: str) -> Artifact:
        command = [sys.executable, "-c", code, str(tmp_path / "tune.db.artifacts"), space, text]
        key = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        return Artifact(f"checkpoint/{text}", key[-81:-17], 1, "inode/directory", 0, key=key)

    for text, before in (("1", True), ("2", False)):
        artifact = sent(text)

        def published(artifact: Artifact = artifact, seen: list[int] = [], before: bool = before) -> set[str]:  # noqa: B006
            seen.append(1)
            names = {one.key for one in study.artifacts.everything()}
            if len(seen) == 2 - before:
                with contextlib.suppress(ArtifactError):
                    pointers.put(artifact)
            return names

        store.sweep(space, published)
    assert [artifact.name for artifact in study.artifacts.everything()] == ["checkpoint/1"]
    assert [path.read_text() for path in files(tmp_path / "tune.db.artifacts")] == ["1"]


# --------------------------------------------------------------------------------------------- the disk that they take


class PausesAll(Pruner):
    """Pauses each trial at its first report, and goes on with none."""

    resumes = True

    def decide(self, curves: Curves, number: int, step: int) -> Decision:
        return Decision.PAUSE

    def resume(self, history: History, rng: np.random.Generator, may_begin: bool) -> int | None:
        return None


def pausing(trial: ts.Trial) -> float:
    (trial.checkpoint_dir / "state").write_bytes(os.urandom(MB))
    trial.report(float(trial.number), 1)
    if trial.should_prune():
        raise ts.TrialPruned
    return float(trial.number)


def paused(study: ts.Study) -> list[int | None]:
    """Return the paused trials that have a checkpoint; the best one was run to its end."""
    return [artifact.number for artifact in study.artifacts.everything()]


def made_to_pause(storage: Path) -> ts.Study:
    return ts.create_study(storage=storage, study_name="s", seed=0, sampler="random", pruner=PausesAll())


def test_paused_trials_lose_their_checkpoints_at_the_end_of_the_search(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "tunesmith")
    study = made_to_pause(tmp_path / "tune.db")
    study.optimize(pausing, n_trials=2)
    assert paused(study) == [1], "a later call may go on with it"
    assert "the checkpoints of 1 paused trials (1 MB) are kept" in caplog.text
    study.optimize(pausing, n_trials_total=3, keep_checkpoints=True)
    assert paused(study) == [1, 2]
    study.optimize(pausing, n_trials_total=4)
    assert paused(study) == []
    assert "(3.01 MB) were removed at the end of the search" in caplog.text
    study.optimize(pausing, n_trials=1, keep_checkpoints=False)
    assert paused(study) == []
    assert files(tmp_path / "tune.db.artifacts") == []


def test_a_budget_for_the_disk(tmp_path: Path) -> None:
    study = made_to_pause(tmp_path / "tune.db")
    with pytest.warns(UserWarning, match=r"take 3.01 MB, more than checkpoint_budget allows \(2.5 MB\): 3 paused"):
        study.optimize(pausing, n_trials=4, checkpoint_budget="2.5MB")
    assert paused(study) == [1, 2, 3], "none is taken from a trial that needs it"
    left = []
    study.optimize(
        pausing,
        n_trials=2,
        checkpoint_budget="2.5MB",
        keep_checkpoints=False,
        callbacks=[lambda study, trial: left.append(paused(study))],
    )
    study.optimize(by_hand, n_trials=1, callbacks=[lambda study, trial: left.append(paused(study))])
    assert paused(study) == []
    with pytest.raises(ValueError, match=r'checkpoint_budget: a size is a number of bytes or a text such as "500MB"'):
        study.optimize(pausing, n_trials=1, checkpoint_budget="much")


def test_the_budget_takes_what_was_paused_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = made_to_pause(tmp_path / "tune.db")
    monkeypatch.setattr("tunesmith.study.engine.checkpoints.CheckpointDisk.end", lambda *_: None)
    study.optimize(pausing, n_trials=5, checkpoint_budget=2.5 * MB, keep_checkpoints=False)
    assert paused(study) == [3, 4]
