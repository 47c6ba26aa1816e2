"""Artifacts of trials and studies under Optuna's names."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import BinaryIO

import pytest

import tunesmith.compat.optuna as optuna
from tunesmith.compat.optuna.artifacts import (
    Backoff,
    Boto3ArtifactStore,
    FileSystemArtifactStore,
    GCSArtifactStore,
    download_artifact,
    get_all_artifact_meta,
    upload_artifact,
)
from tunesmith.compat.optuna.artifacts.exceptions import ArtifactNotFound


@pytest.fixture
def store(tmp_path: Path) -> FileSystemArtifactStore:
    (tmp_path / "store").mkdir()
    return FileSystemArtifactStore(tmp_path / "store")


@pytest.mark.parametrize("kept_in", ["memory", "file"])
def test_a_file_comes_back_from_the_best_trial(store: FileSystemArtifactStore, tmp_path: Path, kept_in: str) -> None:
    storage = None if kept_in == "memory" else f"sqlite:///{tmp_path / 'tune.db'}"
    study = optuna.create_study(storage=storage, study_name="s")

    def objective(trial: optuna.Trial) -> float:
        x: float = trial.suggest_float("x", -1, 1)
        path = tmp_path / "model.txt"
        path.write_text(str(trial.number))
        upload_artifact(artifact_store=store, file_path=str(path), study_or_trial=trial)
        return x**2

    study.optimize(objective, n_trials=4)
    best = study.best_trial
    (meta,) = get_all_artifact_meta(best, storage=study._storage)
    assert (meta.filename, meta.mimetype, meta.encoding) == ("model.txt", "text/plain", None)
    download_artifact(artifact_store=store, file_path=tmp_path / "back.txt", artifact_id=meta.artifact_id)
    assert (tmp_path / "back.txt").read_text() == str(best.number)
    assert best.user_attrs == {}
    with pytest.raises(FileExistsError, match="new name"):
        download_artifact(artifact_store=store, file_path=tmp_path / "back.txt", artifact_id=meta.artifact_id)


def test_a_finished_trial_and_a_study_have_artifacts_too(store: FileSystemArtifactStore, tmp_path: Path) -> None:
    study = optuna.create_study()
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress(b"1,2"))
    trial = study.trials[1]
    of_trial = upload_artifact(
        artifact_store=store, file_path=path, study_or_trial=trial, storage=study._storage, mimetype="text/x-rows"
    )
    of_study = upload_artifact(artifact_store=store, file_path=path, study_or_trial=study)
    (meta,) = get_all_artifact_meta(trial, storage=study._storage)
    assert (meta.artifact_id, meta.mimetype, meta.encoding) == (of_trial, "text/x-rows", "gzip")
    assert [meta.artifact_id for meta in get_all_artifact_meta(study)] == [of_study]
    assert get_all_artifact_meta(study.trials[0], storage=study._storage) == []
    with pytest.raises(ValueError, match="give storage="):
        get_all_artifact_meta(trial)
    with pytest.raises(TypeError, match="a trial or a study"):
        get_all_artifact_meta("trial", storage=study._storage)  # type: ignore[arg-type]  # the wrong kind


def test_an_artifact_that_is_not_there_is_an_error_of_both_names(store: FileSystemArtifactStore) -> None:
    with pytest.raises(ArtifactNotFound, match="has no artifact 'a'"):
        store.open_reader("a")
    with pytest.raises(KeyError):
        store.remove("a")
    store.write("a", io.BytesIO(b"1"))
    store.remove("a")
    with pytest.raises(ArtifactNotFound):
        store.open_reader("a")


@pytest.mark.parametrize("key", ["../a", "/etc/passwd", ".", "x/../../a"])
def test_no_id_leads_out_of_the_folder(store: FileSystemArtifactStore, key: str) -> None:
    for call in (store.open_reader, store.remove, lambda k: store.write(k, io.BytesIO())):
        with pytest.raises(ValueError, match="name of a file"):
            call(key)


def test_arguments_by_position_are_taken_with_a_warning(store: FileSystemArtifactStore, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    path, study = str(tmp_path / "a.txt"), optuna.create_study()
    for given, named in [((study, path, store), {}), ((study,), {"file_path": path, "artifact_store": store})]:
        with pytest.warns(FutureWarning, match="by position"):
            key = upload_artifact(*given, **named)  # type: ignore[misc,call-arg]  # by position, as before Optuna 4
        assert store.open_reader(key).read() == b"text"
    for wrong in [((study, path, store, None), {}), ((study, path), {"file_path": path, "artifact_store": store})]:
        with pytest.raises(TypeError, match="study_or_trial, file_path, artifact_store once each"):
            upload_artifact(*wrong[0], **wrong[1])  # type: ignore[arg-type,misc,call-arg]  # too many, and one twice


class Flaky:
    """A store that fails a few times."""

    def __init__(self, fails: int) -> None:
        self.fails = fails
        self.kept: dict[str, bytes] = {}

    def _fail(self) -> None:
        self.fails -= 1
        if self.fails >= 0:
            raise OSError("no network")

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        content = content_body.read()
        self._fail()
        self.kept[artifact_id] = content

    def open_reader(self, artifact_id: str) -> BinaryIO:
        self._fail()
        if artifact_id not in self.kept:
            raise ArtifactNotFound(artifact_id)
        return io.BytesIO(self.kept[artifact_id])

    def remove(self, artifact_id: str) -> None:
        self._fail()
        del self.kept[artifact_id]


def test_what_fails_is_tried_again() -> None:
    flaky = Flaky(2)
    store = Backoff(flaky, min_delay=1e-4, max_delay=2e-4, max_retries=3)
    with pytest.warns(UserWarning, match="is tried again: OSError: no network"):
        store.write("a", io.BytesIO(b"whole"))
    assert flaky.kept == {"a": b"whole"}
    flaky.fails = 1
    with pytest.warns(UserWarning, match="tried again"), store.open_reader("a") as reader:
        assert reader.read() == b"whole"
    with pytest.raises(ArtifactNotFound):
        store.open_reader("b")
    flaky.fails = 3
    with pytest.warns(UserWarning, match="tried again"), pytest.raises(OSError, match="no network"):
        store.remove("a")
    store.remove("a")
    assert flaky.kept == {}
    with pytest.raises(ValueError, match="min_delay < max_delay"):
        Backoff(flaky, min_delay=2, max_delay=1)


def test_buckets_of_s3(monkeypatch: pytest.MonkeyPatch) -> None:
    boto3, moto = pytest.importorskip("boto3"), pytest.importorskip("moto")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with moto.mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="bucket")
        store = Boto3ArtifactStore("bucket", client)
        store.write("a", io.BytesIO(b"1"))
        assert store.open_reader("a").read() == b"1"
        store.remove("a")
        with pytest.raises(ArtifactNotFound, match="has no artifact 'a'"):
            store.open_reader("a")


class Bucket(dict[str, bytes]):
    """A client, a bucket and a blob of Google's at once."""

    key = ""

    def bucket(self, name: str) -> Bucket:
        return self

    def blob(self, key: str) -> Bucket:
        self.key = key
        return self

    def get_blob(self, key: str) -> Bucket | None:
        return self.blob(key) if key in self else None

    def upload_from_string(self, content: bytes) -> None:
        self[self.key] = content

    def download_as_bytes(self) -> bytes:
        return self[self.key]

    def delete_blob(self, key: str) -> None:
        del self[key]


def test_buckets_of_google() -> None:
    store = GCSArtifactStore("b", Bucket())
    store.write("a", io.BytesIO(b"1"))
    assert store.open_reader("a").read() == b"1"
    store.remove("a")
    with pytest.raises(ArtifactNotFound):
        store.open_reader("a")
