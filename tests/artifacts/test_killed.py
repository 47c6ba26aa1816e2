"""Workers that are killed at any moment leave no name without its content, and nothing that `clean` does not find."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROUNDS = int(os.environ.get("TUNESMITH_KILLS", "6"))  # two workers are killed in each

# One process that imports once, and forks the workers that it kills.
PROGRAM = """
import os, random, signal, sys, time, traceback
import tunesmith

rounds, folder, url = int(sys.argv[1]), sys.argv[2], sys.argv[3]
study = tunesmith.create_study(storage=url, study_name="s", artifact_store=folder + "/kept")
trials = [study.ask() for _ in range(3)]
draw = random.Random(7)
os.makedirs(folder + "/in/sub")
for name in ("a", "sub/b"):
    with open(f"{folder}/in/{name}", "wb") as file:
        file.write(os.urandom(50_000))


def work(seed, begun):
    own = random.Random(seed)
    mine = tunesmith.load_study(storage=url, study_name="s")
    mine.artifacts.save(f"seed {seed}", str(seed).encode())
    os.write(begun, b"1")
    while True:
        trial = mine.artifacts.of(own.randrange(3))
        name = own.choice("xyz")
        what = own.randrange(6)
        try:
            if what < 3:
                trial.save(name, own.choice([b"1", b"2", os.urandom(20_000)]))
            elif what == 3:
                trial.save(name, folder + "/in")
            elif what == 4:
                trial.copy_from(own.randrange(3), own.choice("xyz"), name)
            else:
                trial.remove(name)
        except tunesmith.errors.ArtifactNotFoundError:
            pass


def check():
    found = study.artifacts.everything()
    for artifact in found:
        own = study.artifacts if artifact.number is None else study.artifacts.of(artifact.number)
        own._verified(artifact.name)[1].close()
    return {artifact.key for artifact in found}


left, seen = 0, set()
for seed in range(rounds):
    workers = []
    listening, begun = os.pipe()
    for k in range(2):
        pid = os.fork()
        if pid == 0:
            try:
                work(2 * seed + k, begun)
            except BaseException:
                traceback.print_exc()
            os._exit(1)
        workers.append(pid)
    for _ in workers:
        os.read(listening, 1)
    os.close(listening)
    os.close(begun)
    time.sleep(draw.uniform(0.0, 0.15))
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    for pid in workers:
        _, status = os.waitpid(pid, 0)
        assert os.WIFSIGNALED(status), "a worker failed by itself"
    seen |= check()
    left += study.artifacts.clean(grace=0)
    store, space = study.artifacts.pointers.place()
    assert {key for key, _ in store.blobs(space)} == check()
print(len(seen), left)
tunesmith.delete_study(study_name="s", storage=url)
print(sum(len(files) for _, _, files in os.walk(folder + "/kept")))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks the workers that it kills")
@pytest.mark.parametrize(
    "storage",
    [
        pytest.param("file", id="file"),
        pytest.param("postgres_url", id="postgres", marks=pytest.mark.postgres),
        pytest.param("mariadb_url", id="mariadb", marks=pytest.mark.mariadb),
    ],
)
def test_no_kill_leaves_a_name_without_its_content(
    storage: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = str(tmp_path / "tune.db") if storage == "file" else request.getfixturevalue(storage)
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM, str(ROUNDS), str(tmp_path), url],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    published, _, files_left = map(int, done.stdout.split())
    assert published >= 2 * ROUNDS
    assert files_left == 0
