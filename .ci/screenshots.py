"""Takes pictures of the dashboard, a report and a notebook, in two languages, light and dark: a hook and a program.

A page has those of the dashboard where it says `<!-- pictures -->`, and another where it says `<!-- picture NAME -->`.
It takes the dashboard's extra, Playwright and Chromium; where they are not, a page says in the place of a picture what
would be seen there, and the end of the build names the pages and what to install. Pictures are taken anew into
docs/img/dashboard/ only if what they show has changed since. Run it alone with `python .ci/screenshots.py`.
"""

from __future__ import annotations

import html
import importlib.util
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "img" / "dashboard"
MARK = re.compile(r"<!-- picture(?:s| ([\w-]+)) -->")
PAGES = {  # name: (address, width, height)
    "study": ("/study/1?now=1", 1280, 1150),
    "parameters": ("/study/1/parameters", 1280, 760),
    "parameter": ("/study/1/parameters?param=lr", 1280, 900),
    "importance": ("/study/1/parameters?figure=importance", 1280, 760),
    "model": ("/study/1/model", 1280, 800),
    "trials": ("/study/1/trials?where=value<0.3&sort=value", 1280, 700),
    "trial": ("/study/1/trial/7", 1280, 900),
    "phone": ("/study/1?now=1", 360, 760),
}
COLOURS = ("light", "dark")
CONFIGS = {"en": "mkdocs.yml", "zh": "mkdocs.zh.yml"}
FILES = {"report": (1000, 900), "notebook": (900, 640), "card": (1200, 630)}  # name: (width, height)
SHOWN = {  # what each shows
    "en": {
        "study": "A study: what to use, what to expect of it, and what to do next",
        "parameters": "The value by each parameter, those first that matter most",
        "parameter": "One of them in full",
        "importance": "Which parameters matter, with intervals and what noise reaches",
        "model": "What a model of the trials expects",
        "trials": "The table of trials, filtered",
        "trial": "A trial",
        "phone": "The same study on a telephone",
        "report": "A report: the answer first, then why",
        "notebook": "A study in a notebook: what to use and what to expect of it stand first",
    },
    "zh": {
        "study": "一个研究：用哪一次试验、可以期待什么、下一步做什么",
        "parameters": "目标值与每个参数的关系，影响最大的在前",
        "parameter": "放大其中一个参数",
        "importance": "哪些参数重要，附区间和噪声能达到的线",
        "model": "由试验建立的模型所期望的值",
        "trials": "筛选后的试验表格",
        "trial": "一次试验",
        "phone": "手机上的同一个研究",
        "report": "一份报告：先给结论，再说理由",
        "notebook": "笔记本里的研究：用什么、可以期待什么写在最前面",
    },
}


LEFT_OUT = {  # what stands in the place of a picture; by the class such pages are found
    "en": '<p class="ts-left-out">A picture is left out of this build: {}.</p>',
    "zh": '<p class="ts-left-out">此次构建略去了一张图：{}。</p>',
}
PACKAGES = "sh .ci/install .venv/bin/python -c constraints.txt 'tunesmith[dashboard]' playwright"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def lacking() -> list[str]:
    """What has to be done before pictures can be taken."""
    has_packages = all(importlib.util.find_spec(name) for name in ("starlette", "uvicorn", "playwright"))
    packages = [] if has_packages else [PACKAGES]
    return packages + ([] if any(map(shutil.which, PROGRAMS)) else ["apt install chromium (Debian, Ubuntu)"])


def left_out(site: Path) -> str:
    """What is to be said of the pictures that a built site lacks; empty if it has all."""
    pages = {path: path.read_text(encoding="utf-8").count("ts-left-out") for path in sorted(site.rglob("*.html"))}
    without = ", ".join(f"{path.relative_to(site)} ({count})" for path, count in pages.items() if count)
    if not without and not _is_old():
        return ""
    told = (
        f"pictures are left out of {without}" if without else "the dashboard was changed since its pictures were taken"
    )
    return f"{told}; before the next build: {'; '.join(lacking()) or 'nothing, all is there now'}"


def study(path: Path) -> None:
    """A study to look at."""
    sys.path[:0] = [str(ROOT / ".ci"), str(ROOT / "src")]
    import figures

    import tunesmith

    tunesmith.create_study(storage=path, study_name="classifier", seed=0).add_trials(figures.classifier())


def notebook(shown: dict[str, str]) -> str:
    """A page that looks as a notebook does: cells of code, and the HTML of what each returns."""
    cells = "".join(
        f'<div class="row"><i>[{i}]:</i><pre>{html.escape(code)}</pre></div>'
        f'<div class="row"><i></i><div>{out}</div></div>'
        for i, (code, out) in enumerate(shown.items(), 1)
    )
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>notebook</title><style>
    body {{ font: 14px/1.45 system-ui, sans-serif; margin: 20px; background: white; color: #202020 }}
    .row {{ display: grid; grid-template-columns: 3rem 1fr; margin-bottom: 10px }}
    .row > div {{ overflow: hidden }} i {{ color: #1f6fae; font: 13px monospace; padding-top: 8px }}
    pre {{ background: #f5f5f5; border: 1px solid #e0e0e0; margin: 0; padding: 8px; font: 13px/1.4 monospace }}
    h1 {{ position: absolute; left: -999px }}
    @media (prefers-color-scheme: dark) {{
      body {{ background: #12151a; color: #e7eaee }} pre {{ background: #1a1f26; border-color: #333c47 }}
    }}
    </style><main><h1>notebook</h1>{cells}</main>"""


def card(language: str) -> str:
    """A page that is what a chat shows of a link: the mark, the word, the sentence, a search."""
    from tunesmith.foundation.look import mark, sparkline, tokens

    falling = [0.1 + math.exp(-k / 6) for k in (0, 0, 1, 1, 1, 4, 4, 9, 9, 9, 9, 15, 15, 22, 22, 22, 30, 30, 30, 30)]
    said = re.search(r"site_description: (.*)", (ROOT / CONFIGS[language]).read_text(encoding="utf-8"))
    return f"""<!doctype html><html lang="{language}"><meta charset="utf-8"><title>card</title><style>{tokens()}
    body {{ margin: 0; padding: 60px 80px; font: 44px/1.35 system-ui, "Noto Sans CJK SC", sans-serif }}
    body {{ background: var(--bg); color: var(--ink) }} p {{ margin: 30px 0 }}
    h1 {{ display: flex; gap: 28px; align-items: center; margin: 0; font-size: 88px }}
    .spark {{ width: 1040px; height: 150px }}
    </style><h1>{mark(104)}tunesmith</h1><p>{said[1] if said else ""}</p>{sparkline(falling, 312, 45)}"""


def pages_of(folder: Path, language: str) -> dict[str, Path]:
    """Write the pages that are no page of the dashboard."""
    import figures

    found = figures.classifier("auto")
    os.environ["TUNESMITH_LANG"] = language  # of what a notebook shows
    shown = {"study": found._repr_html_(), "study.space": found.space._repr_html_()}
    del os.environ["TUNESMITH_LANG"]
    (folder / "notebook.html").write_text(notebook(shown), encoding="utf-8")
    (folder / "card.html").write_text(card(language), encoding="utf-8")
    found.report(folder / "report.html", lang=language, overwrite=True)
    return {name: folder / f"{name}.html" for name in FILES}


def make() -> bool:
    """Take all pictures; return whether that was possible."""
    if lacking():
        return False
    from playwright.sync_api import sync_playwright

    chromium = next(filter(None, map(shutil.which, PROGRAMS)))
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
                for language, colours, (name, (address, width, height)) in product(SHOWN, COLOURS, PAGES.items()):
                    size = {"width": width, "height": height}
                    page = browser.new_page(viewport=size, color_scheme=colours, locale=language)
                    page.set_default_timeout(120_000)
                    page.goto(base + address, wait_until="networkidle" if "study/1/t" in address else "load")
                    for figure in page.query_selector_all("[data-figure]"):
                        figure.scroll_into_view_if_needed()
                        figure.wait_for_selector("figcaption:not(:empty)")
                    page.evaluate("scrollTo(0, 0)")
                    page.wait_for_timeout(1500)
                    page.screenshot(path=_picture(name, language, colours))
                    page.close()
                for language, colours in product(SHOWN, COLOURS):
                    for name, written in pages_of(Path(folder), language).items():
                        width, height = FILES[name]
                        size = {"width": width, "height": height}
                        page = browser.new_page(viewport=size, color_scheme=colours, locale=language)
                        page.goto(written.as_uri())
                        page.screenshot(path=_picture(name, language, colours))
                        page.close()
                browser.close()
        finally:
            server.terminate()
            server.wait()
    return True


def on_pre_build(config: Any) -> None:
    """Called by mkdocs before it reads the pages."""
    if _is_old():
        make()


def _is_old() -> bool:
    """Whether there are no pictures, or what they show has changed since they were taken."""
    rooms = (ROOT / "src" / "tunesmith" / name for name in ("dashboard", "report"))
    code = [Path(__file__), *(p for room in rooms for p in room.rglob("*") if p.is_file())]
    made = [p.stat().st_mtime for p in OUT.glob("*.png")]
    return not made or min(made) < max(p.stat().st_mtime for p in code if "__pycache__" not in p.parts)


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Called by mkdocs with each page: put the pictures where they belong, and where there is none, say so."""
    language = "zh" if config.docs_dir.endswith("zh") else "en"
    up = "../" * (page.file.src_uri.count("/") + (language == "zh"))

    def shown(found: re.Match[str]) -> str:
        made = []
        for name in [found[1]] if found[1] else PAGES:
            file, what = _picture(name, language), html.escape(SHOWN[language][name])
            is_there = file.is_file()
            made.append(
                f"![]({up}img/dashboard/{file.name})\n*{what}*" if is_there else LEFT_OUT[language].format(what)
            )
        return "\n\n".join(made)

    return MARK.sub(shown, markdown)


def _picture(name: str, language: str, colours: str = "light") -> Path:
    """Where a picture is; .ci/home.py puts the dark one beside the light one."""
    return OUT / f"{name}{'' if language == 'en' else '-zh'}{'-dark' if colours == 'dark' else ''}.png"


if __name__ == "__main__" and not make():
    sys.exit(f"first: {'; '.join(lacking())}")
