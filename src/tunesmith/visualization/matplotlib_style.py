"""Draws figures by Matplotlib from what plotly.js gets: the same traces, axes, colours and strips.

A figure says once what it shows, in `FigureData.by_plotly`; `by_matplotlib` draws what figures here use of Plotly.
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from tunesmith.foundation.look.colours import DATA, GREYS

Dict = dict[str, Any]

LONG_TICKS = 24  # characters of all labels of a horizontal axis, with more of which they are turned
POINT = 0.72  # points of a figure here that a pixel of Plotly's is
SYMBOLS = {"circle": "o", "circle-open": "o", "x": "x", "triangle-down": "v", "diamond": "D", "star": "*"}
DASHES = {"solid": "-", "dash": "--", "dot": ":"}
CLEAR = "rgba(0,0,0,0)"
GREY, PALE, INK, GRID = GREYS
CHINESE = (  # fonts
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei",
    "SimHei", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei",
)  # fmt: skip


@contextmanager
def fonts(language: str, is_dark: bool = False) -> Iterator[None]:
    """Let Matplotlib take signs that its own font lacks from a Chinese one that is installed, and its colours.

    Args:
        language: "en" or "zh", of the figure.
        is_dark: whether its page is dark.
    """
    from matplotlib import rc_context, rcParams

    more = [] if language == "en" else chinese_fonts()
    found: Any = {"font.family": [*rcParams["font.family"], *more]}
    if is_dark:
        found |= dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), DATA["white"])
        inks = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "legend.labelcolor")
        found |= dict.fromkeys(inks, DATA[INK]) | {"grid.color": DATA[GRID]}
    with rc_context(found):
        yield


def chinese_fonts() -> list[str]:
    """Return the fonts with Chinese signs that Matplotlib knows."""
    from matplotlib import font_manager

    there = set(font_manager.get_font_names())
    return [name for name in CHINESE if name in there]


def by_matplotlib(figure: Dict, bold: Sequence[tuple[Any, str]] = ()) -> Any:
    """Return a figure of plotly.js as one of Matplotlib.

    Args:
        figure: what `FigureData.by_plotly` returns.
        bold: of parallel coordinates, lines to bring out: which ones [k], and their colour.
    """
    layout, traces = figure["layout"], figure["data"]
    if "scene" in layout:
        return _solid(layout, traces)
    if traces and traces[0]["type"] == "parcoords":
        return _parallel(layout, traces[0], bold)
    pairs = list(dict.fromkeys((t.get("xaxis", "x"), t.get("yaxis", "y")) for t in traces))
    spans = [_domains(layout, pairs, k) for k in (0, 1)]
    rows, columns = len(spans[1]), len(spans[0])
    size = (max(8.0, 2.7 * columns + 1.2), layout.get("height", 480) / 96.0)
    drawn, axes = _new(layout, rows, columns, size)
    panels = {}
    for pair in pairs:
        column, row = (spans[k].index(_domain(layout, pair[k])) for k in (0, 1))
        panels[pair] = axes[rows - 1 - row, column]
        beside = _of(layout, pair[0]).get("anchor", pair[1])  # of panels that share x, one has its ticks
        _axis(panels[pair], _of(layout, pair[0]), "x", beside == pair[1])
        _axis(panels[pair], _of(layout, pair[1]), "y", True)
        _marks(panels[pair], layout, pair)
    for ax in axes.ravel():
        ax.set_visible(any(ax is own for own in panels.values()))
    bars = [_trace(panels[t.get("xaxis", "x"), t.get("yaxis", "y")], t, k) for k, t in enumerate(traces)]
    for pair, ax in panels.items():  # what was drawn may have moved them
        for key, along in zip(pair, "xy", strict=True):
            _limits(ax, _of(layout, key), along)
    for made, scale, ax in filter(None, bars):
        bar = _colorbar(drawn, made, list(panels.values()) if "len" not in scale else ax, scale)
        if "tickvals" in scale:
            bar.set_ticks(scale["tickvals"], labels=[_plain(t) for t in scale["ticktext"]])
    if layout.get("showlegend", True):
        _legend(drawn, list(dict.fromkeys(panels.values())))
    return drawn


def _new(layout: Dict, rows: int = 1, columns: int = 1, size: tuple[float, float] = (8.0, 5.0)) -> tuple[Any, Any]:
    """Return a figure with its heading, and its axes [rows, columns]."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    title = layout["title"]
    notes = textwrap.wrap(_plain(title.get("subtitle", {}).get("text", "")), int(13 * size[0]))
    heading = "\n".join([_plain(title["text"]), *notes])
    figure.suptitle(heading, x=0.02, ha="left", fontsize=11, color=layout["font"]["color"])
    for ax in axes.ravel():
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(color=_on_page(layout, GRID), linewidth=0.8)
        ax.set_axisbelow(True)
    return figure, axes


def _on_page(layout: Dict, colour: str) -> str:
    """Return a colour of ours as it is on the page of a figure."""
    return DATA[colour] if layout["paper_bgcolor"] == DATA["white"] else colour


def _of(layout: Dict, key: str) -> Dict:
    """Return an axis by how traces name it: "x2" is "xaxis2"."""
    found: Dict = layout[f"{key[0]}axis{key[1:]}"]
    return found


def _domain(layout: Dict, key: str) -> tuple[float, float]:
    low, high = _of(layout, key).get("domain", (0.0, 1.0))
    return float(low), float(high)


def _domains(layout: Dict, pairs: Sequence[tuple[str, str]], k: int) -> list[tuple[float, float]]:
    """Return where panels lie along x (0) or y (1), in order."""
    return sorted({_domain(layout, pair[k]) for pair in pairs})


def _plain(value: object) -> str:
    """Return a text of Plotly's so that Matplotlib shows it as it is, and does not read it as a formula."""
    return html.unescape(str(value)).replace("$", r"\$")


def _ramp(of: Dict) -> Any:
    """Return the colour map of a trace, or of its markers or lines."""
    from matplotlib.colors import LinearSegmentedColormap

    made = LinearSegmentedColormap.from_list("tunesmith", [(at, colour) for at, colour in of["colorscale"]])
    return made.reversed() if of.get("reversescale", False) else made


def _colorbar(figure: Any, made: Any, beside: Any, scale: Dict) -> Any:
    label = _plain(scale["title"]["text"])
    return figure.colorbar(made, ax=beside, label=label, shrink=0.8, aspect=30, pad=0.02)


def _colour(value: Any) -> Any:
    """Return a colour of Plotly's: ``rgba(r,g,b,a)`` as numbers, others as they are."""
    if not isinstance(value, str) or not value.startswith("rgba("):
        return value
    *rgb, alpha = (float(part) for part in value[5:-1].split(","))
    return (*(part / 255.0 for part in rgb), alpha)


def _axis(ax: Any, of: Dict, along: str, is_named: bool) -> None:
    """Set up one of the axes of a panel, with its name and its ticks or without."""
    if of.get("type") == "log":
        getattr(ax, f"set_{along}scale")("log")
    ticks = getattr(ax, f"{along}axis")
    if "tickvals" in of:
        names = [_plain(name) for name in of["ticktext"]]
        turned = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
        long = along == "x" and sum(map(len, names)) > LONG_TICKS
        ticks.set_ticks(of["tickvals"], names, fontsize=8, **(turned if long else {}))
        ticks.minorticks_off()
    getattr(ax, f"set_{along}label")(_plain(of["title"]["text"]) if is_named else "", fontsize=9)
    ax.tick_params(**{"labelbottom" if along == "x" else "labelleft": is_named and of.get("showticklabels", True)})
    if of.get("showgrid") is False:
        ax.grid(visible=False, axis=along)


def _limits(ax: Any, of: Dict, along: str) -> None:
    """Set the ends of an axis as Plotly has them: of a logarithmic one, as powers of ten."""
    if "range" in of:
        ends = [10.0**end for end in of["range"]] if of.get("type") == "log" else of["range"]
        getattr(ax, f"set_{along}lim")(*ends)
    elif of.get("rangemode") == "tozero":
        getattr(ax, f"set_{along}lim")(**{"left" if along == "x" else "bottom": 0})
    if of.get("autorange") == "reversed":
        getattr(ax, f"{along}axis").set_inverted(True)


def _marks(ax: Any, layout: Dict, pair: tuple[str, str]) -> None:
    """Draw the strips of trials without a value, and their names, and the headings of panels."""
    for shape in layout.get("shapes", ()):
        if shape["xref"].split()[0] == pair[0] and shape["yref"].split()[0] == pair[1]:
            upright = "domain" in shape["yref"]
            span, ends = (ax.axvspan, "x") if upright else (ax.axhspan, "y")
            span(shape[f"{ends}0"], shape[f"{ends}1"], color=shape["fillcolor"], zorder=0)
    for note in layout.get("annotations", ()):
        if note["xref"].split()[0] == pair[0] and note["yref"].split()[0] == pair[1]:
            upright = "domain" in note["yref"]
            if upright and "domain" in note["xref"]:  # the heading of a panel
                ax.set_title(_plain(note["text"]), fontsize=9)
                continue
            at = note["x" if upright else "y"]
            at = 10.0**at if _of(layout, pair[0 if upright else 1]).get("type") == "log" else at
            look: Dict = {"ha": "center", "va": "top", "rotation": 90} if upright else {"ha": "right", "va": "center"}
            where = ((at, 0.98), ("data", "axes fraction")) if upright else ((0.98, at), ("axes fraction", "data"))
            ax.annotate(note["text"], where[0], xycoords=where[1], fontsize=7, color="#777777", **look)


def _trace(ax: Any, t: Dict, k: int) -> tuple[Any, Dict, Any] | None:
    """Draw a trace over those before it; return what has a scale of colours beside it, that scale, and the axes."""
    label = _plain(t["name"]) if t.get("showlegend", True) and "name" in t else None
    order = {"zorder": 2.0 + 0.01 * k, "label": label}
    return {"scatter": _scatter, "bar": _bar, "heatmap": _field, "contour": _field}[t["type"]](ax, t, order)


def _numbers(values: Any) -> Any:
    return np.array(values, np.float64)


def _errors(ax: Any, t: Dict, x: Any, y: Any, order: Dict) -> None:
    for along in "xy":
        error = t.get(f"error_{along}")
        if error is not None:
            ends = np.nan_to_num(_numbers([error["arrayminus"], error["array"]]))
            look = {"ecolor": error["color"], "elinewidth": error["thickness"], "zorder": order["zorder"]}
            ax.errorbar(x, y, **{f"{along}err": ends}, fmt="none", capsize=2, **look)


def _scatter(ax: Any, t: Dict, order: Dict) -> tuple[Any, Dict, Any] | None:
    x, y, mode, line, marker = _numbers(t["x"]), _numbers(t["y"]), t["mode"], t.get("line", {}), t.get("marker", {})
    alpha = t.get("opacity", 1.0)
    if t.get("fill") == "toself":
        fill = _colour(t.get("fillcolor", line.get("color")))
        ax.fill(x, y, color=fill, alpha=None if "fillcolor" in t else alpha, linewidth=0, **order)
        return None
    _errors(ax, t, x, y, order)
    if "lines" in mode and len(x) > 1:
        style = "steps-post" if line.get("shape") == "hv" else "default"
        dash, width = DASHES[line.get("dash", "solid")], POINT * line.get("width", 2)
        ax.plot(x, y, dash, color=line.get("color"), linewidth=width, drawstyle=style, alpha=alpha, **order)
        order = {**order, "label": None}
    for i, word in enumerate(t.get("text", ()) if "text" in mode else ()):
        ax.annotate(_plain(word), (x[i], y[i]), (0, 9), textcoords="offset points", ha="center", fontsize=9)
    if "markers" not in mode:
        return None
    edge, colour = marker.get("line", {}), marker.get("color", line.get("color"))
    size, symbol = _numbers(marker.get("size", 6)), marker.get("symbol", "circle")
    look: Dict = {"s": (POINT * size) ** 2, "marker": SYMBOLS[symbol]}
    look |= {"alpha": alpha * marker.get("opacity", 1.0), "clip_on": t.get("cliponaxis", True), **order}
    if isinstance(colour, list):
        look |= {"c": colour, "cmap": _ramp(marker)}
        look |= {"vmin": marker.get("cmin"), "vmax": marker.get("cmax")}
        look |= {"edgecolors": edge.get("color", "none"), "linewidths": POINT * edge.get("width", 0)}
    elif colour == CLEAR or symbol == "circle-open":
        width = POINT * edge.get("width", 1.5)
        look |= {"facecolors": "none", "edgecolors": edge.get("color", colour), "linewidths": width}
    else:
        look |= {"color": colour, "linewidths": 1.0 if look["marker"] == "x" else 0.0}
    made = ax.scatter(x, y, **look)
    return (made, marker["colorbar"], ax) if marker.get("showscale") else None


def _bar(ax: Any, t: Dict, order: Dict) -> None:
    x, y, marker = _numbers(t["x"]), _numbers(t["y"]), t["marker"]
    look = {"color": _colour(marker["color"]), "alpha": marker.get("opacity"), "linewidth": 0, **order}
    base = _numbers(t["base"]) if "base" in t else None
    if t.get("orientation") == "h":
        ax.barh(y, x, t["width"], base, **look)
        _errors(ax, t, x, y, {**order, "zorder": order["zorder"] + 0.005})
    else:
        ax.bar(x, y, t["width"], base, **look)


def _field(ax: Any, t: Dict, order: Dict) -> tuple[Any, Dict, Any] | None:
    """Draw cells, or contours."""
    z = _numbers(t["z"])
    low, high = t.get("zmin", np.nanmin(z)), t.get("zmax", np.nanmax(z))
    look: Dict = {"cmap": _ramp(t), "alpha": t.get("opacity")}
    if t["type"] == "contour":
        levels = np.linspace(low, high, t["ncontours"] + 1)
        ax.contourf(t["x"], t["y"], np.clip(z, low, high), levels, zorder=order["zorder"], **look)
        return None
    look |= {"vmin": low, "vmax": high, "shading": "nearest", "rasterized": True, "zorder": order["zorder"]}
    gap = {"edgecolors": "white", "linewidth": 0.5} if t.get("xgap") else {}
    made = ax.pcolormesh(t["x"], t["y"], z, **look, **gap)
    return (made, t["colorbar"], ax) if "colorbar" in t else None


def _legend(figure: Any, panels: Sequence[Any]) -> None:
    """Show a legend where more than one thing has a name: in the panel, or below several."""
    found = {n: h for ax in panels for h, n in zip(*ax.get_legend_handles_labels(), strict=True)}
    if len(found) > 1 and len(panels) == 1:
        panels[0].legend(list(found.values()), list(found), fontsize=8, frameon=False)
    elif len(found) > 1:
        figure.legend(list(found.values()), list(found), loc="outside lower left", ncols=6, fontsize=8, frameon=False)


def _solid(layout: Dict, traces: Sequence[Dict]) -> Any:
    """Return a figure of points in three dimensions."""
    figure, axes = _new(layout, size=(7.5, 6.0))
    axes[0, 0].remove()
    ax = figure.add_subplot(projection="3d")
    for k, t in enumerate(traces):
        marker = t["marker"]
        hollow = marker.get("symbol") == "circle-open"
        look = {"facecolors": "none", "edgecolors": marker["color"]} if hollow else {"color": marker["color"]}
        look |= {"marker": SYMBOLS[marker.get("symbol", "circle")], "alpha": marker.get("opacity")}
        ax.scatter(t["x"], t["y"], t["z"], s=(1.5 * marker["size"]) ** 2, label=_plain(t["name"]), zorder=k, **look)
    for key in "xyz":
        getattr(ax, f"set_{key}label")(_plain(layout["scene"][f"{key}axis"]["title"]["text"]), fontsize=9)
    _legend(figure, [ax])
    return figure


def _parallel(layout: Dict, t: Dict, bold: Sequence[tuple[Any, str]]) -> Any:
    """Return a figure of lines over several axes beside each other."""
    from matplotlib.collections import LineCollection

    sides, line = t["dimensions"], t["line"]
    figure, axes = _new(layout, size=(max(8.0, 1.25 * len(sides) + 1.5), 5.0))
    ax = axes[0, 0]
    heights = [_along(side, side["values"]) for side in sides]
    lines = [list(enumerate(row)) for row in np.transpose(heights)]
    made = LineCollection(lines, cmap=_ramp(line), linewidths=0.7, alpha=0.7)
    made.set_array(_numbers(line["color"]))
    ax.add_collection(made)
    for rows, colour in bold:
        ax.add_collection(LineCollection([lines[k] for k in rows], colors=colour, linewidths=1.8))
    for k, side in enumerate(sides):
        ax.axvline(k, color=_on_page(layout, PALE), linewidth=1, zorder=0)
        for height, name in zip(_along(side, side["tickvals"]), side["ticktext"], strict=True):
            box = {"facecolor": _on_page(layout, "white"), "edgecolor": "none", "alpha": 0.7, "pad": 0.5}
            look = {"ha": "right", "va": "center", "fontsize": 7, "color": _on_page(layout, "#444444"), "bbox": box}
            ax.text(k - 0.04, height, _plain(name), **look)
            ax.plot([k - 0.02, k], [height] * 2, color=GREY, linewidth=0.8)
    ax.set(xlim=(-0.6, len(sides) - 0.8), ylim=(-0.05, 1.05), yticks=[])
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.grid(visible=False)
    turned = {"rotation": 20, "ha": "right"} if len(sides) > 4 else {}
    ax.set_xticks(range(len(sides)), [_plain(side["label"]) for side in sides], fontsize=8, **turned)
    ax.tick_params(length=0)
    _colorbar(figure, made, ax, line["colorbar"])
    return figure


def _along(side: Dict, values: Any) -> Any:
    """Return how far up an axis of parallel coordinates values are: 0 at its foot and 1 at its head."""
    low, high = side["range"]
    return (_numbers(values) - low) / ((high - low) or 1.0)
