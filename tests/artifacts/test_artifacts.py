"""What users do with artifacts: save, load, list, copy, remove and clean, in trials and studies."""

from __future__ import annotations

import gc
import io
import os
import pickle
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tunesmith
from tunesmith import Study, Trial
from tunesmith.artifacts import Artifacts
from tunesmith.artifacts.local import LocalStore
from tunesmith.artifacts.record import Artifact
from tunesmith.errors import (
    ArtifactError,
    ArtifactNotFoundError,
    AttemptReplacedError,
    DamagedArtifactError,
    StudyNotFoundError,
)


@pytest.fixture
def study() -> Study:
    return tunesmith.create_study(seed=0)


def blobs(study: Study) -> list[Path]:
    """The complete contents that a local store has."""
    folder = Path(study.artifacts.url)
    return [path for path in folder.rglob("*") if path.is_file() and path.parent.name != "tmp"]


def make_folder(path: Path) -> Path:
    (path / "sub" / "deep").mkdir(parents=True)
    (path / "empty").mkdir()
    (path / "a.bin").write_bytes(bytes(range(256)) * 5000)
    (path / "sub" / "b ü 🦊").write_bytes(b"")
    (path / "sub" / "deep" / ("n" * 150)).write_bytes(b"1" * 512)
    (path / "run").write_text("#!/bin/sh\n")
    (path / "run").chmod(0o755)
    return path


def tree(path: Path) -> dict[str, bytes | None]:
    return {p.relative_to(path).as_posix(): None if p.is_dir() else p.read_bytes() for p in path.rglob("*")}


# ------------------------------------------------------------------------------------------------------ in a trial


def test_an_objective_saves_and_anybody_loads(study: Study) -> None:
    def objective(trial: Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        assert "model.txt" not in trial.artifacts
        saved = trial.artifacts.save("model.txt", str(x).encode())
        assert trial.artifacts["model.txt"] == saved
        assert trial.artifacts.load("model.txt") == str(x).encode()
        return x

    study.optimize(objective, n_trials=5)
    best = study.best_trial
    assert study.artifacts.of(best.number).load("model.txt") == str(best.params["x"]).encode()
    assert [(a.number, a.name, a.attempt) for a in study.artifacts.everything()] == [
        (k, "model.txt", 1) for k in range(5)
    ]
    assert list(study.artifacts) == []


def test_an_artifact_says_what_it_is(study: Study, tmp_path: Path) -> None:
    saved = study.artifacts.save("plots/loss.png", b"123")
    assert (saved.name, saved.size, saved.media_type, saved.is_folder) == ("plots/loss.png", 3, "image/png", False)
    assert saved.digest == "a665a45920422f9d417e4867efdc4fb8a04a1f3fff1fa07e998e86f7f7a27ae3"
    assert (saved.number, saved.attempt) == (None, 0)
    assert study.artifacts.save("x", b"", media_type="text/csv").media_type == "text/csv"
    assert study.artifacts.save("y", b"").media_type == "application/octet-stream"
    folder = study.artifacts.save("f", make_folder(tmp_path / "f"))
    assert (folder.media_type, folder.is_folder) == ("inode/directory", True)
    assert study.artifacts.save("a.tar", b"no folder").media_type == "application/x-tar"
    assert study.artifacts.load("a.tar") == b"no folder"
    with pytest.raises(ValueError, match="stands for a folder"):
        study.artifacts.save("g", b"", media_type="inode/directory")


def test_artifacts_are_a_mapping(study: Study) -> None:
    for name in ("b", "a", "c"):
        study.artifacts.save(name, name.encode())
    assert list(study.artifacts) == ["a", "b", "c"]
    assert len(study.artifacts) == 3
    assert {name: artifact.size for name, artifact in study.artifacts.items()} == {"a": 1, "b": 1, "c": 1}
    assert study.artifacts.get("d") is None
    assert repr(study.artifacts) == "<artifacts of the study itself: 'a', 'b', 'c'>"
    with pytest.raises(KeyError, match=r"has no artifact 'aa'; did you mean 'a'\? \(there are 'a', 'b', 'c'\)"):
        study.artifacts["aa"]
    with pytest.raises(ArtifactNotFoundError):
        study.artifacts.load("d")
    with pytest.raises(ArtifactNotFoundError):
        study.artifacts.remove("d")


@pytest.mark.parametrize(
    "given",
    [b"12", bytearray(b"12"), memoryview(b"12"), memoryview(b"1x2x")[::2], io.BytesIO(b"12")],
    ids=["bytes", "bytearray", "memoryview", "every-second", "stream"],
)
def test_bytes_are_saved_in_any_form(study: Study, given: Any) -> None:
    study.artifacts.save("x", given)
    assert study.artifacts.load("x") == b"12"


def test_files_are_saved_by_path_or_open(study: Study, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"0123")
    study.artifacts.save("path", path)
    study.artifacts.save("text", str(path))
    with path.open("rb") as file:
        file.read(2)
        study.artifacts.save("rest", file)
    assert [study.artifacts.load(name) for name in ("path", "text", "rest")] == [b"0123", b"0123", b"23"]


def test_a_stream_that_cannot_go_back_is_saved(study: Study) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as out:
        out.write(b"through a pipe")
    with os.fdopen(reading, "rb") as pipe:
        study.artifacts.save("x", pipe)
    assert study.artifacts.load("x") == b"through a pipe"


def test_an_artifact_is_opened_as_a_file(study: Study) -> None:
    study.artifacts.save("x", pickle.dumps({"a": 1}))
    with study.artifacts.open("x") as file:
        assert pickle.load(file) == {"a": 1}
        file.seek(0)
        assert len(file.read()) == study.artifacts["x"].size


def test_a_folder_is_saved_and_made_again(study: Study, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "in")
    first = study.artifacts.save("checkpoint", folder)
    os.utime(folder / "a.bin", (1, 1))
    assert study.artifacts.save("again", str(folder)).digest == first.digest, "times are no part of the content"
    out = study.artifacts.download("checkpoint", tmp_path / "out")
    assert tree(out) == tree(folder)
    assert os.access(out / "run", os.X_OK)
    with pytest.raises(FileExistsError, match="name a new folder"):
        study.artifacts.download("checkpoint", out)
    (tmp_path / "there").mkdir()
    assert tree(study.artifacts.download("checkpoint", tmp_path / "there")) == tree(folder)
    with pytest.raises(ArtifactError, match=r"is a folder; download\('checkpoint', to\)"):
        study.artifacts.open("checkpoint")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "out", "there"]


def test_an_empty_folder_is_saved(study: Study, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    study.artifacts.save("x", tmp_path / "in")
    assert list(study.artifacts.download("x", tmp_path / "out").iterdir()) == []


def test_a_file_is_downloaded(study: Study, tmp_path: Path) -> None:
    study.artifacts.save("plots/a.txt", b"new")
    (tmp_path / "old").write_bytes(b"old")
    assert study.artifacts.download("plots/a.txt", tmp_path / "old").read_bytes() == b"new"
    assert study.artifacts.download("plots/a.txt", tmp_path) == tmp_path / "a.txt"
    with pytest.raises(FileNotFoundError):
        study.artifacts.download("plots/a.txt", tmp_path / "none" / "x")


# ------------------------------------------------------------------------------------------------ replace and remove


def test_a_store_that_fails_while_it_is_read_is_an_error(study: Study, tmp_path: Path) -> None:
    class Cut(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise ConnectionResetError("the network is gone")

    class Away(LocalStore):
        def open(self, key: str) -> Any:
            return Cut()

    there = tunesmith.create_study(artifact_store=Away(tmp_path / "a"))
    there.artifacts.save("x", b"1")
    with pytest.raises(ArtifactError, match=r"artifact 'x' cannot be read from .*ConnectionResetError: the network"):
        there.artifacts.load("x")
    with pytest.raises(ArtifactError, match="the network is gone"):
        there.artifacts.download("x", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_name_that_is_taken_is_replaced_and_the_old_content_goes(study: Study) -> None:
    for step in range(3):
        study.artifacts.save("checkpoint", f"step {step}".encode())
        assert len(blobs(study)) == 1
    assert study.artifacts.load("checkpoint") == b"step 2"
    study.artifacts.remove("checkpoint")
    assert blobs(study) == []


def test_the_same_content_is_kept_once(study: Study) -> None:
    first = study.artifacts.save("a", b"same")
    second = study.artifacts.save("b", b"same")
    assert first.key == second.key
    assert len(blobs(study)) == 1
    study.artifacts.save("a", b"same")
    study.artifacts.remove("a")
    assert study.artifacts.load("b") == b"same"
    study.artifacts.remove("b")
    assert blobs(study) == []


def test_a_copy_is_a_pointer(study: Study) -> None:
    first, second = study.ask(), study.ask()
    saved = first.artifacts.save("checkpoint", b"weights")
    copied = second.artifacts.copy_from(first.number, "checkpoint")
    assert (copied.key, copied.number, copied.size) == (saved.key, 1, 7)
    assert study.artifacts.copy_from(0, "checkpoint", to="best").key == saved.key
    assert len(blobs(study)) == 1
    first.artifacts.save("checkpoint", b"other")
    assert second.artifacts.load("checkpoint") == study.artifacts.load("best") == b"weights"
    with pytest.raises(ArtifactNotFoundError, match="trial 0 has no artifact 'nothing'"):
        second.artifacts.copy_from(0, "nothing")


def test_a_replaced_attempt_publishes_nothing(study: Study) -> None:
    late = study.ask()
    late.artifacts.save("checkpoint", b"first")
    study.release([late.number])
    again = study.ask()
    assert (again.number, again.attempt) == (0, 2)
    assert again.artifacts.load("checkpoint") == b"first"
    for use in (
        lambda: late.artifacts.save("checkpoint", b"late"),
        lambda: late.artifacts.copy_from(0, "checkpoint", to="x"),
        lambda: late.artifacts.remove("checkpoint"),
    ):
        with pytest.raises(AttemptReplacedError, match="attempt 1"):
            use()
    assert again.artifacts.load("checkpoint") == b"first"
    assert len(blobs(study)) == 1
    assert again.artifacts.save("checkpoint", b"second").attempt == 2


def test_a_trial_that_ended_keeps_its_artifacts_and_takes_more(study: Study) -> None:
    trial = study.ask()
    study.tell(trial, 1.0)
    trial.artifacts.save("after", b"1")
    study.artifacts.of(0).save("later", b"2")
    assert list(study.artifacts.of(0)) == ["after", "later"]


def test_of_takes_numbers_of_trials(study: Study) -> None:
    with pytest.raises(KeyError, match="no trial 0"):
        study.artifacts.of(0)
    with pytest.raises(TypeError, match="takes the number of a trial"):
        study.artifacts.of("0")  # type: ignore[arg-type]


# -------------------------------------------------------------------------------------------------- hostile input


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/etc/passwd",
        "../x",
        "a/../b",
        "a//b",
        "a/",
        "./a",
        "a\0b",
        "a\nb",
        "a\\b",
        "C:x",
        "x" * 201,
        "\ud800",
        " a",
    ],
)
def test_a_name_that_is_no_relative_path_is_refused(study: Study, name: str) -> None:
    with pytest.raises(ValueError, match="an artifact's name is a relative path"):
        study.artifacts.save(name, b"1")
    study.artifacts.save("a", b"1")
    with pytest.raises(ValueError, match="an artifact's name is a relative path"):
        study.artifacts.copy_from(None, "a", to=name)
    assert list(study.artifacts) == ["a"]


@pytest.mark.parametrize("name", [None, 1, b"a", Path("a")])
def test_a_name_that_is_no_text_is_refused(study: Study, name: Any) -> None:
    with pytest.raises(TypeError, match="an artifact's name is a text"):
        study.artifacts.save(name, b"1")


@pytest.mark.parametrize("name", ["ü/🦊.bin", "x" * 200, "con", "...", "-rf", "%s", "'; DROP TABLE x; --"])
def test_unusual_names_are_kept(study: Study, name: str) -> None:
    study.artifacts.save(name, b"1")
    assert list(study.artifacts) == [name]
    assert study.artifacts.load(name) == b"1"


@pytest.mark.parametrize("given", [None, 1, 1.5, ["a"], io.StringIO("text"), object()])
def test_what_cannot_be_saved_is_refused(study: Study, given: Any) -> None:
    with pytest.raises(TypeError, match="artifact 'x'"):
        study.artifacts.save("x", given)


def test_paths_that_cannot_be_saved_are_refused(study: Study, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no file 'hello'.*text\.encode\(\)"):
        study.artifacts.save("x", "hello")
    with pytest.raises(ArtifactError, match="cannot be read"):
        study.artifacts.save("x", "a\0b")
    if os.name == "posix":
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(ValueError, match="neither a file nor a folder"):
            study.artifacts.save("x", tmp_path / "pipe")
        with pytest.raises(ValueError, match=r"holds 'pipe', which is neither"):
            study.artifacts.save("x", tmp_path)
    assert list(study.artifacts) == []


@pytest.mark.skipif(os.name != "posix", reason="needs symbolic links")
def test_a_link_is_followed_within_its_folder_alone(study: Study, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "in")
    (folder / "latest").symlink_to("sub/../a.bin")
    study.artifacts.save("ok", folder)
    assert (study.artifacts.download("ok", tmp_path / "out") / "latest").read_bytes() == (folder / "a.bin").read_bytes()
    for name, target in [("out", "/etc/passwd"), ("up", ".."), ("gone", "nowhere"), ("circle", "circle")]:
        (folder / name).symlink_to(target)
        with pytest.raises(ValueError, match=f"holds the link '{name}' to"):
            study.artifacts.save("x", folder)
        (folder / name).unlink()
    (tmp_path / "link").symlink_to(folder)
    study.artifacts.save("by a link", tmp_path / "link")
    assert list(study.artifacts) == ["by a link", "ok"]


def test_a_source_that_fails_leaves_the_old_content(study: Study) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if size == 0:
                return b""
            raise OSError(28, "No space left on device")

    study.artifacts.save("x", b"old")
    with pytest.raises(ArtifactError, match=r"artifact 'x': its source cannot be read.*No space left"):
        study.artifacts.save("x", Broken())
    assert study.artifacts.load("x") == b"old"
    assert len(blobs(study)) == 1


@pytest.mark.parametrize("change", ["bytes", "longer", "shorter", "gone"])
def test_a_content_that_was_changed_is_not_returned(study: Study, tmp_path: Path, change: str) -> None:
    study.artifacts.save("x", b"0123456789")
    (path,) = blobs(study)
    path.chmod(0o600)
    if change == "gone":
        path.unlink()
    else:
        path.write_bytes({"bytes": b"0123456780", "longer": b"01234567890", "shorter": b"01234"}[change])
    for read in (
        lambda: study.artifacts.load("x"),
        lambda: study.artifacts.open("x"),
        lambda: study.artifacts.download("x", tmp_path / "out"),
    ):
        with pytest.raises(DamagedArtifactError, match=r"is not what was saved|holds no blob"):
            read()
    assert list(tmp_path.iterdir()) == []


def evil_archives() -> Iterator[tuple[str, tarfile.TarInfo]]:
    for name in ("../out.txt", "/tmp/out.txt", "a/../../out.txt"):
        info = tarfile.TarInfo(name)
        info.size = 1
        yield name, info
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
        info = tarfile.TarInfo("x")
        info.type, info.linkname = kind, "/etc/passwd"
        yield f"type {kind!r}", info


@pytest.mark.parametrize(("what", "info"), list(evil_archives()))
def test_an_archive_of_somebody_else_does_not_write_outside(
    study: Study, tmp_path: Path, what: str, info: tarfile.TarInfo
) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(info, io.BytesIO(b"1"))
    pointers = study.artifacts.pointers
    store, space = pointers.place()
    blob = store.put(space, lambda: [out.getvalue()])
    pointers.put(Artifact("x", blob.digest, blob.size, "inode/directory", key=blob.key))
    (tmp_path / "in").mkdir()
    with pytest.raises(DamagedArtifactError, match="archive"):
        study.artifacts.download("x", tmp_path / "in" / "out")
    assert list(tmp_path.rglob("*")) == [tmp_path / "in"]


# ----------------------------------------------------------------------------------------------------------- clean


def test_clean_deletes_what_a_killed_writer_left(study: Study) -> None:
    saved = study.artifacts.save("x", b"1")
    store, space = study.artifacts.pointers.place()
    store.put(space, lambda: [b"never published"])
    store.put("another", lambda: [b"of another study"])
    half = Path(study.artifacts.url) / space / "tmp" / ("0" * 16)
    half.write_bytes(b"half")
    assert study.artifacts.clean() == 0, "they may be of a writer that is under way"
    assert study.artifacts.clean(grace=0) == 2
    assert [path.relative_to(study.artifacts.url).as_posix() for path in blobs(study) if space in path.parts] == [
        saved.key
    ]
    assert not half.exists()
    assert len(blobs(study)) == 2
    for words, wrongs in (("seconds, 0 or more", (-1, float("nan"))), ("a number", ("1", None, True))):
        for wrong in wrongs:
            with pytest.raises(ValueError, match=f"grace must be {words}"):
                study.artifacts.clean(wrong)  # type: ignore[arg-type]


# ----------------------------------------------------------------------------------- where contents are, and copies


def test_a_study_in_memory_keeps_them_as_long_as_it_lives() -> None:
    study = tunesmith.create_study()
    study.artifacts.save("x", b"1")
    folder = study.artifacts.url
    assert os.path.isdir(folder)
    del study
    for _ in range(50):  # a thread of an earlier test may hold a frame for a moment
        gc.collect()
        if not os.path.exists(folder):
            break
        time.sleep(0.1)
    assert not os.path.exists(folder)


def test_two_studies_of_one_store_are_apart(tmp_path: Path) -> None:
    one, two = (tunesmith.create_study(artifact_store=tmp_path / "all", study_name="same") for _ in range(2))
    one.artifacts.save("x", b"same")
    two.artifacts.save("x", b"same")
    one.artifacts.remove("x")
    assert one.artifacts.clean(grace=0) == 0
    assert two.artifacts.load("x") == b"same"
    assert one.artifacts.url == two.artifacts.url == str(tmp_path / "all")


def test_a_wrong_store_is_refused_before_the_study_is_made(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="artifact_store takes a folder"):
        tunesmith.create_study(artifact_store=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="must not hold a user") as caught:
        tunesmith.create_study(storage=tmp_path / "a.db", artifact_store="s3://me:hush@bucket")
    assert "hush" not in str(caught.value)
    assert tunesmith.get_all_study_names(tmp_path / "a.db") == []


def test_a_copy_of_a_study_in_memory_has_none_and_says_so(study: Study) -> None:
    study.artifacts.save("x", b"1")
    with pytest.warns(UserWarning, match="has none of its artifacts"):
        copy = pickle.loads(pickle.dumps(study))
    assert list(copy.artifacts) == []
    copy.artifacts.save("x", b"2")
    assert copy.artifacts.url != study.artifacts.url
    assert study.artifacts.load("x") == b"1"


def test_a_copy_of_a_trial_without_its_study_says_so(study: Study) -> None:
    trial = pickle.loads(pickle.dumps(study.ask()))
    with pytest.raises(ArtifactError, match=r"copy of trial 0 has no connection .*study\.artifacts\.of\(0\)"):
        _ = trial.artifacts


def test_an_objective_that_saves_can_be_replayed_and_confirmed(study: Study) -> None:
    def objective(trial: Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        assert not trial.artifacts
        trial.artifacts.save("x", str(x).encode())
        return x + (trial.number >= 1_000_000)

    study.optimize(objective, n_trials=8)
    before = study.artifacts.everything()
    assert objective(study.best_trial) == study.best_value  # type: ignore[arg-type]
    study.confirm(objective, top_k=2, repeats=2)
    assert study.artifacts.everything() == before


# --------------------------------------------------------------------------------- while others replace and remove


def test_a_reader_gets_the_old_content_or_the_new_one(study: Study) -> None:
    """Also when the old one is deleted between the look at the pointer and the look at the content."""
    study.artifacts.save("x", b"old")
    pointers = study.artifacts.pointers

    class Slow:
        """The pointer is replaced after it was read for the first time."""

        def __init__(self) -> None:
            self.calls = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(pointers, name)

        def all(self, number: int | None) -> list[Artifact]:
            found = pointers.all(number)
            self.calls += 1
            if self.calls == 1:
                study.artifacts.save("x", b"new")
            return found

    assert Artifacts(Slow(), None).load("x") == b"new"


def test_a_content_is_put_anew_if_its_blob_may_be_gone(study: Study) -> None:
    """The connection was lost at the commit, and the pointer is not there: another one may have removed both."""
    pointers = study.artifacts.pointers
    refused: list[str] = []

    class Unsure:
        def __getattr__(self, name: str) -> Any:
            return getattr(pointers, name)

        def put(self, artifact: Artifact) -> Any:
            if len(refused) < 2:
                refused.append(artifact.key)
                return None
            return pointers.put(artifact)

    saved = Artifacts(Unsure(), None).save("x", io.BytesIO(b"12"))
    assert saved.key not in refused
    assert study.artifacts.load("x") == b"12"
    assert len(blobs(study)) == 1


def test_a_study_that_is_deleted_refuses_and_nothing_stays(tmp_path: Path) -> None:
    from tunesmith.storage.memory import MemoryStorage

    storage = MemoryStorage()
    study = tunesmith.create_study(storage=storage, study_name="gone", artifact_store=tmp_path / "a")
    other = tunesmith.create_study(storage=storage, study_name="other", artifact_store=tmp_path / "a")
    other.artifacts.save("x", b"1")
    study.artifacts.save("x", b"1")
    tunesmith.delete_study(study_name="gone", storage=storage)
    assert len(blobs(other)) == 1
    with pytest.raises(StudyNotFoundError):
        study.artifacts.save("y", b"2")
    assert len(blobs(other)) == 1
    assert other.artifacts.load("x") == b"1"


def test_a_study_is_copied_with_its_artifacts(tmp_path: Path) -> None:
    from tunesmith.storage.memory import MemoryStorage

    storage, target = MemoryStorage(), MemoryStorage()
    study = tunesmith.create_study(storage=storage, study_name="a")
    running, told = study.ask(), study.ask()
    running.artifacts.save("x", b"of a trial that is not copied")
    told.artifacts.save("x", b"model")
    told.artifacts.save("again", b"model")
    study.tell(told, 1.0)
    study.artifacts.save("folder", make_folder(tmp_path / "f"))
    copy = tunesmith.copy_study(
        from_study_name="a", from_storage=storage, to_storage=target, artifact_store=LocalStore(tmp_path / "store")
    )
    assert [(a.number, a.name) for a in copy.artifacts.everything()] == [(None, "folder"), (0, "again"), (0, "x")]
    assert copy.artifacts.of(0).load("x") == b"model"
    assert len(blobs(copy)) == 2
    study.artifacts.remove("folder")
    assert tree(copy.artifacts.download("folder", tmp_path / "g")) == tree(tmp_path / "f")
