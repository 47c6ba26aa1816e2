"""What all tests share: the Hypothesis profiles, quiet BLAS threads and servers to throw away."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis.database import DirectoryBasedExampleDatabase
from tests.servers.mariadb import MariaDBServer
from tests.servers.postgres import PgBouncer, PostgresServer
from tests.servers.server import Server

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts background jobs deaf to Ctrl-C, and what they start inherits that; tests of Ctrl-C must not.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The tests run in several processes, whose BLAS threads would wait for one another. This is read when NumPy is first
# imported, which nothing above does.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ["TUNESMITH_LANG"] = "en"  # what tests expect, on a machine of any language
os.environ.setdefault("KERAS_BACKEND", "torch")  # the one that is installed; Keras reads it when it is imported

ROOT = Path(__file__).resolve().parent.parent

# Two circles. The inner one is `make test`: it runs on any machine, in minutes. The outer one takes libraries of
# hundreds of megabytes, servers, a browser, kills, many seconds a test, or looks at the code and not at what it does;
# `make test-all` runs both.
OUTER_FOLDERS = {"compat", "examples", "faults", "integrations", "program", "project", "servers", "worker"}
OUTER_FILES = {"dashboard/test_browser.py", "report/test_report_in_browser.py"}
INNER_FILES = {
    "compat/test_commands.py",
    "integrations/mcp/test_mcp.py",
    "integrations/mcp/test_tools.py",
    "integrations/scaffold/test_init.py",
    "project/test_arguments.py",
    "project/test_docs.py",
    "project/test_golden.py",
    "project/test_links.py",
    "project/test_setup.py",
}
SKIPPED = "circle/skipped"
OUTER_MARKERS = ("slow", "outer", "dask", "ray", "postgres", "mariadb")

collect_ignore = [] if importlib.util.find_spec("starlette") else ["dashboard"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--circle", choices=("inner", "outer"), help="run one circle of the tests; default: both")
    parser.addoption("--seconds", type=float, help="begin no test after so many seconds of tests; say what is left")


def pytest_report_header(config: pytest.Config) -> list[str]:
    left_out = [f"tests/{name} is left out: pip install 'tunesmith[dashboard]'" for name in collect_ignore]
    if config.getoption("circle") == "inner":
        left_out.append("the inner circle of the tests; `make test-all` runs the outer one as well")
    return left_out


def _is_outside(path: Path) -> bool:
    """Whether a file of tests belongs to the outer circle as a whole."""
    room, *file = path.relative_to(ROOT / "tests").parts or ("",)
    name = "/".join((room, *file))
    return name in OUTER_FILES or (room in OUTER_FOLDERS and bool(file) and name not in INNER_FILES)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    inside = collection_path.is_relative_to(ROOT / "tests")
    return True if config.getoption("circle") == "inner" and inside and _is_outside(collection_path) else None


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


def pytest_configure(config: pytest.Config) -> None:
    """The inner circle draws a quarter of the examples; the outer one runs all properties with all of them."""
    if hasattr(config.option, "maxworkerrestart"):  # a run whose process has crashed may wait forever for its tests
        config.option.maxworkerrestart = config.option.maxworkerrestart or "0"
    if config.getoption("seconds") is not None:
        config.pluginmanager.register(Deadline(config, config.getoption("seconds")))
    if config.getoption("circle") == "inner" and "HYPOTHESIS_PROFILE" not in os.environ:
        full = hypothesis.settings()
        hypothesis.settings.register_profile("inner", full, max_examples=full.max_examples // 4)
        hypothesis.settings.load_profile("inner")


def _is_property(item: pytest.Item) -> bool:
    return getattr(getattr(item, "obj", None), "is_hypothesis_test", False)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """All tests of a kind of server go to one worker process, so that one server is started and not one a worker."""
    for item in items:
        for name in ("postgres", "mariadb"):
            if item.get_closest_marker(name) is not None:
                item.add_marker(pytest.mark.xdist_group(name))
    if "chinese" not in config.getoption("markexpr"):  # a text that has no Chinese yet is no failure
        chinese = [item for item in items if item.get_closest_marker("chinese")]
        config.hook.pytest_deselected(items=chinese)
        items[:] = [item for item in items if item not in chinese]
    circle = config.getoption("circle")
    skipped = config.cache.get(SKIPPED, None) if circle == "outer" and hasattr(config, "cache") else None
    if circle is None or (circle == "outer" and skipped is None):
        return  # where no inner circle was run, the outer one is all
    again = set(skipped or ())
    kept, left = [], []
    for item in items:
        is_outer = _is_outside(item.path) or any(item.get_closest_marker(name) for name in OUTER_MARKERS)
        is_again = _is_property(item) or not again.isdisjoint((item.nodeid, _file_of(item)))
        runs = not is_outer if circle == "inner" else is_outer or is_again
        (kept if runs else left).append(item)
    config.hook.pytest_deselected(items=left)
    items[:] = kept


def _file_of(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Keep what the inner circle skipped, for want of a library perhaps: the outer one runs it too."""
    is_whole = config.getoption("circle") == "inner" and config.getoption("seconds") is None
    cache = getattr(config, "cache", None)  # it has none with -p no:cacheprovider
    if is_whole and cache is not None:
        cache.set(SKIPPED, [report.nodeid for report in terminalreporter.stats.get("skipped", ())])


class Deadline:
    """Ends a run in time: after so many seconds no test begins, and those that are left are counted by room."""

    def __init__(self, config: pytest.Config, seconds: float) -> None:
        self.config, self.seconds, self.left = config, seconds, Counter[str]()
        self.end = float("inf")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: item.path.stat().st_mtime, reverse=True)  # what was written last is looked at first

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        self.end = min(self.end, time.monotonic() + self.seconds)  # from the first test on
        if time.monotonic() < self.end:
            return None
        self.left["/".join(item.path.relative_to(ROOT).parts[:2])] += 1
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = pytest.ExitCode.OK  # of the rooms that were touched, none has tests in this circle
        if hasattr(self.config, "workeroutput"):  # this is a process of pytest-xdist: the first one is to tell of it
            self.config.workeroutput["left"] = dict(self.left)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self.left.update(getattr(node, "workeroutput", {}).get("left", {}))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self.left:
            rooms = ", ".join(f"{count} tests of {room}" for room, count in sorted(self.left.items()))
            text = f"{self.seconds:g} seconds of tests are over; left for `make test`: {rooms}"
            terminalreporter.write_line(text, yellow=True)


@pytest.fixture(autouse=True)
def _handlers_of_signals_stay() -> Iterator[None]:
    """No test leaves a handler of a signal behind. Ray does; one of Ray Tune's takes the next Ctrl-C, and drops it."""
    numbers = signal.SIGINT, signal.SIGTERM
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    left = {n: found for n in numbers if (found := signal.getsignal(n)) is not before[n]}
    for number in left:
        signal.signal(number, before[number])
    ours = {n: found for n, found in left.items() if not str(getattr(found, "__module__", "")).startswith("ray.")}
    assert not ours, f"handlers left behind: {ours}"


def _running(server: Server) -> Iterator[Any]:
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server of our own on a UNIX socket; gone, with all its data, at the end of the run."""
    yield from _running(PostgresServer())


@pytest.fixture(scope="session")
def pgbouncer(postgres: PostgresServer) -> Iterator[PgBouncer]:
    """PgBouncer in transaction mode before that server."""
    yield from _running(PgBouncer(postgres))


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDBServer]:
    """A MariaDB server of our own on a UNIX socket."""
    yield from _running(MariaDBServer())


@pytest.fixture(scope="session")
def postgres_server(postgres: PostgresServer) -> str:
    """The SQLAlchemy URL of a database of the PostgreSQL server that all tests share."""
    return postgres.url("postgres")


@pytest.fixture
def postgres_database(postgres: PostgresServer) -> Iterator[str]:
    """The name of an empty PostgreSQL database for this test alone; mark the test ``postgres``."""
    name = f"test_{uuid.uuid4().hex}"
    with postgres.admin() as admin:
        admin.execute(f'CREATE DATABASE "{name}"'.encode())
    yield name
    with postgres.admin() as admin:
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.fixture
def postgres_url(postgres: PostgresServer, postgres_database: str) -> str:
    """The SQLAlchemy URL of an empty PostgreSQL database for this test alone; mark the test ``postgres``."""
    return postgres.url(postgres_database)


@pytest.fixture(scope="session")
def mariadb_server(mariadb: MariaDBServer) -> str:
    """The SQLAlchemy URL of a database of the MariaDB server that all tests share."""
    admin = mariadb.admin()
    admin.cursor().execute("CREATE DATABASE shared CHARACTER SET latin1")  # as a careless administrator would
    admin.close()
    return mariadb.url("shared")


@pytest.fixture
def mariadb_database(mariadb: MariaDBServer) -> Iterator[str]:
    """The name of an empty MariaDB database for this test alone; mark the test ``mariadb``."""
    name = f"test_{uuid.uuid4().hex}"
    for statement in ("CREATE DATABASE", "DROP DATABASE"):
        admin = mariadb.admin()
        admin.cursor().execute(f"{statement} {name}")
        admin.close()
        if statement.startswith("CREATE"):
            yield name


@pytest.fixture
def mariadb_url(mariadb: MariaDBServer, mariadb_database: str) -> str:
    """The SQLAlchemy URL of an empty MariaDB database for this test alone; mark the test ``mariadb``."""
    return mariadb.url(mariadb_database)


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, by Playwright."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no chromium here")
    with playwright.sync_playwright() as p:
        found = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield found
        found.close()
