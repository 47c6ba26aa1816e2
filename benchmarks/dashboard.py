"""The dashboard in a real browser on a study of 100,000 trials with ten parameters in an SQLite file.

Each row is measured after a cold start of the server: list of studies, first paint, the first figure, the verdict, all
panels, what was sent, a brush over two axes and how soon all panels follow it, small panels of all parameters, what an
open page costs while nothing happens, and how soon a worker's commit is seen, in one tab and in ten. Where
optuna-dashboard is installed, it shows the same trials in the same run; it has no brush, and no sign of life but polls.
What takes it longer than --patience is said to be not finished; where a page of ours does, the run fails and names what
it waited for. The load of the machine is printed beside, since all of it is wall time. Needs Playwright and Chromium.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

D = 10
NAMES = [f"x{i}" for i in range(D)]
TABS = 10
# Notes when the counts of a page show a number.
WATCH = """number => new MutationObserver(() => {
  if (document.querySelector("#counts").textContent.includes(number)) window.seen ??= Date.now();
}).observe(document.querySelector(".counts"), { childList: true, subtree: true, characterData: true })"""

# The milliseconds from each move of a drag until all panels are drawn with what it chose.
FOLLOWED = """() => {
  window.took = [];
  const rest = done => requestAnimationFrame(() => setTimeout(done));
  document.querySelector("#figure-history .drawn").addEventListener("pointermove", () => {
    const from = performance.now();
    rest(() => took.push(performance.now() - from));
  });
}"""

# The milliseconds from the end of a drag until its number of rows is there. The page tells them: Playwright asks it
# every half second, which is longer than a brush takes.
BRUSHED = """patience => {
  let up = 0;
  addEventListener("pointerup", () => { up = performance.now(); }, { capture: true, once: true });
  window.brushed = new Promise((done, late) => {
    new MutationObserver(() => done(performance.now() - up))
      .observe(document.querySelector("#shown"), { childList: true });
    setTimeout(() => late(new Error("no number of rows in #shown after a brush")), patience);
  });
}"""
PANELS = ("history", "importance", "parallel", "slice")  # of a page at first, where nothing was reported in between


def points(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.random((n, D))
    return x, ((x - 0.3) ** 2).sum(axis=1) + 0.05 * rng.standard_normal(n)


def ours(path: Path, n: int) -> Any:
    import tunesmith
    from tunesmith.trial.record import TrialRecord

    space = tunesmith.Space({name: tunesmith.Float(0.0, 1.0) for name in NAMES})
    study = tunesmith.create_study(storage=path, study_name="big", space=space, seed=0, sampler="random")
    x, y = points(n)
    complete = tunesmith.TrialState.COMPLETE
    study.add_trials(
        [
            TrialRecord(
                -1,
                complete,
                space=space,
                x=x[i].tolist(),
                values=(float(y[i]),),
                started=1e9 + i,
                finished=1e9 + i + 0.9,
            )
            for i in range(n)
        ]
    )
    return study


def theirs(path: Path, n: int) -> Any:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(storage=f"sqlite:///{path}", study_name="big", sampler=optuna.samplers.RandomSampler(0))
    ranges = {name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in NAMES}
    x, y = points(n)
    params = [dict(zip(NAMES, row, strict=True)) for row in x.tolist()]
    make = optuna.trial.create_trial
    study.add_trials([make(params=params[i], distributions=ranges, value=float(y[i])) for i in range(n)])
    return study


@contextlib.contextmanager
def server(command: list[str], address: str) -> Iterator[subprocess.Popen[str]]:
    import urllib.request

    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(address, timeout=5).close()
                break
            time.sleep(0.1)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def cpu(pid: int) -> float:
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Bytes:
    """Counts what a page is sent: in all, and without scripts and styles, which are fetched once."""

    def __init__(self, page: Any) -> None:
        self.total = self.whole = 0
        kinds: dict[str, str] = {}
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.responseReceived", lambda e: kinds.__setitem__(e["requestId"], e["type"]))
        for event in ("dataReceived", "loadingFinished"):
            session.on(f"Network.{event}", lambda e, kinds=kinds: self._add(e, kinds))

    def _add(self, event: Any, kinds: dict[str, str]) -> None:
        kind = kinds.get(event["requestId"])
        # What of a response that goes on (of events) came is told by dataReceived, else by the end.
        if (kind == "EventSource") == ("dataLength" in event):
            size = event.get("encodedDataLength") or event.get("dataLength") or 0
            self.whole += size
            self.total += 0 if kind in ("Script", "Stylesheet") else size


def timed(act: Callable[[], Any]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def when_seen(tab: Any, patience: int) -> float:
    """When a page showed what it watches for, in milliseconds of unix time.

    Raises:
        TimeoutError: it did not within ``patience`` seconds.
    """
    until = time.monotonic() + patience
    while (moment := tab.evaluate("window.seen")) is None:  # a page that forbids eval lets nobody wait for a function
        if time.monotonic() > until:
            raise TimeoutError(
                f"#counts did not show a new trial in {patience} s; it shows {tab.inner_text('#counts')}"
            )
        tab.wait_for_timeout(50)
    return float(moment)


def within(act: Callable[[], Any]) -> str:
    """The seconds that something took; empty: the page's patience was over before."""
    from playwright.sync_api import TimeoutError as Late

    try:
        return f"{timed(act):.2f}"
    except Late:
        return ""


def measure_ours(browser: Any, study: Any, path: Path, idle: int, patience: int) -> dict[str, str]:
    base = "http://127.0.0.1:8391"
    command = [sys.executable, "-m", "tunesmith", "dashboard", str(path), "--port", "8391", "--no-token"]
    found = {}
    with server(command, f"{base}/studies.json") as process:
        first = browser.new_page()
        found["list of studies, s"] = f"{timed(lambda: first.goto(base)):.2f}"
        first.close()
        page = browser.new_context(viewport={"width": 1280, "height": 2400}).new_page()  # all panels are in sight
        page.set_default_timeout(patience * 1000)
        sent = Bytes(page)
        start = time.perf_counter()
        page.goto(f"{base}/study/1", wait_until="commit")
        page.wait_for_selector("#figure-history .sentence")
        found["first figure, s"] = f"{time.perf_counter() - start:.2f}"
        paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
        found["first paint, s"] = f"{page.evaluate(paint) / 1000:.2f}"
        page.wait_for_selector(".verdict .facts")
        found["verdict, s"] = f"{time.perf_counter() - start:.2f}"
        for name in PANELS:
            page.wait_for_selector(f"#figure-{name} .sentence")
        found["all panels, s"] = f"{time.perf_counter() - start:.2f}"
        found["sent by then, kB"] = f"{sent.total / 1000:.0f}"
        found["... with scripts and styles, kB"] = f"{sent.whole / 1000:.0f}"
        page.wait_for_selector(".health[aria-busy=false]")
        page.wait_for_timeout(2000)
        box = page.query_selector("#figure-history [data-panel] > svg").bounding_box()
        page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.3 * box["height"])
        page.mouse.down()
        page.evaluate(FOLLOWED)
        page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.9 * box["height"], steps=9)
        page.wait_for_timeout(1000)
        found["all panels follow a brush, s"] = f"{float(np.median(page.evaluate('took'))) / 1000:.3f}"
        page.evaluate(BRUSHED, patience * 1000)
        page.mouse.up()
        found["brush over two axes, s"] = f"{page.evaluate('brushed') / 1000:.2f}"

        def panels() -> None:
            page.goto(f"{base}/study/1/parameters")
            page.wait_for_selector("figure .sentence")

        found["small panels of all parameters, s"] = f"{timed(panels):.2f}"
        page.goto(f"{base}/study/1")
        page.wait_for_selector("#figure-history .sentence")
        page.wait_for_timeout(5000)
        before, spent = sent.total, cpu(process.pid)
        page.wait_for_timeout(idle * 1000)
        found[f"{idle} s idle: sent, kB"] = f"{(sent.total - before) / 1000:.1f}"
        found[f"{idle} s idle: CPU of the server, %"] = f"{100 * (cpu(process.pid) - spent) / idle:.1f}"
        n = len(study.history)
        study.optimize(lambda trial: trial.suggest_float("x0", 0, 1), n_trials=1)
        seen = timed(lambda: page.wait_for_selector(f"#counts:has-text('{n + 1:,}')"))
        found["a commit is seen after, s"] = f"{seen:.2f}"
        tabs = [page, *(page.context.new_page() for _ in range(TABS - 1))]
        for tab in tabs[1:]:
            tab.set_default_timeout(patience * 1000)
            tab.goto(f"{base}/study/1")
            tab.wait_for_selector("#figure-history .sentence")
            tab.wait_for_timeout(1000)
        for tab in tabs:
            tab.evaluate(WATCH, f"{n + 2:,}")
        page.wait_for_timeout(5000)
        study.optimize(lambda trial: trial.suggest_float("x0", 0, 1), n_trials=1)
        committed = time.time()
        last = max(when_seen(tab, patience) for tab in tabs)
        found[f"... in all of {TABS} tabs after, s"] = f"{max(0.0, last / 1000 - committed):.2f}"
        page.context.close()
    return found


def measure_theirs(browser: Any, study: Any, path: Path, idle: int, patience: int) -> dict[str, str]:
    base = "http://127.0.0.1:8392"
    command = [sys.executable, "-m", "optuna_dashboard", f"sqlite:///{path}", "--port", "8392"]
    if (program := shutil.which("optuna-dashboard")) is not None:
        command = [program, *command[3:]]
    found = {}
    with server(command, f"{base}/api/studies") as process:
        page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        page.set_default_timeout(patience * 1000)

        def studies() -> None:
            page.goto(base)
            page.wait_for_selector("text=big")

        def open_study() -> None:
            page.goto(f"{base}/dashboard/studies/1", wait_until="commit")
            page.wait_for_selector(".js-plotly-plot .trace")

        late = f"not finished in {patience}"
        found["list of studies, s"] = within(studies) or late
        sent = Bytes(page)
        found["first figure, s"] = within(open_study) or late
        found["sent by then, kB"] = f"{sent.total / 1000:.0f}"
        before, spent = sent.total, cpu(process.pid)
        page.wait_for_timeout(idle * 1000)
        found[f"{idle} s idle: sent, kB"] = f"{(sent.total - before) / 1000:.1f}"
        found[f"{idle} s idle: CPU of the server, %"] = f"{100 * (cpu(process.pid) - spent) / idle:.1f}"
        page.context.close()
    return found


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few trials and seconds: shows that it works, no more")
    parser.add_argument("--trials", type=int, default=100_000, help="trials of the study (100,000)")
    parser.add_argument("--peer-trials", type=int, default=10_000, help="trials of optuna-dashboard's study (10,000)")
    parser.add_argument("--idle", type=int, default=60, help="seconds in which nothing happens (60)")
    parser.add_argument("--patience", type=int, help="seconds after which a page is given up (120; quick: 30)")
    parser.add_argument("--only-ours", action="store_true", help="leave optuna-dashboard out")
    args = parser.parse_args(argv)
    trials, peer_trials, idle = (300, 300, 2) if args.quick else (args.trials, args.peer_trials, args.idle)
    patience = args.patience or (30 if args.quick else 120)
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        print("Playwright is not installed: pip install playwright")
        return
    if chromium is None:
        print("there is no chromium here")
        return
    rows = [("tunesmith", trials, ours, measure_ours)]
    if not args.only_ours:
        if shutil.which("optuna-dashboard") is None:
            print("optuna-dashboard is left out: it is not installed")
        else:
            rows.append(("optuna-dashboard", peer_trials, theirs, measure_theirs))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])
        for name, n, make, measure in rows:
            path = Path(folder) / f"{name}.db"
            study = make(path, n)
            print(f"\n{name}, {n:,} trials; load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
            for what, value in measure(browser, study, path, idle, patience).items():
                print(f"  {what:36s}{value:>20s}")
        browser.close()


if __name__ == "__main__":
    main()
