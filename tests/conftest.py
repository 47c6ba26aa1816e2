"""What all tests share: the Hypothesis profiles, quiet BLAS threads and a PostgreSQL server to throw away."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from hypothesis.database import DirectoryBasedExampleDatabase

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts background jobs deaf to Ctrl-C, and what they start inherits that; tests of Ctrl-C must not.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The tests run in several processes, whose BLAS threads would wait for one another. This is read when NumPy is first
# imported, which nothing above does.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

ROOT = Path(__file__).resolve().parent.parent

_COMMON = hypothesis.settings(
    deadline=None,  # a loaded machine is no failure
    suppress_health_check=[hypothesis.HealthCheck.too_slow],  # for the same reason
    database=DirectoryBasedExampleDatabase(ROOT / ".hypothesis" / "examples"),
)
hypothesis.settings.register_profile("dev", _COMMON)
# A change must not fail for an example that happens to be drawn first in its run; `dev` runs go on looking for those.
hypothesis.settings.register_profile("ci", _COMMON, derandomize=True, database=None, print_blob=True)
hypothesis.settings.register_profile("thorough", _COMMON, max_examples=1000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All PostgreSQL tests go to one worker process, so that one server is started and not one a worker."""
    for item in items:
        if item.get_closest_marker("postgres") is not None:
            item.add_marker(pytest.mark.xdist_group("postgres"))


def _postgres_bin() -> Path | None:
    """The folder that holds initdb and postgres, of the newest version installed."""
    found = shutil.which("initdb")
    candidates = [Path(found).parent] if found else []
    versions = Path("/usr/lib/postgresql").glob("*/bin")  # where Debian keeps them, outside of PATH
    candidates += sorted(versions, key=lambda folder: float(folder.parent.name), reverse=True)
    for folder in candidates:
        if (folder / "initdb").is_file() and (folder / "postgres").is_file():
            return folder
    return None


def _server_user() -> str | None:
    """The user to run the server as: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    import pwd

    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    pytest.skip("PostgreSQL refuses to run as root, and there is no user 'postgres' or 'nobody' here")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The SQLAlchemy URL of a server of our own on a UNIX socket; gone, with all its data, at the end of the run."""
    pytest.importorskip("psycopg", reason="PostgreSQL tests need psycopg: pip install 'psycopg[binary]'")
    binaries = _postgres_bin()
    if binaries is None:
        pytest.skip("PostgreSQL tests need its server programs (initdb, postgres): apt install postgresql")
    user = _server_user()
    # Straight under the system's temporary folder: a socket's path may have about 100 characters only.
    home = Path(tempfile.mkdtemp(prefix="tunesmith-pg-"))
    server: subprocess.Popen[bytes] | None = None
    try:
        if user is not None:
            shutil.chown(home, user)
        data = home / "data"
        initdb = [binaries / "initdb", "-D", data, "-U", "tunesmith", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
        done = subprocess.run(initdb, user=user, cwd=home, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.fail(f"initdb could not make a PostgreSQL cluster:\n{done.stdout}{done.stderr}")
        # No TCP port to be taken or open; no fsync, since nothing of this outlives the run.
        options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={home}", "-c", "fsync=off"]
        log = home / "log"
        with log.open("wb") as out:
            server = subprocess.Popen(
                [binaries / "postgres", "-D", data, *options], user=user, cwd=home, stdout=out, stderr=out
            )
        _wait_until_it_answers(server, home, log)
        yield f"postgresql+psycopg://tunesmith@/postgres?host={home}"
    finally:
        if server is not None and server.poll() is None:
            server.send_signal(2)  # SIGINT: "fast shutdown" ends sessions that a failed test left open
            try:
                server.wait(timeout=30)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
        shutil.rmtree(home, ignore_errors=True)


def _wait_until_it_answers(server: subprocess.Popen[bytes], home: Path, log: Path) -> None:
    import psycopg

    end = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(host=str(home), user="tunesmith", dbname="postgres").close()
            return
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > end:
                pytest.fail(f"PostgreSQL did not start:\n{log.read_text(errors='replace')}")
            time.sleep(0.05)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The SQLAlchemy URL of an empty PostgreSQL database for this test alone; mark the test ``postgres``."""
    import psycopg

    host = postgres_server.partition("?host=")[2]
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(host=host, user="tunesmith", dbname="postgres", autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"'.encode())
        try:
            yield postgres_server.replace("/postgres?", f"/{name}?")
        finally:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
