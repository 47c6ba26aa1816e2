"""Takes a picture of every page in many states, puts them on one sheet, and lists what axe finds in them.

usage: python .ci/views.py [--out FOLDER] [WORD ...]

With words, only the views whose names have one of them are taken. The pictures and sheet.png are in views/, or in
FOLDER. Look at the sheet after each change of the look, beside docs/design.md. It takes the dashboard's extra,
Playwright and Chromium; axe-playwright-python, if it is there; and the built site, if site/ is there.
"""

from __future__ import annotations

import argparse
import html
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import screenshots

import tunesmith as ts

ROOT = Path(__file__).resolve().parent.parent

DESK, PHONE = (1280, 860), (390, 844)
# Name: (address, variants). A variant is light or dark, desk or phone, English or Chinese; files begin with "file:".
VIEWS = {
    "first run": ("empty:/", ["light desk en", "dark phone zh"]),
    "studies": ("/", ["light desk en", "dark desk zh", "light phone en"]),
    "study of 300": ("/study/1?now=1", ["light desk en", "dark desk en", "light desk zh", "light phone en"]),
    "study of two objectives": ("/study/2?now=1", ["light desk en", "dark phone zh"]),
    "study that fails": ("/study/3?now=1", ["light desk en", "dark desk zh"]),
    "study without trials": ("/study/4?now=1", ["light desk en", "dark phone en"]),
    "study that runs": ("/study/5?now=1", ["light desk en", "dark desk zh"]),
    "study of 100,000": ("/study/6?now=1", ["light desk en", "dark desk en"]),
    "parameters": ("/study/1/parameters", ["light desk en", "dark desk en"]),
    "curves": ("/study/1/curves", ["dark desk en", "light phone zh"]),
    "table of trials": ("/study/1/trials", ["light desk en", "dark phone en"]),
    "model": ("/study/1/model", ["dark desk en"]),
    "trial": ("/study/1/trial/7", ["light desk en", "dark phone zh"]),
    "trials side by side": ("/study/1/compare?trial=3&trial=7&trial=9", ["light desk en", "dark desk zh"]),
    "studies side by side": ("/compare?study=1&study=5", ["light desk en"]),
    "nothing there": ("/study/99", ["light desk en"]),
    "report": ("file:report-en.html", ["light desk en", "dark phone en"]),
    "report in Chinese": ("file:report-zh.html", ["dark desk zh"]),
    "notebook": ("file:notebook.html", ["light desk en"]),
    "look": ("/design", ["light desk en", "dark desk zh"]),
    "site": ("site:index.html", ["light desk en", "dark phone en"]),
    "site in Chinese": ("site:zh/index.html", ["light desk zh", "dark desk zh"]),
}
MOST = 100_000


def network(trial: ts.Trial) -> float:
    """A made-up network: some runs diverge, some are stopped."""
    lr = trial.suggest_float("lr", 1e-5, 1e-1, log=True)
    dropout = trial.suggest_float("dropout", 0, 0.6)
    optimizer = trial.suggest_categorical("optimizer", ["adam", "sgd", "rmsprop"])
    momentum = trial.suggest_float("momentum", 0.5, 0.99) if optimizer == "sgd" else 0.9
    depth = trial.suggest_int("depth", 1, 8)
    rng = np.random.default_rng(trial.number)
    if lr > 0.05:
        raise RuntimeError("the loss is not a number after step 120")
    ideal = 0.05 + 0.02 * (np.log10(lr) + 2.7) ** 2 + 0.1 * (dropout - 0.2) ** 2 + 0.004 * abs(depth - 4)
    ideal += 0.02 * abs(momentum - 0.9) + 0.02 * (optimizer == "rmsprop")
    for step in range(20):
        trial.report(float(ideal + 0.4 * np.exp(-step / 4) + rng.normal(0, 0.004)), step)
        if trial.should_prune():
            raise ts.TrialPruned
    return float(ideal + rng.normal(0, 0.004))


def trade(trial: ts.Trial) -> tuple[float, float]:
    """Accuracy against milliseconds."""
    width = trial.suggest_int("width", 16, 1024, log=True)
    bits = trial.suggest_categorical("bits", [8, 16, 32])
    sparsity = trial.suggest_float("sparsity", 0, 0.9)
    noise = np.random.default_rng(trial.number).normal(0, 0.003)
    accuracy = 0.7 + 0.03 * np.log2(width / 16) * (1 - 0.4 * sparsity) - (0.02 if bits == 8 else 0) + noise
    return float(accuracy), float(2 + width * 0.05 * (1 - 0.8 * sparsity) * bits / 32)


def lacks_memory(trial: ts.Trial) -> float:
    """Most runs fail."""
    size = trial.suggest_int("batch_size", 8, 512, log=True)
    if size > 32:
        raise MemoryError("CUDA out of memory: tried to allocate 2.00 GiB")
    return 1 / size


def make_studies(path: Path) -> None:
    """A file with a study in each state."""
    ts.create_study(storage=path, study_name="convnet", seed=0, pruner="median").optimize(
        network, n_trials=300, catch=(RuntimeError,)
    )
    ways = {"directions": ["maximize", "minimize"], "metric": ["accuracy", "latency_ms"]}
    ts.create_study(storage=path, study_name="accuracy against latency", seed=1, **ways).optimize(trade, n_trials=120)
    failing = ts.create_study(storage=path, study_name="resnet on a small card", seed=2)
    failing.optimize(lacks_memory, n_trials=40, catch=(MemoryError,))
    ts.create_study(storage=path, study_name="not begun", metric="val_loss", direction="minimize")
    running = ts.create_study(storage=path, study_name="transformer", seed=3)
    running.optimize(network, n_trials=14, catch=(RuntimeError,))
    for _ in range(3):
        trial = running.ask()
        lr = trial.suggest_float("lr", 1e-5, 1e-1, log=True)
        for step in range(8):
            trial.report(1 / (step + 1) + lr, step)
    many = ts.create_study(storage=path, study_name="a hundred thousand", seed=4, sampler="random")
    rng = np.random.default_rng(0)
    space = {"lr": ts.space.Float(1e-5, 1e-1, log=True), "dropout": ts.space.Float(0, 0.6), "depth": ts.space.Int(1, 8)}
    points = zip(10 ** rng.uniform(-5, -1, MOST), rng.uniform(0, 0.6, MOST), rng.integers(1, 9, MOST), strict=True)
    many.add_trials(
        ts.create_trial(
            params={"lr": float(lr), "dropout": float(dropout), "depth": int(depth)},
            distributions=space,
            value=float((np.log10(lr) + 2.7) ** 2 + dropout + rng.normal(0, 0.1)),
        )
        for lr, dropout, depth in points
    )


@contextmanager
def served(path: Path) -> Iterator[str]:
    """The address of a dashboard of a file."""
    command = [sys.executable, "-u", "-m", "tunesmith", "dashboard", str(path), "--port", "0", "--no-token"]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    try:
        line = server.stdout.readline() if server.stdout is not None else ""
        yield next(word for word in line.split() if word.startswith("http")).rstrip("/")
    finally:
        server.terminate()
        server.wait()


def take(browser: Any, address: str, variant: str, to: Path) -> list[str]:
    """Take one picture; return what axe, and the browser's console, say of the page."""
    scheme, size, language = variant.split()
    width, height = DESK if size == "desk" else PHONE
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        locale={"en": "en-US", "zh": "zh-CN"}[language],
    )
    page, said = context.new_page(), list[str]()
    page.on("pageerror", lambda error: said.append(f"error: {error}"))
    page.goto(address)
    for figure in page.query_selector_all("[data-figure]"):
        figure.scroll_into_view_if_needed()
        figure.wait_for_selector("figcaption:not(:empty)")
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(1200)
    page.screenshot(path=to)
    if (wide := page.evaluate("document.documentElement.scrollWidth")) > width:
        said.append(f"it is {wide} px wide, {wide - width} more than the screen")
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ImportError:
        pass
    else:
        for found in Axe().run(page).response["violations"]:
            said.append(f"axe, {found['id']}: {found['nodes'][0]['html'][:200]}")
    context.close()
    return said


def sheet(browser: Any, pictures: dict[str, Path], to: Path) -> None:
    """Put pictures on one sheet, four in a row."""
    cells = "".join(
        f'<figure><img src="{p.as_uri()}"><figcaption>{html.escape(n)}</figcaption></figure>'
        for n, p in pictures.items()
    )
    page = to.with_suffix(".html")
    page.write_text(
        '<!doctype html><meta charset="utf-8"><style>body{margin:16px;display:grid;grid-template-columns:repeat(4,1fr);'
        "gap:16px;font:14px sans-serif;background:#999}figure{margin:0}img{width:100%;height:420px;object-fit:contain;"
        f"object-position:top}}</style>{cells}",
        encoding="utf-8",
    )
    shown = browser.new_page(viewport={"width": 2400, "height": 1000})
    shown.goto(page.as_uri())
    shown.screenshot(path=to, full_page=True)
    shown.close()


def main() -> int:
    """Take the views that are asked for."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--out", type=Path, default=ROOT / "views")
    options.add_argument("words", nargs="*")
    given = options.parse_args()
    if screenshots.lacking():
        print(f"first: {'; '.join(screenshots.lacking())}", file=sys.stderr)
        return 1
    from playwright.sync_api import sync_playwright

    given.out.mkdir(parents=True, exist_ok=True)
    found, pictures = list[str](), dict[str, Path]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_studies(folder / "tune.db")
        ts.create_study(storage=folder / "none.db", study_name="gone")
        ts.delete_study(storage=folder / "none.db", study_name="gone")
        for language in ("en", "zh"):
            made = screenshots.pages_of(folder, language)
            made["report"].rename(folder / f"report-{language}.html")
        with (
            served(folder / "tune.db") as full,
            served(folder / "none.db") as empty,
            sync_playwright() as playwright,
        ):
            chromium = next(filter(None, map(shutil.which, screenshots.PROGRAMS)))
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            for what, (address, variants) in VIEWS.items():
                if given.words and not any(word in what for word in given.words):
                    continue
                kind, _, rest = address.partition(":")
                if kind == "site" and not (ROOT / "site" / rest).is_file():
                    print(f"{what}: left out, since there is no site/: `make docs` builds it")
                    continue
                whole = {
                    "empty": f"{empty}{rest}",
                    "file": (folder / rest).as_uri(),
                    "site": (ROOT / "site" / rest).as_uri(),
                }.get(kind, f"{full}{address}")
                for variant in variants:
                    label = f"{what}, {variant}"
                    pictures[label] = given.out / f"{label.replace(', ', ' ').replace(' ', '-')}.png"
                    said = take(browser, whole, variant, pictures[label])
                    found += [f"{label}: {one}" for one in said]
                    print(f"{label}: {'; '.join(said) or 'nothing found'}", flush=True)
            sheet(browser, pictures, given.out / "sheet.png")
            browser.close()
    print(f"{len(pictures)} views in {given.out / 'sheet.png'}; {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
