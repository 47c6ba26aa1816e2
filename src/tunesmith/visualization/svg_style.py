"""Draws figures as SVG from what plotly.js gets: for pages, which need no library for them.

A figure says once what it shows, in `FigureData.by_plotly`; `as_svg` draws of it what figures here use of Plotly.
Colours are variables of CSS, so that a page can be dark: `dark` sets them. Many points of one colour are one path,
which keeps a figure of thousands of trials in some kilobytes. Where a page has the script of `static`, a drawing can be
zoomed and asked for its values: it says where its panels, series and keys are (``data-panel``, ``data-t``,
``data-key``), and `said_of_points` returns what the script says of its points.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.foundation.formats import tick_text
from tunesmith.foundation.look import DATA
from tunesmith.visualization.axes import round_logs, round_values
from tunesmith.visualization.plotly_style import FAINT, SCALE

Dict = dict[str, Any]
Floats = NDArray[np.float64]

FONT, SMALL = 12, 11  # pixels of letters: names, and numbers at axes
LETTER, WIDE_LETTER = 0.56, 0.9  # of that size: how wide a letter is on average; a Chinese one is as wide as high
PANEL_PIXELS = 180  # pixels of a panel: with less room, panels go below each other
GAP, ROW = 16, 18  # pixels between panels, and of a row of the legend
SCALE_ROOM = 44  # pixels beside the panels, for the scale of colours without its numbers
SHADES = 16  # steps of a scale of colours
LAYERS = 4  # paths of which points that let others shine through are made: where they lie on each other, it is darker
FAR_LENGTHS = 100.0  # lengths of an axis: what lies further away is drawn there, out of sight
LARGEST_END = 4e307  # of an axis: its length is a number then
CLEAR = "rgba(0,0,0,0)"
DASHES = {"dash": "6 4", "dot": "2 3"}


def dark() -> str:
    """Return the declarations of CSS that give figures the colours of a dark page."""
    in_dark = [(scale, [[at, DATA[str(colour)]] for at, colour in scale]) for scale in (SCALE, FAINT)]
    shades = [pair for light, to in in_dark for pair in zip(_shades(light), _shades(to), strict=True)]
    return ";".join(f"{_variable(light)}:{to}" for light, to in [*DATA.items(), *shades])


def as_svg(figure: Dict, name: str, title: str, width: int = 760, height: int | None = None) -> str:
    """Return a figure of plotly.js as an SVG element, without its heading.

    Args:
        figure: what `FigureData.by_plotly` returns.
        name: of the figure on its page, unlike those of others there.
        title: what it is called for who does not see it; ``layout.meta.summary`` is what it shows.
        width: in pixels.
        height: in pixels, of a figure that can have any; None: as fits the width. One with many panels or rows is as
            high as it must be.
    """
    figure = in_panels(figure)
    layout, traces = figure["layout"], figure["data"]
    if traces and traces[0]["type"] == "parcoords":
        parts, tall = _parallel(figure, width, height or 420)
        return _whole(name, title, layout["meta"]["summary"], parts, width, tall)
    panels = _Panel.all_of(layout, traces, width)
    names = _legend(traces, width) if layout.get("showlegend", True) else []
    top = ROW * (1 + max((row for _, row, _ in names), default=-1)) + 8
    scale = next((s for t in traces if (s := _scale(t))), None)
    beside = _scale_room(scale[1], width) if scale else 0.0
    inner = _inner(panels, layout, width - beside, height)
    tall = _place(panels, layout, width - beside, top, inner)
    rows = 1 if _stacked(panels) else 1 + max(p.row for p in panels)
    for _ in range(3 if height is not None else 0):  # names that turn, and gaps between panels, take a part of it
        inner = max(inner, inner + ((height or 0) - tall) / rows)
        tall = _place(panels, layout, width - beside, top, inner)
    parts = [_key(traces, trace, x, row * ROW + 10) for x, row, trace in names]
    for panel in panels:
        parts += panel.drawn()
    if scale:
        most = 220 if height is None else 400
        parts.append(_bar(*scale, width - beside + 8, top + 8, min(tall - top - 60, most), beside))
    return _whole(name, title, layout["meta"]["summary"], parts, width, tall)


def _whole(name: str, title: str, summary: str, parts: Iterable[str], width: float, height: float) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_n(height)}" width="{width}" '
        f'height="{_n(height)}" role="img" aria-labelledby="{name}-t {name}-d" font-size="{FONT}" '
        f'font-family="system-ui,Noto Sans CJK SC,sans-serif" fill="{_paint("#2a2a2a")}">'
        f'<title id="{name}-t">{_text(title)}</title><desc id="{name}-d">{_text(summary)}</desc>{"".join(parts)}</svg>'
    )


def small(figure: Dict, width: int = 260, height: int = 150) -> list[str]:
    """Return the panels of a figure as SVG elements of their own, in the order of its axes: an overview of many.

    Args:
        figure: what `FigureData.by_plotly` returns.
        width: in pixels, of each.
        height: in pixels, of each.
    """
    layout, found = figure["layout"], []
    for keys in dict.fromkeys((t["xaxis"], t["yaxis"]) for t in figure["data"]):
        traces = [t for t in figure["data"] if (t["xaxis"], t["yaxis"]) == keys]
        made = {**layout, "shapes": [s for s in layout.get("shapes", ()) if s["xref"].split()[0] == keys[0]]}
        made["annotations"] = []
        for key in keys:
            of = _of(layout, key)
            made[f"{key[0]}axis{key[1:]}"] = {**of, "title": {}, "showticklabels": True, "domain": (0.0, 1.0)}
        (panel,) = _Panel.all_of(made, traces, width)
        panel.compact = True
        tall = _place([panel], made, width, 2, height / 2)
        _place([panel], made, width, 2, height / 2 + height - tall)
        body = "".join(panel.drawn())
        found.append(
            f'<svg viewBox="0 0 {width} {height}" aria-hidden="true" font-size="{FONT}" fill="{_paint("#2a2a2a")}">'
            f"{body}</svg>"
        )
    return found


# What the script says of points, and makes tables of.
KEPT_OF_TRACES = (
    "type", "name", "legendgroup", "x", "y", "z", "base", "orientation", "customdata", "meta", "hovertemplate", "text",
    "xaxis", "yaxis",
)  # fmt: skip


def said_of_points(figure: Dict) -> Dict:
    """Return what a page says of a drawing: its series with their values, and its axes.

    Args:
        figure: what `as_svg` draws.
    """
    figure = in_panels(figure)
    layout = figure["layout"]
    traces = []
    for t in figure["data"]:
        if t["type"] == "parcoords":
            return {"traces": [], "axes": {}}
        silent = t.get("hoverinfo") == "skip"
        kept = {name: t[name] for name in KEPT_OF_TRACES if name in t and not (silent and name in ("z", "customdata"))}
        traces.append(kept | ({"silent": True} if silent else {}))
    axes: Dict = {}
    for name, of in layout.items():
        if name[1:5] == "axis":
            named = [] if _numeric(of) else [list(pair) for pair in zip(of["tickvals"], of["ticktext"], strict=True)]
            axes[name[0] + name[5:]] = {"title": of.get("title", {}).get("text", ""), "names": named}
    return {"traces": traces, "axes": axes}


def in_panels(figure: Dict) -> Dict:
    """Return a figure over three axes as panels, one for each two of them; others as they are."""
    layout = figure["layout"]
    if "scene" not in layout:
        return figure
    made, traces = {key: value for key, value in layout.items() if key not in ("scene", "height")}, []
    for k, (i, j) in enumerate(combinations("xyz", 2)):
        ends = {"xaxis": f"x{k + 1 if k else ''}", "yaxis": f"y{k + 1 if k else ''}"}
        for (key, name), of, beside in zip(ends.items(), (i, j), reversed(ends.values()), strict=True):
            title = layout["scene"][f"{of}axis"]["title"]
            made[key[:5] + name[1:]] = {"title": title, "anchor": beside}
        made[f"xaxis{ends['xaxis'][1:]}"]["domain"] = (k / 3, (k + 0.8) / 3)
        for t in figure["data"]:
            size = {"marker": {**t["marker"], "size": t["marker"]["size"] + 2}}
            place = {"type": "scatter", "x": t[i], "y": t[j], "showlegend": not k, "legendgroup": t["name"]}
            traces.append({**t, **size, **place, **ends})
    return {"data": traces, "layout": made}


# -- small things: numbers, texts, colours --------------------------------------------------------------------------


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _text(value: object) -> str:
    """Return a text of Plotly's, which is markup already, as one of SVG."""
    return html.escape(html.unescape(str(value)))


def _wide(text: str, size: int = SMALL) -> float:
    """Return about how many pixels a text takes."""
    plain = html.unescape(text)
    return sum(1.0 if c > "\u2e7f" else WIDE_LETTER if c in "mwMW@%" else LETTER for c in plain) * size


def _cut(text: str, room: float, size: int = FONT) -> str:
    """Return as much of a text as there is room for."""
    plain = html.unescape(text)
    while len(plain) > 3 and _wide(plain, size) > room:
        plain = plain[:-2].rstrip("…") + "…"
    return plain


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).replace("e-", "", 1).replace("e", "", 1).isdecimal()


def _numeric(axis: Dict) -> bool:
    """Tell whether an axis has no names at its ticks, but numbers alone."""
    return all(_is_number(str(name)) for name in axis.get("ticktext", ()))


def _variable(colour: str) -> str:
    return "--f-" + "".join(sign for sign in colour if sign.isalnum())


def _paint(colour: str) -> str:
    return f"var({_variable(colour)},{colour})"


def _floats(values: Iterable[Any]) -> Floats:
    return np.array([math.nan if v is None else v for v in values], np.float64)


def _shades(scale: Sequence[Sequence[Any]]) -> list[str]:
    """Return the colours of a scale, from one end to the other, in steps."""
    at = np.linspace(0.0, 1.0, SHADES)
    stops = [float(stop) for stop, _ in scale]
    parts = [[int(colour[i : i + 2], 16) for _, colour in scale] for i in (1, 3, 5)]
    mixed = np.rint([np.interp(at, stops, part) for part in parts]).astype(int)
    return [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in mixed.T.tolist()]


def _ramp(of: Dict) -> list[str]:
    made = _shades(of["colorscale"])
    return made[::-1] if of.get("reversescale", False) else made


def _shade_of(values: Floats, low: float, high: float, n: int = SHADES) -> NDArray[np.intp]:
    """Return which of n shades values have; -1 for NaN."""
    with np.errstate(over="ignore", invalid="ignore"):  # of values near the largest number
        share = np.clip((values - low) / ((high - low) or 1.0), 0.0, 1.0)
    return np.where(np.isnan(share), -1, np.minimum(np.nan_to_num(share) * n, n - 1)).astype(np.intp)


def _path(d: str, look: str) -> str:
    return f'<path d="{d}" {look}/>' if d else ""


def _points(d: str, look: str, shift: tuple[float, float] = (0.0, 0.0)) -> str:
    """Return signs that keep their size when a figure is zoomed: each begins with where it is, less a shift."""
    moved = f' data-o="{_n(shift[0])} {_n(shift[1])}"' if any(shift) else ""
    return f'<path class="m" d="{d}" {look}{moved}/>' if d else ""


def _label(x: float, y: float, text: str, anchor: str = "middle", size: int = SMALL, more: str = "") -> str:
    shown = _text(text)
    return f'<text x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}" font-size="{size}"{more}>{shown}</text>'


# -- the legend, and the scale of colours ---------------------------------------------------------------------------


def _legend(traces: Sequence[Dict], width: int) -> list[tuple[float, int, Dict]]:
    """Return where the names of traces stand: x, row and trace; none where only one has a name."""
    named = {t["name"]: t for t in traces if "name" in t and t.get("showlegend", True)}
    found, x, row = [], 4.0, 0
    for name, trace in named.items() if len(named) > 1 else ():
        wide = 34 + _wide(name, FONT)
        if x > 4.0 and x + wide > width:
            x, row = 4.0, row + 1
        found.append((x, row, trace))
        x += wide
    return found


def _key(traces: Sequence[Dict], t: Dict, x: float, y: float) -> str:
    """Return a line of the legend, and which traces it is of: those of its group, else those of its name."""
    group, name = t.get("legendgroup"), t["name"]
    own = [k for k, o in enumerate(traces) if (o.get("legendgroup") == group if group else o.get("name") == name)]
    box = _path(
        f"M{_n(x - 2)} {_n(y - 9)}h{_n(25 + _wide(name, FONT))}v{ROW}H{_n(x - 2)}z", 'fill="#fff" fill-opacity="0"'
    )
    return f'<g data-key="{" ".join(map(str, own))}">{box}{_sample(t, x, y)}</g>'


def _sample(t: Dict, x: float, y: float) -> str:
    """Return a line of the legend: how a trace looks, and its name."""
    marker, line = t.get("marker", {}), t.get("line", {})
    if t["type"] == "bar" or t.get("fill") == "toself":
        colour = marker.get("color") or t.get("fillcolor") or line.get("color", "#8a8a8a")
        mark = _path(f"M{_n(x)} {_n(y - 5)}h16v10h-16z", f'fill="{_paint(colour)}" opacity="{_alpha(t)}"')
    elif "markers" in t.get("mode", ""):
        colour = marker.get("color", line.get("color", "#8a8a8a"))
        one = {**marker, "color": _ramp(marker)[SHADES // 2] if isinstance(colour, list) else colour}
        one["size"] = 8 if isinstance(one.get("size"), list) else min(one.get("size", 6), 10)
        through = f'stroke="{_paint(line.get("color", "#8a8a8a"))}" stroke-width="2"'
        mark = _path(f"M{_n(x)} {_n(y)}h16", through) if "lines" in t["mode"] else ""
        mark += _marks(np.array([x + 8]), np.array([y]), one, 1.0)
    else:
        dash, paint = DASHES.get(line.get("dash", ""), "none"), _paint(line.get("color", "#8a8a8a"))
        look = f'fill="none" stroke="{paint}" stroke-width="2" stroke-dasharray="{dash}"'
        mark = _path(f"M{_n(x)} {_n(y)}h16", look)
    return mark + _label(x + 21, y + 4, t["name"], "start", FONT)


def _alpha(t: Dict) -> float:
    return float(t.get("opacity", t.get("marker", {}).get("opacity", 1.0)) or 1.0)


def _scale(t: Dict) -> tuple[Dict, Dict, float, float] | None:
    """Return the scale of colours that a trace shows: its look, the scale, and the ends."""
    if t["type"] == "heatmap" and "colorbar" in t:
        z = _floats(v for row in t["z"] for v in row)
        return t, t["colorbar"], t.get("zmin", float(np.nanmin(z))), t.get("zmax", float(np.nanmax(z)))
    marker = t.get("marker", {})
    if not marker.get("showscale"):
        return None
    colour = _floats(marker["color"])
    ends = marker.get("cmin", float(np.nanmin(colour))), marker.get("cmax", float(np.nanmax(colour)))
    return marker, marker["colorbar"], float(ends[0]), float(ends[1])


def _scale_room(scale: Dict, width: float) -> float:
    """Return the pixels that a scale of colours takes beside the panels."""
    return SCALE_ROOM + min(max((_wide(name) for name in scale.get("ticktext", ())), default=34.0), 0.1 * width)


def _bar(of: Dict, scale: Dict, low: float, high: float, x: float, y: float, height: float, room: float) -> str:
    """Return the scale of colours, beside the panels."""
    step = height / SHADES
    parts = [
        _path(f"M{_n(x)} {_n(y + height - (k + 1) * step)}h12v{_n(step + 0.5)}h-12z", f'fill="{_paint(shade)}"')
        for k, shade in enumerate(_ramp(of))
    ]
    at = scale.get("tickvals") or round_values(low, high, 4)
    names = scale.get("ticktext") or [tick_text(v) for v in at]
    for value, name in zip(at, names, strict=True):
        share = (value - low) / ((high - low) or 1.0)
        word = _cut(name, room - SCALE_ROOM, SMALL)
        parts.append(_label(x + 16, y + height * (1 - share) + 4, word, "start"))
    far, middle = x + room - 12, y + height / 2
    turned = f' transform="rotate(-90 {_n(far)} {_n(middle)})"'
    return "".join(parts) + _label(far, middle, _cut(scale["title"]["text"], height), more=turned)


# -- panels: two axes, and what is drawn between them ----------------------------------------------------------------


class _Axis:
    """One axis of a panel: its ends, and where its ticks are.

    Args:
        of: the axis as plotly.js has it.
        values: all that is drawn along it.
    """

    def __init__(self, of: Dict, values: Floats) -> None:
        self.of = of
        self.log = of.get("type") == "log"
        low, high = self._ends(values)
        self.low, self.high = max(-LARGEST_END, min(LARGEST_END, low)), max(-LARGEST_END, min(LARGEST_END, high))
        self.at, self.names = np.empty(0), list[str]()
        self.title = str(of.get("title", {}).get("text", ""))

    def _ends(self, values: Floats) -> tuple[float, float]:
        if "range" in self.of:
            return float(self.of["range"][0]), float(self.of["range"][1])
        known = values[np.isfinite(values) & ((values > 0.0) | (not self.log))]
        known = np.log10(known) if self.log else known
        low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
        pad = 0.04 * (high - low) or 0.5 * abs(high) or 1.0
        zero = self.of.get("rangemode") == "tozero" and low >= 0.0
        ends = (0.0 if zero else low - pad), high + pad
        return ends[::-1] if self.of.get("autorange") == "reversed" else ends

    def set_ticks(self, room: float, each: float) -> None:
        """Choose the ticks.

        Args:
            room: pixels of the axis.
            each: pixels that a tick needs.
        """
        low, high = sorted((self.low, self.high))
        most = max(2, int(room / each))
        if "tickvals" in self.of:
            at, names = list(self.of["tickvals"]), [str(n) for n in self.of["ticktext"]]
        elif self.log:
            at = round_logs(10.0**low, 10.0**high, most)
            names = [tick_text(v) for v in at]
        else:
            at = round_values(low, high, most)
            names = [tick_text(v) for v in at]
        keep = [k for k, v in enumerate(self.placed(_floats(at))) if -1e-9 <= v <= 1 + 1e-9]
        if all(_is_number(names[k]) for k in keep):  # of categories each one is named, of numbers as many as fit
            keep = keep[:: max(1, math.ceil(len(keep) / most))]
        self.at, self.names = _floats(at)[keep], [names[k] for k in keep]

    def told(self) -> str:
        """Return its ends and its kind, for the script."""
        kind = "log" if self.log else "lin" if _numeric(self.of) else "named"
        return f"{self.low:.12g} {self.high:.12g} {kind}"

    def placed(self, values: Floats) -> Floats:
        """Return where values lie, from 0 at one end to 1 at the other."""
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            scaled = np.log10(values) if self.log else values
            share = (scaled - self.low) / ((self.high - self.low) or 1.0)
        return np.asarray(np.clip(share, -FAR_LENGTHS, FAR_LENGTHS))


class _Panel:
    """A panel, and where it lies: `_place` says the latter.

    Args:
        layout: of the figure.
        keys: of its axes, as traces name them: "x2" and "y2".
        traces: what is drawn in it, each with its place in the figure.
        x: its axis along x.
        y: its axis along y.
    """

    def __init__(
        self, layout: Dict, keys: tuple[str, str], traces: Sequence[tuple[int, Dict]], x: _Axis, y: _Axis
    ) -> None:
        self.layout, self.keys, self.traces, self.x, self.y = layout, keys, traces, x, y
        self.row = self.column = 0
        self.compact = False  # whether names are cut and never turned
        self.shows = [True, True]  # whether the numbers of its axes are to be seen
        self.left = self.top = self.width = self.height = 0.0

    @classmethod
    def all_of(cls, layout: Dict, traces: Sequence[Dict], width: int) -> list[_Panel]:
        """Return the panels in rows and columns: as the figure has them, or below each other where they are narrow."""
        keys = list(dict.fromkeys((t.get("xaxis", "x"), t.get("yaxis", "y")) for t in traces))
        axes = {key: _of(layout, key) for pair in keys for key in pair}
        along = {key: _values(traces, key, axes[key].get("matches")) for key in axes}
        made = {key: _Axis(axes[key], along[key]) for key in axes}
        found = []
        spans = [sorted({_domain(axes[pair[k]]) for pair in keys}) for k in (0, 1)]
        for pair in keys:
            own = [(k, t) for k, t in enumerate(traces) if (t.get("xaxis", "x"), t.get("yaxis", "y")) == pair]
            panel = cls(layout, pair, own, made[pair[0]], made[pair[1]])
            panel.column = spans[0].index(_domain(axes[pair[0]]))
            panel.row = len(spans[1]) - 1 - spans[1].index(_domain(axes[pair[1]]))
            beside = axes[pair[0]].get("anchor", pair[1]) == pair[1]
            panel.shows = [
                beside and axes[pair[0]].get("showticklabels", True),
                axes[pair[1]].get("showticklabels", True),
            ]
            found.append(panel)
        found.sort(key=lambda p: (p.row, p.column))
        columns = max(1, min(len(spans[0]), width // PANEL_PIXELS))
        if columns < len(spans[0]):
            title = next((p.y.title for p in found if p.y.title), "")
            for k, panel in enumerate(found):
                panel.row, panel.column = divmod(k, columns)
                panel.shows = [True, True]
                panel.y.title = panel.y.title or title
        return found

    def drawn(self) -> list[str]:
        """Return the panel."""
        w, h = self.width, self.height
        where = (
            f'data-x="{self.x.told()}" data-y="{self.y.told()}" transform="translate({_n(self.left)} {_n(self.top)})"'
        )
        parts = [f'<g data-panel="{self.keys[0]} {self.keys[1]}" {where}>']
        grid, below, beside = "", list[str](), list[str]()
        for at, name in zip(self.x.placed(self.x.at), self.x.names, strict=True):
            grid += f"M{_n(at * w)} 0V{_n(h)}" if self.x.of.get("showgrid") is not False else ""
            if self.shows[0]:
                below.append(self._below(at * w, name))
        for at, name in zip(self.y.placed(self.y.at), self.y.names, strict=True):
            grid += f"M0 {_n((1 - at) * h)}H{_n(w)}" if self.y.of.get("showgrid") is not False else ""
            if self.shows[1]:
                beside.append(_label(-5, (1 - at) * h + 4, name, "end"))
        strips, notes = self._marked()
        parts.append(_path(grid, f'class="grid" stroke="{_paint("#e8e8e8")}"'))
        parts.append(f'<svg width="{_n(w)}" height="{_n(h)}">')  # which shows nothing outside of itself
        parts += strips
        parts += [f'<g data-t="{k}">{self._trace(t)}</g>' for k, t in self.traces]
        parts.append("</svg>")
        parts.append(_path(f"M0 0V{_n(h)}H{_n(w)}", f'fill="none" stroke="{_paint("#b0b0b0")}"'))
        parts += notes
        turned = ' data-turned=""' if self._turned() else ""
        parts.append(f'<g class="ticks-x"{turned}>{"".join(below)}</g><g class="ticks-y">{"".join(beside)}</g>')
        if self.shows[0] and self.x.title:
            y = h + (16 if not self._turned() else self._deep()) + 18
            parts.append(_label(w / 2, y, _cut(self.x.title, w + 40), size=FONT))
        if self.shows[1] and self.y.title:
            x = -self._side() - 6
            turned = f' transform="rotate(-90 {_n(x)} {_n(h / 2)})"'
            parts.append(_label(x, h / 2, _cut(self.y.title, h + 20), size=FONT, more=turned))
        return [*parts, "</g>"]

    def _turned(self) -> bool:
        """Whether the names below are too long to stand beside each other."""
        at = sorted(zip(self.x.placed(self.x.at).tolist(), self.x.names, strict=True))
        near = ((_wide(m) + _wide(n)) / 2 + 6 > (b - a) * self.width for (a, m), (b, n) in pairwise(at))
        return not self.compact and any(near)

    def _below(self, x: float, name: str) -> str:
        if not self._turned():
            if self.compact and not _is_number(name):
                name = _cut(name, self.width / len(self.x.names), SMALL)
            return _label(x, self.height + 15, name)
        y = self.height + 12
        return _label(x + 3, y, _cut(name, 90, SMALL), "end", more=f' transform="rotate(-40 {_n(x + 3)} {_n(y)})"')

    def _deep(self) -> float:
        return 14 + 0.65 * max(min(_wide(n), 90) for n in self.x.names) if self._turned() else 16

    def _side(self) -> float:
        return 8 + max(map(_wide, self.y.names), default=0.0)

    def _marked(self) -> tuple[list[str], list[str]]:
        """Return the strips of trials without a value; and their names and the headings of panels."""
        parts, notes, (kx, ky), w, h = list[str](), list[str](), self.keys, self.width, self.height
        for shape in self.layout.get("shapes", ()):
            if (shape["xref"].split()[0], shape["yref"].split()[0]) != (kx, ky):
                continue
            look = f'fill="{_paint(shape["fillcolor"])}"'
            if "domain" in shape["yref"]:
                a, b = sorted(np.clip(self.x.placed(_floats([shape["x0"], shape["x1"]])), 0, 1) * w)
                parts.append(_path(f"M{_n(a)} 0H{_n(b)}V{_n(h)}H{_n(a)}z", look))
            else:
                a, b = sorted((1 - np.clip(self.y.placed(_floats([shape["y0"], shape["y1"]])), 0, 1)) * h)
                parts.append(_path(f"M0 {_n(a)}H{_n(w)}V{_n(b)}H0z", look))
        for note in self.layout.get("annotations", ()):
            if (note["xref"].split()[0], note["yref"].split()[0]) != (kx, ky):
                continue
            grey = f' fill="{_paint("#666666")}"'
            across, up = "domain" in note["xref"], "domain" in note["yref"]
            if across and up:
                notes.append(_label(w / 2, -5, _cut(note["text"], w + 30, SMALL)))
            elif up:
                at = (note["x"] - self.x.low) / ((self.x.high - self.x.low) or 1.0)
                notes.append(_label(at * w, -4, note["text"], size=9, more=f'{grey} class="strip"'))
            else:
                at = (note["y"] - self.y.low) / ((self.y.high - self.y.low) or 1.0)
                notes.append(_label(w - 2, (1 - at) * h + 3, note["text"], "end", 9, f'{grey} class="strip"'))
        return parts, notes

    def _trace(self, t: Dict) -> str:
        if t["type"] == "bar":
            return self._bars(t)
        if t["type"] in ("heatmap", "contour"):
            return self._field(t)
        x, y = self.x.placed(_floats(t["x"])) * self.width, (1 - self.y.placed(_floats(t["y"]))) * self.height
        mode, line, marker = t.get("mode", "markers"), t.get("line", {}), t.get("marker", {})
        alpha = float(t.get("opacity", 1.0))
        if t.get("fill") == "toself":
            fill = t.get("fillcolor", line.get("color", "#8a8a8a"))
            shade = 1 if "fillcolor" in t else alpha
            return _path(_polyline(x, y) + "z", f'fill="{_paint(fill)}" fill-opacity="{shade}"')
        parts = [self._errors(t)]
        if "lines" in mode:
            dash = DASHES.get(line.get("dash", ""))
            look = f'fill="none" stroke="{_paint(line.get("color", "#8a8a8a"))}" stroke-width="{line.get("width", 2)}"'
            look += f' stroke-opacity="{alpha}"' if alpha < 1 else ""
            look += f' stroke-dasharray="{dash}"' if dash else ""
            parts.append(_path(_polyline(x, y, line.get("shape") == "hv"), look))
        if "markers" in mode:
            parts.append(_marks(x, y, {"color": line.get("color", "#8a8a8a"), **marker}, alpha))
        for k, word in enumerate(t.get("text", ()) if "text" in mode else ()):
            half = _wide(word) / 2
            parts.append(_label(min(max(x[k], half), self.width - half), y[k] - 11, word))
        return "".join(parts)

    def _errors(self, t: Dict) -> str:
        parts = []
        for along, axis, size in (("x", self.x, self.width), ("y", self.y, self.height)):
            error = t.get(f"error_{along}")
            if error is None:
                continue
            x, y = _floats(t["x"]), _floats(t["y"])
            value = x if along == "x" else y
            ends = [value - np.nan_to_num(_floats(error["arrayminus"])), value + np.nan_to_num(_floats(error["array"]))]
            low, high = (axis.placed(end) * size for end in ends)
            cap, bars, ends_of = error.get("width", 3), list[str](), list[str]()
            other = (1 - self.y.placed(y)) * self.height if along == "x" else self.x.placed(x) * self.width
            for a, b, c in zip(low, high, other, strict=True):
                if a != a or b != b:
                    continue
                places = ((a, c), (b, c)) if along == "x" else ((c, size - a), (c, size - b))
                bars.append("M" + "L".join(f"{_n(p)} {_n(q)}" for p, q in places))
                ends_of += [f"M{_n(p)} {_n(q)}{_across(along, cap)}" for p, q in places]
            look = f'fill="none" stroke="{_paint(error["color"])}" stroke-width="{error["thickness"]}"'
            parts += [_path("".join(bars), look), _points("".join(ends_of) if cap else "", look)]
        return "".join(parts)

    def _bars(self, t: Dict) -> str:
        x, y = _floats(t["x"]), _floats(t["y"])
        across = t.get("orientation") == "h"
        long, at = (x, y) if across else (y, x)
        base = _floats(t["base"]) if "base" in t else np.zeros(len(long))
        half = np.broadcast_to(np.asarray(t["width"], np.float64) / 2, at.shape)
        value, place = (self.x, self.y) if across else (self.y, self.x)
        ends, sides = (
            [value.placed(base), value.placed(base + long)],
            [place.placed(at - half), place.placed(at + half)],
        )
        if across:
            a, b = (e * self.width for e in ends)
            c, d = ((1 - s) * self.height for s in sides)
            b = np.where(np.abs(b - a) < 1.0, a + 1.0, b)  # a trial of no time is to be seen
        else:
            a, b = (s * self.width for s in sides)
            c, d = ((1 - e) * self.height for e in ends)
        known = np.isfinite(a + b + c + d)
        boxes = zip(a[known], b[known], c[known], d[known], strict=True)
        path = "".join(f"M{_n(p)} {_n(r)}H{_n(q)}V{_n(s)}H{_n(p)}z" for p, q, r, s in boxes)
        alpha = t["marker"].get("opacity", 1.0)
        return _path(path, f'fill="{_paint(t["marker"]["color"])}" fill-opacity="{alpha}"') + self._errors(t)

    def _field(self, t: Dict) -> str:
        """Return cells, or filled contours: stripes of the same shade, row by row."""
        z = np.array([_floats(row) for row in t["z"]])
        low, high = t.get("zmin", np.nanmin(z)), t.get("zmax", np.nanmax(z))
        x, y = self.x.placed(_floats(t["x"])) * self.width, (1 - self.y.placed(_floats(t["y"]))) * self.height
        if t["type"] == "contour":
            z, x, y = _finer(z, x, y)
        shades, gap = _ramp(t), float(bool(t.get("xgap")))
        which = _shade_of(z, float(low), float(high))
        across, up = _edges(x), _edges(y)
        paths: dict[int, list[str]] = {}
        changes = [0, *(np.flatnonzero((which[1:] != which[:-1]).any(axis=1) | bool(gap)) + 1), len(which)]
        for begin, end in pairwise(changes):  # rows that look the same are one
            row, (first, last) = which[begin], sorted((up[begin], up[end]))
            start = 0
            for k in range(1, len(row) + 1):
                if k == len(row) or row[k] != row[start] or gap:
                    if row[start] >= 0:
                        a, b = sorted((across[start], across[k]))
                        box = f"M{_n(a)} {_n(first)}H{_n(b - gap)}V{_n(last - gap)}H{_n(a)}z"
                        paths.setdefault(int(row[start]), []).append(box)
                    start = k
        sharp = 'shape-rendering="crispEdges"'
        parts = [_path("".join(d), f'fill="{_paint(shades[k])}" {sharp}') for k, d in sorted(paths.items())]
        return f'<g opacity="{t.get("opacity", 1)}">{"".join(parts)}</g>'


def _across(along: str, cap: float) -> str:
    """Return the mark at the end of a bar of error: across it, from its middle."""
    return f"m0 {-cap}v{2 * cap}" if along == "x" else f"m{-cap} 0h{2 * cap}"


def _of(layout: Dict, key: str) -> Dict:
    """Return an axis by how traces name it: "x2" is "xaxis2"."""
    found: Dict = layout[f"{key[0]}axis{key[1:]}"]
    return found


def _domain(axis: Dict) -> tuple[float, float]:
    low, high = axis.get("domain", (0.0, 1.0))
    return float(low), float(high)


def _values(traces: Sequence[Dict], key: str, matches: str | None) -> Floats:
    """Return all that is drawn along an axis, and along the one that it matches."""
    along = key[0]
    found = [np.empty(0)]
    for t in traces:
        if t.get(f"{along}axis", along) not in (key, matches):
            continue
        values = _floats(t[along])
        found.append(values)
        if t["type"] == "bar" and (t.get("orientation") == "h") == (along == "x"):
            base = _floats(t["base"]) if "base" in t else np.zeros(len(values))
            found += [base, base + values]
        elif t["type"] == "bar":
            half = np.asarray(t["width"], np.float64) / 2
            found += [values - half, values + half]
        error = t.get(f"error_{along}")
        if error is not None:
            found += [values - _floats(error["arrayminus"]), values + _floats(error["array"])]
    return np.concatenate(found)


def _stacked(panels: Sequence[_Panel]) -> bool:
    """Whether all panels have one axis along x, and several heights."""
    return len({p.keys[0] for p in panels}) == 1 < len(panels)


def _inner(panels: Sequence[_Panel], layout: Dict, width: float, tall: float | None) -> float:
    """Return how high a row of panels is at least: of few, as fits the width, or as low as a page wants it."""
    if len(panels) > 1 and not _stacked(panels):
        return 170.0
    inner = float(layout.get("height", 430)) - 150
    if layout["meta"].get("tall"):
        return inner
    return 90.0 if tall is not None else min(inner, 0.48 * width + 20, 340.0)


def _place(panels: Sequence[_Panel], layout: Dict, width: float, top: float, inner: float) -> float:
    """Say of each panel where it lies; return the height of the figure.

    Args:
        panels: the panels.
        layout: of the figure.
        width: in pixels, of all panels.
        top: pixels above them.
        inner: pixels of a row's height.
    """
    columns, rows = 1 + max(p.column for p in panels), 1 + max(p.row for p in panels)
    stacked = _stacked(panels)
    for p in panels:  # first guesses, by which ticks are chosen
        p.height = inner
        p.y.set_ticks(p.height, 24 if p.compact else 34)
    sides = [(p.column, p._side() + (20 if p.y.title else 6) if p.shows[1] else 6.0) for p in panels]
    beside = [max(side for column, side in sides if column == c) for c in range(columns)]
    each = (width - sum(beside) - GAP * (columns - 1) - 14) / columns
    y = top + (12.0 if layout.get("annotations") else 4.0)
    for row in range(rows):
        own = [p for p in panels if p.row == row]
        for p in own:
            low, high = _domain(p.y.of) if stacked else (0.0, 1.0)
            p.width = each
            p.left = sum(beside[: p.column + 1]) + (each + GAP) * p.column
            p.top = y
            p.height = inner * (high - low)
            p.x.set_ticks(each, 46 if each < 500 else 76)
            p.y.set_ticks(p.height, 24 if p.compact else 34)
        foot = max((p._deep() + (24 if p.x.title else 4)) if p.shows[0] else 12.0 for p in own)
        y += own[0].height + foot + (18.0 if layout.get("annotations") else 8.0)
    return y


def _polyline(x: Floats, y: Floats, steps: bool = False) -> str:
    """Return a line through points; NaN parts it."""
    parts, pen = [], False
    before = ""
    for a, b in zip(x.tolist(), y.tolist(), strict=True):
        if a != a or b != b or math.isinf(a) or math.isinf(b):
            pen = False
            continue
        here = f"{_n(a)} {_n(b)}"
        if pen and here == before:
            continue
        parts.append(f"M{here}" if not pen else f"H{_n(a)}V{_n(b)}" if steps else f"L{here}")
        pen, before = True, here
    return "".join(parts)


def _marks(x: Floats, y: Floats, marker: Dict, alpha: float) -> str:
    """Return the points of a trace: one path for each colour and size."""
    known = np.isfinite(x) & np.isfinite(y)
    alpha *= float(marker.get("opacity", 1.0))
    sizes = np.broadcast_to(np.rint(_floats(np.ravel(marker.get("size", 6)))), x.shape)
    colour = marker["color"]
    if isinstance(colour, list):
        values = _floats(colour)
        low, high = marker.get("cmin", float(np.nanmin(values))), marker.get("cmax", float(np.nanmax(values)))
        which, shades = _shade_of(values, float(low), float(high)), _ramp(marker)
        known = known & (which >= 0)
    else:
        which, shades = np.zeros(len(x), np.intp), [colour]
    parts = []
    for shade, size in sorted({(int(w), float(s)) for w, s in zip(which[known], sizes[known], strict=True)}):
        own = known & (which == shade) & (sizes == size)
        parts += _dots(x[own], y[own], size, shades[shade], marker, alpha)
    return "".join(parts)


def _dots(x: Floats, y: Floats, size: float, colour: str, marker: Dict, alpha: float) -> list[str]:
    symbol, edge, r = marker.get("symbol", "circle"), marker.get("line", {}), size / 2.0
    if colour == CLEAR or symbol == "circle-open":
        ring = f"a{_n(r)} {_n(r)} 0 1 0 {_n(size)} 0a{_n(r)} {_n(r)} 0 1 0 {_n(-size)} 0"
        hollow = "".join(f"M{_n(a - r)} {_n(b)}{ring}" for a, b in zip(x, y, strict=True))
        paint = _paint(edge.get("color", colour if colour != CLEAR else "black"))
        return [_points(hollow, f'fill="none" stroke="{paint}" stroke-width="{edge.get("width", 1.5)}"', (-r, 0.0))]
    if symbol != "circle":
        shift, outline = _symbol(symbol, r)
        d = "".join(f"M{_n(a + shift[0])} {_n(b + shift[1])}{outline}" for a, b in zip(x, y, strict=True))
        paint = f'fill="none" stroke="{_paint(colour)}" stroke-width="1.5"'
        fill = paint if symbol == "x" else f'fill="{_paint(colour)}"'
        return [_points(d, f'{fill} opacity="{alpha}"', shift)]
    points = list(dict.fromkeys(f"M{_n(a)} {_n(b)}h0" for a, b in zip(x, y, strict=True)))
    layers = LAYERS if alpha < 1.0 else 1
    parts, round_ = [], 'fill="none" stroke-linecap="round"'
    if edge.get("width"):
        look = f'{round_} stroke="{_paint(edge["color"])}" stroke-width="{_n(size + edge["width"])}"'
        parts.append(_points("".join(points), look))
    look = f'{round_} stroke="{_paint(colour)}" stroke-width="{_n(size)}" stroke-opacity="{alpha}"'
    return [*parts, *(_points("".join(points[k::layers]), look) for k in range(layers))]


def _symbol(symbol: str, r: float) -> tuple[tuple[float, float], str]:
    """Return where the outline of a sign begins, from its middle, and the rest of it."""
    if symbol == "x":
        return (-r, -r), f"l{_n(2 * r)} {_n(2 * r)}m0 {_n(-2 * r)}l{_n(-2 * r)} {_n(2 * r)}"
    corners, first = {"triangle-down": (3, 90.0), "diamond": (4, 90.0), "star": (10, -90.0)}[symbol]
    angles = [math.radians(first + 360.0 * k / corners) for k in range(corners)]
    far = [r * (1.2 if symbol != "star" or k % 2 == 0 else 0.5) for k in range(corners)]
    at = [(f * math.cos(a), f * math.sin(a)) for a, f in zip(angles, far, strict=True)]
    steps = "".join(f"l{_n(c - a)} {_n(d - b)}" for (a, b), (c, d) in pairwise(at))
    return at[0], f"{steps}z"


# -- parallel coordinates -------------------------------------------------------------------------------------------

HEAD, FOOT, MARGIN = 30, 14, 42  # pixels above, below and beside the axes
LINES_SHINING_THROUGH = 400  # lines: with more, each lets others shine through


def _parallel(figure: Dict, width: float, height: float) -> tuple[list[str], float]:
    """Return trials as lines, the best ones on top and dark; and the height."""
    trace, best = figure["data"][0], figure["layout"]["meta"]["best"]
    axes = trace["dimensions"]
    step = (width - 2 * MARGIN) / max(1, len(axes) - 1)
    x = [MARGIN + k * step for k in range(len(axes))]

    def up(of: Dict, values: Floats) -> Floats:
        low, high = of["range"]
        share = (values / 2 - low / 2) / ((high / 2 - low / 2) or 1.0)  # halves: their span is a number
        return np.asarray(height - FOOT - share * (height - HEAD - FOOT))

    at = np.array([up(of, _floats(of["values"])) for of in axes]).T
    lines = [
        "M" + "L".join(f"{_n(across)} {y:.0f}" for across, y in zip(x, row, strict=True) if y == y)
        for row in at.tolist()
    ]
    n, shades = len(lines), _shades(SCALE)[::-1]
    which = ((np.arange(n) / max(1, n - 1)) ** 2 * (SHADES - 1)).astype(
        np.intp
    )  # lines come from the worst to the best
    numbers, parts = trace["customdata"], [f'<g data-lines="{" ".join(map(_n, (HEAD, height - FOOT, *x)))}">']
    look = f'fill="none" stroke-width="1" stroke-opacity="{0.45 if n > LINES_SHINING_THROUGH else 0.8}"'
    for shade in range(SHADES):
        own = [k for k in np.flatnonzero(which == shade).tolist() if k != best]
        of = f'data-of="{" ".join(str(numbers[k]) for k in own)}"'
        parts.append(_path("".join(lines[k] for k in own), f'{of} {look} stroke="{_paint(shades[shade])}"'))
    if best >= 0:
        bold = f'fill="none" stroke-width="2.5" stroke="{_paint("#d55e00")}"'
        parts.append(_path(lines[best], f'data-of="{numbers[best]}" {bold}'))
    parts.append("</g>")
    halo = f' paint-order="stroke" stroke="{_paint("rgba(255,255,255,0.7)")}" stroke-width="3"'
    for k, of in enumerate(axes):
        parts.append(_path(f"M{_n(x[k])} {HEAD}V{_n(height - FOOT)}", f'fill="none" stroke="{_paint("#777777")}"'))
        last = k and k == len(axes) - 1
        for y, name in zip(up(of, _floats(of["tickvals"])).tolist(), of["ticktext"], strict=True):
            word = _cut(name, max(step, 40) - 10, SMALL)
            parts.append(_label(x[k] + (-4 if last else 4), y + 4, word, "end" if last else "start", more=halo))
        side = "start" if not k else "end" if last else "middle"
        ends = max(0.0, x[k] - MARGIN + 6) if not k else min(width, x[k] + MARGIN - 6) if last else x[k]
        parts.append(
            _label(ends, 14, _cut(of["label"], step - 8 if side == "middle" else 0.5 * step + MARGIN - 10), side, FONT)
        )
    return parts, height


def _edges(middles: Floats) -> Floats:
    """Return where cells end whose middles are given."""
    if len(middles) == 1:
        return np.array([middles[0] - 10.0, middles[0] + 10.0])
    inner = (middles[1:] + middles[:-1]) / 2.0
    return np.concatenate([[2 * middles[0] - inner[0]], inner, [2 * middles[-1] - inner[-1]]])


def _finer(z: Floats, x: Floats, y: Floats, pixels: float = 3.0) -> tuple[Floats, Floats, Floats]:
    """Return values on a grid so fine that its steps are hardly seen."""
    fine_x = np.linspace(x[0], x[-1], max(2, int(abs(x[-1] - x[0]) / pixels)))
    fine_y = np.linspace(y[0], y[-1], max(2, int(abs(y[-1] - y[0]) / pixels)))
    order = np.argsort(y)
    across = np.array([np.interp(fine_x, *_rising(x, row)) for row in z])
    both = np.array([np.interp(fine_y, y[order], column[order]) for column in across.T]).T
    return both, fine_x, fine_y


def _rising(x: Floats, values: Floats) -> tuple[Floats, Floats]:
    order = np.argsort(x)
    return x[order], values[order]
