"""Takes the pictures of docs/dashboard.md, in two languages, into docs/img/dashboard/: a hook of mkdocs, and a program.

It needs the dashboard's extra, Playwright and Chromium; where they are not, the page has no pictures. They are taken
anew only if the code of the dashboard has changed since. Run it alone with `python .ci/screenshots.py`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "img" / "dashboard"
MARK = "<!-- pictures -->"
PAGES = {  # name: (address, width, height, colours)
    "study": ("/study/1?now=1", 1280, 1150, "light"),
    "parameters": ("/study/1/parameters", 1280, 760, "light"),
    "parameter": ("/study/1/parameters?param=lr", 1280, 900, "light"),
    "model": ("/study/1/model", 1280, 800, "dark"),
    "trials": ("/study/1/trials?where=value<0.3&sort=value", 1280, 700, "light"),
    "trial": ("/study/1/trial/7", 1280, 900, "dark"),
    "phone": ("/study/1?now=1", 360, 760, "light"),
}
SHOWN = {  # what each shows
    "en": {
        "study": "A study: what to use, what to expect of it, and what to do next",
        "parameters": "The value by each parameter, those first that matter most",
        "parameter": "One of them in full",
        "model": "What a model of the trials expects, in dark colours",
        "trials": "The table of trials, filtered",
        "trial": "A trial, in dark colours",
        "phone": "The same study on a telephone",
    },
    "zh": {
        "study": "一个研究：用哪一次试验、可以期待什么、下一步做什么",
        "parameters": "目标值与每个参数的关系，影响最大的在前",
        "parameter": "放大其中一个参数",
        "model": "由试验建立的模型所期望的值，深色模式",
        "trials": "筛选后的试验表格",
        "trial": "一次试验，深色模式",
        "phone": "手机上的同一个研究",
    },
}


def study(path: Path) -> None:
    """A study to look at."""
    sys.path[:0] = [str(ROOT / ".ci"), str(ROOT / "src")]
    import figures

    import tunesmith

    tunesmith.create_study(storage=path, study_name="classifier", seed=0).add_trials(figures.classifier())


def make() -> bool:
    """Take all pictures; return whether that was possible."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    try:
        import starlette  # noqa: F401  # whether it is there
        from playwright.sync_api import sync_playwright
    except ImportError:
        return False
    if chromium is None:
        return False
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tune.db"
        study(path)
        command = [sys.executable, "-u", "-m", "tunesmith", "dashboard", str(path), "--port", "0", "--no-token"]
        env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
        try:
            line = server.stdout.readline() if server.stdout is not None else ""
            base = next(word for word in line.split() if word.startswith("http")).rstrip("/")
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
                for language, (name, (address, width, height, colours)) in product(SHOWN, PAGES.items()):
                    size = {"width": width, "height": height}
                    page = browser.new_page(viewport=size, color_scheme=colours, locale=language)
                    page.set_default_timeout(120_000)
                    page.goto(base + address, wait_until="networkidle" if "study/1/t" in address else "load")
                    for figure in page.query_selector_all("[data-figure]"):
                        figure.scroll_into_view_if_needed()
                        figure.wait_for_selector("figcaption:not(:empty)")
                    page.evaluate("scrollTo(0, 0)")
                    page.wait_for_timeout(1500)
                    page.screenshot(path=_picture(name, language))
                    page.close()
                browser.close()
        finally:
            server.terminate()
            server.wait()
    return True


def on_pre_build(config: Any) -> None:
    """Called by mkdocs before it reads the pages."""
    code = [Path(__file__), *(p for p in (ROOT / "src/tunesmith/dashboard").rglob("*") if p.is_file())]
    made = [p.stat().st_mtime for p in OUT.glob("*.png")]
    if not made or min(made) < max(p.stat().st_mtime for p in code if "__pycache__" not in p.parts):
        make()


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Called by mkdocs with each page: put the pictures where they belong, as far as there are any."""
    language = "zh" if config.docs_dir.endswith("zh") else "en"
    up = "../" if language == "zh" else ""
    shown = [
        f"![]({up}img/dashboard/{_picture(name, language).name})\n*{what}*"
        for name, what in SHOWN[language].items()
        if _picture(name, language).is_file()
    ]
    return markdown.replace(MARK, "\n\n".join(shown))


def _picture(name: str, language: str) -> Path:
    return OUT / (f"{name}.png" if language == "en" else f"{name}-{language}.png")


if __name__ == "__main__" and not make():
    sys.exit("it takes Playwright (pip install playwright) and Chromium")
