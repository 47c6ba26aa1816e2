"""The dashboard in a real browser: nothing is run or fetched that should not be, and pages stay up to date."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.dashboard.studies import plain

import tunesmith as ts

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="the server is killed by a signal")]

TABS = ("", "/curves", "/parameters", "/timeline", "/model", "/trials")
FIGURES = ("/parameters?figure=importance", "/parameters?figure=parallel", "/parameters?figure=rank")
MORE = (
    "?figure=edf",
    "?ask=delete",
    "?hide=1&x=time",
    "/parameters?param=lr",
    "/model?figure=contour",
    "/model?figure=gain",
)
MAIN = (*(f"/study/1{tab}" for tab in (*TABS, *FIGURES)), "/study/1/trial/3")
PAGES = (
    "/",
    *MAIN,
    *(f"/study/1{tab}" for tab in MORE),
    "/study/3",
    "/compare?study=1&study=2",
    "/design",
    "/study/1/compare?trial=3&trial=7",
)


class Server:
    """``tunesmith dashboard`` in a process of its own, which can be killed and started again at the same port."""

    def __init__(self, path: Path) -> None:
        self._path, self._port = path, 0
        self.start()

    def start(self) -> None:
        options = ["--port", str(self._port), "--token", "known"]
        command = [sys.executable, "-u", "-m", "tunesmith", "dashboard", str(self._path), *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.base = self.process.stdout.readline().split()[4].split("/?")[0]
        self._port = int(self.base.rsplit(":", 1)[1])

    def stop(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


@contextmanager
def serving(path: Path) -> Iterator[Server]:
    server = Server(path)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def served(made: Path) -> Iterator[Server]:
    with serving(made) as server:
        yield server


@contextmanager
def view(browser: Any, server: Server, **settings: Any) -> Iterator[tuple[Any, list[str]]]:
    """A page that knows the token, and what went wrong in it."""
    context = browser.new_context(viewport={"width": 1200, "height": 900}, **settings)
    page, wrong = context.new_page(), []
    page.set_default_timeout(20_000)
    page.on("console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda r: None if r.url.startswith((server.base, "data:")) else wrong.append(r.url))
    page.goto(f"{server.base}/?token=known")
    page.wait_for_selector("h1")
    yield page, wrong
    context.close()


def settle(page: Any) -> None:
    """Scroll through a page until all of its figures are there."""
    for figure in page.query_selector_all("[data-figure]"):
        figure.scroll_into_view_if_needed()
        figure.wait_for_selector("figcaption:not(:empty)")
    for part in page.query_selector_all("[data-fetch]"):
        part.wait_for_selector("xpath=self::*[@aria-busy='false']")


def eventually(holds: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@pytest.mark.parametrize(("scheme", "paths"), [("light", PAGES), ("dark", MAIN[:2])], ids=["light", "dark"])
def test_pages_run_nothing_of_a_study_and_fetch_nothing_else(
    browser: Any, served: Server, scheme: str, paths: tuple[str, ...]
) -> None:
    with view(browser, served, color_scheme=scheme) as (page, wrong):
        for path in paths:
            page.goto(served.base + path)
            settle(page)
            assert page.evaluate("window.pwned") is None
        assert wrong == []
        assert "token" not in page.url


def test_values_of_any_size_break_no_rule(browser: Any, tmp_path: Path) -> None:
    study = ts.create_study(storage=tmp_path / "large.db", study_name="z" * 3000, sampler="random", seed=0)
    for i in range(12):
        trial = study.ask()
        trial.suggest_categorical("long", ["c" * 10_000, "d"])
        trial.report(i * 1e300, 0)
        study.tell(trial, (trial.suggest_float("x", 0, 1) - 0.5) * 1e300)
    with serving(tmp_path / "large.db") as server, view(browser, server) as (page, wrong):
        for path in ("/study/1", "/study/1/parameters?param=x", "/study/1/trial/0"):
            page.goto(server.base + path)
            settle(page)
            assert page.evaluate("document.documentElement.scrollWidth") == 1200, path
        assert wrong == []


def test_a_narrow_screen_shows_all_and_scrolls_down_only(browser: Any, served: Server) -> None:
    with view(browser, served, color_scheme="light") as (page, _):
        page.set_viewport_size({"width": 360, "height": 800})
        for path in (*PAGES, "/study/4", "/study/1/trials?where=%3C", "/study/99"):
            page.goto(served.base + path)
            settle(page)
            page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
            assert page.evaluate("document.documentElement.scrollWidth") == 360, path


@pytest.mark.parametrize(
    ("scheme", "locale", "paths"),
    [("light", "en", PAGES), ("dark", "en", MAIN), ("light", "zh-CN", MAIN), ("dark", "zh-CN", MAIN[:1])],
    ids=["light", "dark", "zh", "zh-dark"],
)
def test_axe_finds_nothing(browser: Any, served: Server, scheme: str, locale: str, paths: tuple[str, ...]) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    ).Axe()
    with view(browser, served, color_scheme=scheme, locale=locale) as (page, _):
        found = []
        for path in paths:
            page.goto(served.base + path)
            settle(page)
            for violation in axe.run(page).response["violations"]:
                found += [(path, violation["id"], node["html"][:200]) for node in violation["nodes"]]
        assert found == []


def test_a_brush_filters_figures_and_table_and_is_kept_in_the_address(browser: Any, served: Server, made: Path) -> None:
    history = ts.load_study(study_name="plain", storage=made).history
    with view(browser, served) as (page, wrong):
        page.goto(f"{served.base}/study/2")
        settle(page)  # what comes late moves what is below it
        page.evaluate("document.querySelector('.stage').scrollIntoView()")
        box = page.query_selector("#figure-history [data-panel] > svg").bounding_box()
        page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.3)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] * 0.95, steps=3)
        page.mouse.up()
        page.wait_for_selector("#shown:not(:empty)")
        brushes = page.evaluate("new URLSearchParams(location.search).getAll('brush')")
        assert sorted(b.split(":")[0] for b in brushes) == ["number", "value"]
        kept = np.ones(len(history), bool)
        for column, low, high in (b.split(":") for b in brushes):
            values = history.number if column == "number" else history.y[:, 0]
            kept &= (values >= float(low)) & (values <= float(high))
        assert 0 < kept.sum() < len(history)
        assert page.inner_text("#shown") == f"{kept.sum()} rows"
        assert page.locator("#chips button").count() == 2
        page.reload()
        page.wait_for_selector("#shown:not(:empty)")
        assert page.inner_text("#shown") == f"{kept.sum()} rows"
        page.click(".tabs a:has-text('Trials')")
        page.wait_for_selector("#total")
        assert page.inner_text("#total") == f"{kept.sum()} of {len(history)} trials"
        page.locator("#chips button").first.click()
        eventually(lambda: page.locator("#chips button").count() == 1, "the filter is removed")
        assert wrong == []


def test_what_is_brushed_stands_out_in_all_panels_at_once(browser: Any, served: Server, made: Path) -> None:
    history = ts.load_study(study_name="plain", storage=made).history
    with view(browser, served) as (page, wrong):
        page.set_viewport_size({"width": 1200, "height": 2400})  # all panels are in sight
        page.goto(f"{served.base}/study/2")
        settle(page)
        page.evaluate("""() => { window.took = []; const rest = done => requestAnimationFrame(() => setTimeout(done));
            document.querySelector("#figure-history .drawn").addEventListener("pointermove", () => {
                const from = performance.now(); rest(() => took.push(performance.now() - from)); }); }""")
        ends = [inside(page, 0.2, 0.01), inside(page, 0.6, 0.99)]
        page.mouse.move(*ends[0])
        page.mouse.down()
        page.mouse.move(*ends[1], steps=4)
        count = """() => ["history", "slice", "parallel"].map(name => { let n = 0;
            for (const path of document.querySelectorAll(`#figure-${name} .dims .chosen`))
                n += path.getAttribute("d").split("M").length - 1; return n; })"""
        eventually(lambda: min(page.evaluate(count)) > 0, "they stand out")
        low, high = page.evaluate("""() => { const f = document.querySelector("#figure-history .plot").figure;
            return f.range(f.panels[0], f.drag.ends).x; }""")
        kept = int(((history.number >= low) & (history.number <= high)).sum())
        assert page.evaluate(count) == [kept, 2 * kept, kept], "in each of two slices"
        assert sorted(page.evaluate("took"))[-2] < 100
        page.mouse.up()
        eventually(lambda: page.inner_text("#shown") == f"{kept} rows", "the drawings of the server follow")
        eventually(lambda: page.locator(".dims").count() == 0, "nothing is dim any more")
        assert wrong == []


def test_panels_settings_and_forms_of_a_study_work_in_the_page(browser: Any, tmp_path: Path) -> None:
    plain(tmp_path / "own.db")
    with serving(tmp_path / "own.db") as server, view(browser, server) as (page, wrong):
        page.goto(f"{server.base}/study/1")
        settle(page)
        old = page.evaluate_handle("document.querySelector('#figure-history .drawn')")
        page.click("#menu-history summary")
        page.click("#menu-history >> text=Move right")
        order = "() => [...document.querySelectorAll('.grid > *')].map(part => part.id)"
        moved = ["panel-importance", "panel-history", "panel-parallel", "panel-slice"]
        eventually(lambda: page.evaluate(order) == moved, "it is moved")
        assert "panels=importance,history,parallel,slice" in page.url.replace("%2C", ",")
        page.click("#panel-history >> text=Log")
        eventually(lambda: not page.evaluate("old => old.isConnected", old), "it is drawn anew")
        page.wait_for_selector("#figure-history [data-y$=' log']")
        page.reload()
        page.wait_for_selector("#figure-history [data-y$=' log']")
        assert page.evaluate(order) == moved
        page.click("#actions summary")
        page.click("[data-ask=name]")
        page.fill("#name", "better")
        page.keyboard.press("Enter")
        page.wait_for_selector("h1:has-text('better')")
        page.click("#actions summary")
        page.click("[data-ask=delete]")
        assert page.evaluate("document.querySelector('#ask-delete').matches(':modal')")
        page.click("#ask-delete [data-close]")
        assert not page.locator("#ask-delete").is_visible()
        page.set_checked("#hide", True)
        page.wait_for_selector("#shown:not(:empty)")
        assert "hide=1" in page.url
        assert wrong == []


def test_parallel_coordinates_work_by_keys(browser: Any, served: Server, made: Path) -> None:
    history = ts.load_study(study_name="plain", storage=made).history
    with view(browser, served) as (page, wrong):
        page.goto(f"{served.base}/study/2/parameters?figure=parallel")
        handle = page.locator("[role=slider][aria-label^='n,']")
        handle.scroll_into_view_if_needed()
        handle.focus()
        page.keyboard.press("PageUp")
        eventually(lambda: page.inner_text("#shown") != "", "the filter is shown")
        low = float(page.evaluate("new URLSearchParams(location.search).get('brush')").split(":")[1])
        assert page.inner_text("#shown") == f"{(history.x[:, history.names.index('n')] >= low).sum()} rows"
        page.locator("[role=slider][aria-label^='n,']").focus()
        page.keyboard.press("Escape")
        eventually(lambda: "brush" not in page.url, "the filter is removed")
        assert wrong == []


def test_parallel_coordinates_work_by_touch(browser: Any, served: Server, made: Path) -> None:
    history = ts.load_study(study_name="plain", storage=made).history
    with view(browser, served, has_touch=True) as (page, wrong):
        page.goto(f"{served.base}/study/2/parameters?figure=parallel")
        settle(page)
        handle = page.locator("[role=slider][aria-label^='value,'], [role=slider][aria-label^='objective,']").first
        handle.scroll_into_view_if_needed()
        box = handle.bounding_box()
        x, top = box["x"] + box["width"] / 2, box["y"]
        session = page.context.new_cdp_session(page)
        for kind, at in (("touchStart", 0.3), ("touchMove", 0.5), ("touchMove", 0.8), ("touchEnd", None)):
            points = [] if at is None else [{"x": x, "y": top + at * box["height"]}]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        page.wait_for_selector("#shown:not(:empty)")
        column, low, high = page.evaluate("new URLSearchParams(location.search).get('brush')").rsplit(":", 2)
        value = history.y[:, 0]
        assert (column, page.inner_text("#shown")) == (
            "value",
            f"{((value >= float(low)) & (value <= float(high))).sum()} rows",
        )
        assert wrong == []


def test_open_pages_follow_a_worker_over_one_connection_and_a_restart(browser: Any, tmp_path: Path) -> None:
    study = plain(tmp_path / "live.db", "live", 5)
    with serving(tmp_path / "live.db") as server, view(browser, server) as (page, _):
        connections: list[str] = []
        page.context.on("request", lambda r: connections.append(r.url) if "/events" in r.url else None)
        tabs = [page, *(page.context.new_page() for _ in range(9))]
        for tab in tabs:
            tab.goto(f"{server.base}/study/1")
            tab.wait_for_selector("#figure-history .sentence")
        for tab in tabs:
            eventually(lambda tab=tab: tab.inner_text("#status") == "live", "it is live")  # type: ignore[misc]
        assert len(connections) == 1
        study.optimize(lambda trial: trial.suggest_float("x", -1, 1), n_trials=3)
        for tab in tabs:
            eventually(lambda tab=tab: "8 complete" in tab.inner_text("#counts"), "it has the new trials")  # type: ignore[misc]
            eventually(lambda tab=tab: points(tab) == list(range(8)), f"each trial is there once: {points(tab)}")  # type: ignore[misc]
        server.stop()
        eventually(lambda: "lost" in page.inner_text("#status"), "it sees that the server is away")
        study.optimize(lambda trial: trial.suggest_float("x", -1, 1), n_trials=2)
        server.start()
        for tab in tabs:
            eventually(lambda tab=tab: tab.inner_text("#status") == "live", "it is live again")  # type: ignore[misc]
            eventually(lambda tab=tab: points(tab) == list(range(10)), f"each trial is there once: {points(tab)}")  # type: ignore[misc]
        assert study.study_name == "live"


def points(page: Any) -> list[int]:
    """The trials in the history figure of a page, as often as they are there."""
    code = (
        "document.querySelector('#figure-history .plot').figure.data.traces"
        ".filter(t => t.legendgroup === 'trials').flatMap(t => [...t.x])"
    )
    found: list[int] = page.evaluate(code)
    return sorted(found)


def test_figures_are_read_by_keys_picked_and_saved(browser: Any, served: Server, made: Path) -> None:
    study = ts.load_study(study_name="plain", storage=made)
    with view(browser, served) as (page, wrong):
        page.goto(f"{served.base}/study/2/parameters")
        settle(page)
        assert page.locator(".panel").count() == 2
        for figure, start in (("", b"<svg"), ("?param=x", b"<svg"), ("?figure=parallel", b"<svg")):
            page.goto(f"{served.base}/study/2/parameters{figure}")
            settle(page)
            for kind, begin in (("svg", start), ("png", b"\x89PNG"), ("csv", b"")):
                with page.expect_download() as file:
                    page.click(f"[data-save={kind}]")
                assert Path(file.value.path()).read_bytes().startswith(begin)
        assert Path(file.value.path()).read_text().splitlines()[0] == "trial,objective,x,n"
        assert len(Path(file.value.path()).read_text().splitlines()) == 1 + len(study.trials)
        page.goto(f"{served.base}/study/2/parameters")
        settle(page)
        page.select_option("#param-0", "x")
        page.wait_for_selector("[data-panel]")
        assert "param=x" in page.url
        page.locator(".drawn").focus()
        page.keyboard.press("Home")
        lowest = min(study.trials, key=lambda trial: trial.params["x"])
        assert f"trial {lowest.number}, x " in page.inner_text(".told")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/trial/{lowest.number}")
        assert wrong == []


def test_small_panels_can_be_read_from_2_to_60_parameters(browser: Any, tmp_path: Path) -> None:
    for d in (2, 5, 60):
        study = ts.create_study(storage=tmp_path / "d.db", study_name=f"{d}", seed=0, sampler="random")
        study.optimize(lambda t, d=d: sum(t.suggest_float(f"p{k}", 0, 1) for k in range(d)), n_trials=20)  # type: ignore[misc]
    with serving(tmp_path / "d.db") as server, view(browser, server) as (page, wrong):
        for width in (1280, 360):
            page.set_viewport_size({"width": width, "height": 800})
            for study_id, d in ((1, 2), (2, 5), (3, 60)):
                page.goto(f"{server.base}/study/{study_id}/parameters")
                settle(page)
                sizes = page.evaluate("[...document.querySelectorAll('.panel > svg')].map(c => c.clientWidth)")
                assert len(sizes) == d
                assert min(sizes) >= 200
        assert wrong == []


def test_what_comes_late_moves_nothing(browser: Any, served: Server) -> None:
    shifts = """new PerformanceObserver(list => { for (const entry of list.getEntries())
        window.moved = (window.moved ?? 0) + entry.value; }).observe({ type: "layout-shift", buffered: true })"""
    with view(browser, served) as (page, _):
        for path in ("/study/1", "/study/3", "/study/4", "/study/2/parameters", "/study/2/timeline"):
            page.goto(served.base + path)
            page.evaluate(shifts)
            settle(page)
            page.wait_for_timeout(300)
            assert page.evaluate("window.moved ?? 0") < 0.05, path


def place_of(page: Any, series: int, k: int) -> tuple[float, float]:
    """Where a point of the large figure is on the screen."""
    code = """([series, k]) => { const f = document.querySelector(".plot").figure, p = f.panels[0];
        const spot = f.points(p).find(s => s.trace === series && s.k === k), [x, y] = f.onScreen(p, spot);
        const box = f.svg.getBoundingClientRect(); return [box.left + p.left + x, box.top + p.top + y]; }"""
    x, y = page.evaluate(code, [series, k])
    return x, y


def inside(page: Any, x: float, y: float) -> tuple[float, float]:
    """Where a share of the large figure's panel is on the screen, from its left and from its top, once it rests."""
    found: list[tuple[float, float]] = []

    def rests() -> bool:
        found.append(_inside(page, x, y))
        return found[-1:] == found[-2:-1]

    eventually(rests, "the page moves on and on")
    return found[-1]


def _inside(page: Any, x: float, y: float) -> tuple[float, float]:
    code = """([x, y]) => { const f = document.querySelector(".plot").figure, p = f.panels[0];
        const box = f.svg.getBoundingClientRect();
        return [box.left + p.left + x * p.w, box.top + p.top + y * p.h]; }"""
    left, top = page.evaluate(code, [x, y])
    return left, top


def marked(page: Any) -> list[float]:
    """The numbers at the axis along x."""
    names = page.locator(".ticks-x text").all_text_contents()
    return [float(name) for name in names]


def drag(page: Any, start: tuple[float, float], end: tuple[float, float], shift: bool = False) -> None:
    at = [inside(page, *share) for share in (start, end)]
    if shift:
        page.keyboard.down("Shift")
    page.mouse.move(*at[0])
    page.mouse.down()
    page.mouse.move(*at[1], steps=3)
    page.mouse.up()
    if shift:
        page.keyboard.up("Shift")


def test_a_point_says_its_values_and_leads_to_its_trial(browser: Any, served: Server, made: Path) -> None:
    trials = ts.load_study(study_name="plain", storage=made).trials
    with view(browser, served) as (page, wrong):
        page.goto(f"{served.base}/study/2")
        settle(page)
        page.evaluate("document.querySelector('.stage').scrollIntoView()")
        page.mouse.move(*place_of(page, 0, 7))
        assert page.inner_text(".tip").split("\n") == ["trial 7", f"objective {trials[7].value:.6g}"]
        page.mouse.click(*place_of(page, 0, 7))
        page.wait_for_url("**/trial/7")
        assert wrong == []
    with view(browser, served, has_touch=True) as (page, wrong):
        page.goto(f"{served.base}/study/2/timeline")
        settle(page)
        page.evaluate("document.querySelector('.stage').scrollIntoView()")
        page.touchscreen.tap(*place_of(page, 0, 3))
        page.tap(".tip a")
        page.wait_for_url("**/trial/3")
        assert wrong == []


def test_a_figure_is_zoomed_by_mouse_and_keys_and_shown_whole_again(browser: Any, served: Server) -> None:
    with view(browser, served) as (page, wrong):
        page.goto(f"{served.base}/study/2/timeline")  # nothing can be brushed there
        settle(page)
        page.evaluate("document.querySelector('.stage').scrollIntoView()")
        whole = marked(page)
        drag(page, (0.25, 0.2), (0.5, 0.7))
        eventually(lambda: max(marked(page)) - min(marked(page)) < 0.5 * (max(whole) - min(whole)), "a part is shown")
        page.mouse.dblclick(*inside(page, 0.5, 1.08))  # below the axis, where no trial is
        eventually(lambda: marked(page) == whole, "all is shown")
        page.locator(".drawn").focus()
        page.keyboard.press("+")
        eventually(lambda: max(marked(page)) - min(marked(page)) < 0.7 * (max(whole) - min(whole)), "a part is shown")
        page.click(".whole")
        eventually(lambda: marked(page) == whole, "all is shown")
        page.goto(f"{served.base}/study/1/parameters?param=lr")  # a logarithmic axis, which can be brushed
        settle(page)
        page.evaluate("document.querySelector('.stage').scrollIntoView()")
        panel = "document.querySelector('.plot').figure.panels[0]"
        page.click("[data-zoom]")
        drag(page, (0.5, 0.0), (0.75, 1.0))
        low, high = page.evaluate(f"[{panel}.x.low, {panel}.x.high]")
        zoomed = [low + share * (high - low) for share in (0.5, 0.75)]
        numbers = [float(np.log10(value)) for value in marked(page)]
        assert len(numbers) > 1
        assert all(zoomed[0] - 0.02 <= value <= zoomed[1] + 0.02 for value in numbers)
        assert "brush" not in page.url
        assert wrong == []


def test_keys_hide_series_and_files_have_what_is_seen(browser: Any, served: Server) -> None:
    with view(browser, served, color_scheme="dark") as (page, wrong):
        page.goto(f"{served.base}/study/1?figure=history")
        settle(page)
        key = page.locator("[data-key]", has_text="best so far")
        line = page.locator(f"[data-t='{key.get_attribute('data-key')}']")
        for way in (lambda: key.click(), lambda: (key.focus(), page.keyboard.press("Enter"))):
            shown = key.get_attribute("aria-pressed") == "true"
            way()
            assert key.get_attribute("aria-pressed") == str(not shown).lower()
            assert line.is_visible() != shown
        with page.expect_download() as file:
            page.click("[data-save=svg]")
        text = Path(file.value.path()).read_text()
        assert "var(" not in text
        assert 'fill="#1a1f26"' in text
        assert wrong == []


def test_new_trials_leave_the_zoom_and_hidden_series_as_they_are(browser: Any, tmp_path: Path) -> None:
    study = plain(tmp_path / "live.db", "live", 20)
    with serving(tmp_path / "live.db") as server, view(browser, server) as (page, wrong):
        page.goto(f"{server.base}/study/1")
        settle(page)
        eventually(lambda: page.inner_text("#status") == "live", "it is live")
        page.locator("[data-key]", has_text="best so far").click()
        page.evaluate("document.querySelector('.stage').scrollIntoView()")
        drag(page, (0.25, 0.0), (0.5, 1.0), shift=True)
        before = marked(page)
        study.optimize(lambda trial: trial.suggest_float("x", -1, 1), n_trials=5)
        eventually(lambda: points(page) == list(range(25)), "the new trials are there")
        assert marked(page) == before
        old = page.evaluate_handle("document.querySelector('.drawn')")
        eventually(lambda: not page.evaluate("old => old.isConnected", old), "it is drawn anew")
        assert marked(page) == before
        assert page.locator("[data-key]", has_text="best so far").get_attribute("aria-pressed") == "false"
        assert points(page) == list(range(25))
        assert wrong == []


def test_figures_are_there_without_a_script(browser: Any, served: Server) -> None:
    with view(browser, served, java_script_enabled=False) as (page, wrong):
        for path in ("/study/1", "/study/2/parameters", "/study/2/parameters?figure=parallel", "/study/4"):
            page.goto(served.base + path)
            pictures = page.locator(".picture")
            assert pictures.count() == (5 if path == "/study/1" else 1)
            for picture in pictures.all():
                picture.scroll_into_view_if_needed()
                assert picture.bounding_box()["width"] > (800 if pictures.count() == 1 else 500)
        page.goto(f"{served.base}/compare?study=1&study=2")
        assert page.locator(".picture").count() == 2
        page.goto(f"{served.base}/study/1/trial/3")
        assert page.locator("#curve .desk svg[role=img]").is_visible()
        assert wrong == []


def test_studies_are_searched_as_one_types_and_chosen_ones_stay(browser: Any, served: Server) -> None:
    with view(browser, served) as (page, wrong):
        page.wait_for_selector("[data-study='2'] .spark")
        page.check("[data-study='2'] input[name=study]")
        assert page.locator(".choose").is_hidden()
        page.fill("#q", "emp")
        eventually(lambda: page.locator("[data-study]").count() == 2, "the one that is found, and the chosen one")
        page.check("[data-study='4'] input[name=study]")
        assert page.inner_text(".choose") == "Compare 2 studies"
        page.click(".choose button")
        page.wait_for_url("**/compare?study=2&study=4")
        assert wrong == []


def test_pinned_trials_are_kept_from_page_to_page(browser: Any, served: Server) -> None:
    with view(browser, served) as (page, wrong):
        page.goto(f"{served.base}/study/2/trial/4")
        page.check("input[name=trial]")
        page.goto(f"{served.base}/study/2/trials")
        page.check("[aria-label='Pin trial 7']")
        page.click("th a:has-text('state')")
        eventually(lambda: "sort=state" in page.url and page.locator("th[aria-sort]").count(), "it is sorted")
        assert page.inner_text(".choose") == "Compare 2 trials"
        page.click(".choose button")
        page.wait_for_selector(".sides")
        assert page.locator(".sides thead th").count() == 2
        assert wrong == []


def test_language_and_colours_are_chosen_in_a_menu(browser: Any, served: Server) -> None:
    with view(browser, served) as (page, wrong):
        page.click("#reader summary")
        page.keyboard.press("Escape")
        assert page.locator("#theme").is_hidden()
        page.click("#reader summary")
        page.select_option("#theme", "dark")
        page.wait_for_selector("html[data-theme=dark]")
        assert wrong == []


def test_the_first_run_is_shown_when_it_begins(browser: Any, tmp_path: Path) -> None:
    plain(tmp_path / "new.db", "gone", 1)
    ts.delete_study(study_name="gone", storage=tmp_path / "new.db")
    with serving(tmp_path / "new.db") as server, view(browser, server) as (page, wrong):
        eventually(lambda: page.locator(".begin [data-copy]:visible").count() == 2, "both can be copied")
        plain(tmp_path / "new.db", "first", 3)
        page.wait_for_selector("[data-study] a:has-text('first')")
        assert wrong == []
