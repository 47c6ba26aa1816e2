"""Gives the site its look: the mark, the tokens, live figures, and a dark twin of each picture. A hook of mkdocs.

A page has a figure of ours where it says `<!-- live NAME -->`, which answers to the mouse and the keyboard, or
`<!-- result NAME -->`, which is drawn from a table of another page: numbers stand in one place. Pictures that know what
they are on a dark page get a twin for it; those of other makers are turned round by docs/css/site.css.
"""

from __future__ import annotations

import html
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "src"))
import figures
from pages import DOCS

from tunesmith.foundation.languages import words_of
from tunesmith.foundation.look import DATA, declarations, mark
from tunesmith.visualization import plot_optimization_history, static
from tunesmith.visualization.figures import draw
from tunesmith.visualization.plotly_style import axis, scatter
from tunesmith.visualization.svg_style import as_svg, dark, said_of_points

PLACE = re.compile(r"<!-- (live|result) (\w+) -->")
PICTURE = re.compile(r'<img\b[^>]*?\bsrc="((?:\.\./)*)(img/[^"#]+)"[^>]*>')
SIZES = ((620, "drawn ts-wide"), (350, "drawn ts-narrow"))
CARD = 350
ANSWER = """for (const figure of document.querySelectorAll(".ts-live")) {
  const data = JSON.parse(figure.querySelector("script").textContent), said = figure.querySelector(".ts-told")
  const told = (text) => (said.textContent = text), words = data.words, row = (k) => [`${words.trial} ${k}`]
  for (const place of figure.querySelectorAll(".drawn")) new tunesmith.Figure(place, data, { words, told, row })
}"""
CHINESE = {
    "trial": "试验",
    "series": "系列",
    "{0} of {1}": "第 {0} 个，共 {1} 个",
    "Show all": "显示全部",
    "Arrow keys go from point to point; + and - zoom; 0 shows all.": "方向键逐点移动；+ 和 - 缩放；0 显示全部。",
    "A search of 100 trials: point at one, drag to zoom, or use the arrow keys.": (
        "一次 100 个试验的搜索：指向试验看它的值，拖动放大，也可用方向键。"
    ),
    "trials": "试验次数",
    "mean regret": "平均遗憾",
    "random": "随机搜索",
    "Regret after 10 to 100 trials": "10 至 100 次试验之后的遗憾",
    "Searches that return something worse than the default": "返回的配置比默认配置更差的搜索",
    "% of searches": "占搜索的 %",
    "the best mean": "取平均最高者",
    "Rank of four ways from a table to a model": "从表格到模型的四种办法的名次",
    "mean rank on 12 tables": "12 张表上的平均名次",
    "boosting as it is": "默认的提升树",
}


def table(page: str, head: str) -> Iterator[list[str]]:
    """The cells of each row of the first table of a page whose head begins so."""
    text = (DOCS / page).read_text(encoding="utf-8")
    for line in text[text.index(head) :].splitlines()[2:]:
        if not line.startswith("|"):
            return
        yield [re.sub(r"[*`]", "", cell).strip() for cell in line.strip("|").split("|")]


def bars(rows: list[tuple[str, float]], title: str, unit: str) -> dict[str, Any]:
    """A bar a row, the first one in blue: what plotly.js would get."""
    at = list(range(len(rows)))[::-1]
    traces = [
        {
            "type": "bar", "orientation": "h", "name": title, "y": [y], "x": [value], "width": 0.6, "showlegend": False,
            "marker": {"color": "#0072b2" if y == at[0] else "#b0b0b0"}, "customdata": [name], "xaxis": "x",
            "yaxis": "y",
        }
        for y, (name, value) in zip(at, rows, strict=True)
    ]  # fmt: skip
    told = "; ".join(f"{name}: {value:g}" for name, value in rows)
    layout = {
        "xaxis": axis(unit, range=[0, 1.05 * max(value for _, value in rows)]),
        "yaxis": axis("", tickvals=at, ticktext=[f"{html.escape(n)}  {v:g}" for n, v in rows], showgrid=False),
        "height": 350, "showlegend": False, "meta": {"kind": "bars", "summary": f"{title}: {told}", "tall": True},
    }  # fmt: skip
    layout["yaxis"]["range"] = [-0.6, len(rows) - 0.4]
    return {"data": traces, "layout": layout}


def result(name: str, words: Any) -> str:
    """One of the results of the first page, as SVG."""
    if name == "regret":
        title, trials, lines = words("Regret after 10 to 100 trials"), [10, 25, 50, 100], []
        colours = {
            "tunesmith auto": "#0072b2", "Optuna GP": "#a6568c", "Optuna TPE": "#d55e00", "Hyperopt": "#009e73",
            "tunesmith random": "#777777",
        }  # fmt: skip
        rows = {row[0]: row[1:] for row in table("benchmarks.md", "| mean normalised regret after")}
        for row, colour in colours.items():
            called = {"tunesmith auto": "tunesmith", "tunesmith random": words("random")}.get(row, row)
            line = {"color": colour, "width": 3 if colour == "#0072b2" else 1.5}
            values = [float(cell) for cell in rows[row]]
            lines.append(scatter(trials, values, called, mode="lines+markers", line=line, xaxis="x", yaxis="y"))
        summary = "; ".join(f"{line['name']}: {', '.join(map(str, line['y']))}" for line in lines)
        meta = {"kind": "regret", "summary": f"{title}: {summary}", "tall": True}
        layout = {"xaxis": axis(words("trials"), range=[0, 105]), "yaxis": axis(words("mean regret"), range=[0, 0.52])}
        return as_svg({"data": lines, "layout": {**layout, "height": 350, "meta": meta}}, "regret", title, CARD)
    if name == "worse":
        title, unit = words("Searches that return something worse than the default"), words("% of searches")
        rows = {row[0]: row[2].removesuffix(" %") for row in table("trust.md", "| | gain | worse | default kept")}
        shown = [("tunesmith", float(rows["SearchCV"])), (words("the best mean"), float(rows["the best mean"]))]
    else:
        title, unit = words("Rank of four ways from a table to a model"), words("mean rank on 12 tables")
        shown = [
            (words(row[0]).replace("tune", "tunesmith"), float(row[1]))
            for row in table("benchmarks.md", "| | mean rank | error less FLAML's, ± standard error over tables")
        ]
    return as_svg(bars(shown, title, unit), name, title, CARD)


def live(words: Any, of: str) -> str:
    """A figure that answers, as the dashboard's do."""
    data = plot_optimization_history(figures.classifier("auto", "nop"), backend="arrays").in_language(words_of(of))
    drawn = draw(data, words_of(of))
    places = "".join(
        f'<div class="{kind}">{as_svg(drawn, f"live{width}", data.title, width)}</div>' for width, kind in SIZES
    )
    said = said_of_points(drawn)
    said["words"] = {
        "trial": words("trial"), "series": words("series"), "point": words("{0} of {1}"), "whole": words("Show all"),
        "keys": words("Arrow keys go from point to point; + and - zoom; 0 shows all."),
    }  # fmt: skip
    values = json.dumps(said, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")
    how = words("A search of 100 trials: point at one, drag to zoom, or use the arrow keys.")
    return (
        f'<figure class="ts-live">{places}<script type="application/json">{values}</script>'
        f'<figcaption>{how}</figcaption><p class="ts-told" role="status"></p></figure>'
        f"<script>{static.script()}</script><script>{ANSWER}</script>"
    )


def on_files(files: Any, config: Any) -> Any:
    """Called by mkdocs with the files of an edition: the mark, and the tokens of pages and figures as a style."""
    from mkdocs.structure.files import File

    colours = "".join(
        f"[data-md-color-scheme={scheme}]{{{declarations(dark=scheme == 'slate')}}}\n"
        for scheme in ("default", "slate")
    )
    look = colours + f"{static.style()}[data-md-color-scheme=slate]{{{dark()}}}"
    files.append(File.generated(config, "css/look.css", content=look))
    if files.get_file_from_path("img/mark.svg") is None:
        files.append(File.generated(config, "img/mark.svg", content=mark(64) + "\n"))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Called by mkdocs with each page: the first one has no columns beside it; terms are first found in the chapter."""
    if page.file.src_uri == "chapter.md":
        page.meta["search"] = {"boost": 2}
    if page.file.src_uri == "index.md":
        page.meta["hide"] = ["navigation", "toc"]
    return markdown


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str:
    """Called by mkdocs with each page as HTML: put the figures in their places, and dark pictures beside the light."""
    language = config.theme["language"]
    words = (lambda text: CHINESE.get(text, text)) if language == "zh" else str

    def figure(found: re.Match[str]) -> str:
        if found[1] == "live":
            return live(words, language)
        return f'<div class="drawn">{result(found[2], words)}</div>'

    def picture(found: re.Match[str]) -> str:
        file = DOCS / found[2]
        twin = file.with_stem(f"{file.stem}-dark")
        if twin.exists() or knows_dark(file):
            light = found[0].replace(found[2], f"{found[2]}#only-light")
            return light + found[0].replace(found[2], f"{found[2].replace(file.name, twin.name)}#only-dark")
        is_ours = file.parent.name == "terminal" or file.stem.removesuffix("-zh") in (
            "tune",
            "mark",
        )  # any page is well
        turned = file.parent.name == "examples" or (file.suffix == ".svg" and not is_ours)
        return found[0].replace("<img", '<img class="ts-turned"') if turned else found[0]

    return PICTURE.sub(picture, PLACE.sub(figure, html))


def knows_dark(file: Path) -> bool:
    """Whether a picture names its colours by variables."""
    return file.suffix == ".svg" and file.exists() and "var(--f-" in file.read_text(encoding="utf-8")


def on_post_build(config: Any) -> None:
    """Called by mkdocs when the pages are written: draw the dark pictures."""
    for file in Path(config.site_dir, "img").rglob("*.svg"):
        if knows_dark(file) and not file.stem.endswith("-dark"):
            text = file.read_text(encoding="utf-8").replace("<svg ", f'<svg style="{dark()}" ', 1)
            text = text.replace('height="100%" fill="white"', f'height="100%" fill="{DATA["white"]}"', 1)
            file.with_stem(f"{file.stem}-dark").write_text(text, encoding="utf-8")
