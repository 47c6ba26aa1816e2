// The dashboard's only script. Pages are made by the server and work without it; this draws figures, filters them by
// brushing, and keeps open pages up to date. Text of studies is set as text, never as markup.

const root = document.body.dataset.root;
const words = JSON.parse(document.body.dataset.words);
const say = (word, ...values) => words[word].replace(/\{(\d*)\}/g, () => values.shift());
const all = (selector, from = document) => [...from.querySelectorAll(selector)];
const one = (selector, from = document) => from.querySelector(selector);
const make = (tag, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};
const status = one("#status");
const tell = (text, bad = false) => { if (status.textContent !== text) status.textContent = text; status.classList.toggle("bad", bad); };
const page = one("[data-live]");
if (document.body.dataset.address) history.replaceState(null, "", document.body.dataset.address); // an answer to a form
const grouped = new Intl.NumberFormat("en");
const short = value => typeof value === "number" ? String(+value.toPrecision(6)) : value === null ? "" : String(value);

async function fetchJSON(url, signal) {
  const answer = await fetch(url, { signal, headers: { accept: "application/json" } });
  if (answer.status === 401) throw new Error(words.token);
  const data = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(data.error || words.failed);
  return data;
}

// -- language and colours -------------------------------------------------------------------------------------------

for (const name of ["language", "theme"]) {
  one(`#${name}`)?.addEventListener("change", event => {
    document.cookie = `tunesmith-${name}=${event.target.value}; path=${root || "/"}; max-age=31536000; samesite=strict`;
    location.reload();
  });
}

// -- the filter, kept in the address --------------------------------------------------------------------------------

const query = new URLSearchParams(location.search);
const brushes = new Map(query.getAll("brush").map(text => {
  const [, column, low, high] = text.match(/^(.*):([^:]*):([^:]*)$/s) ?? [, text, NaN, NaN];
  return [column, [Number(low), Number(high)]];
}));

function filterQuery() {
  const found = new URLSearchParams();
  if (query.get("where")) found.set("where", query.get("where"));
  for (const [column, [low, high]] of brushes) found.append("brush", `${column}:${low}:${high}`);
  return found;
}

function setBrush(column, range) {
  if (range) brushes.set(column, range); else if (!brushes.delete(column)) return;
  filterChanged();
}

function filterChanged() {
  query.delete("brush");
  query.delete("page");
  for (const brush of filterQuery().getAll("brush")) query.append("brush", brush);
  history.replaceState(null, "", `?${query}`.replace(/\?$/, location.pathname));
  showChips();
  for (const figure of all("[data-name]")) { state.get(figure).stop?.abort(); refresh(figure); }
  if (one("#sheet")) loadTable(`?${query}`);
}

function showChips() {
  const chips = one("#chips");
  if (!chips) return;
  chips.replaceChildren(...[...brushes].map(([column, [low, high]]) => {
    const label = say("range", column.replace(/^params\./, ""), short(low), short(high));
    const chip = make("button", { type: "button", textContent: `${label}  ×`, title: words.remove });
    chip.setAttribute("aria-label", `${words.remove}: ${label}`);
    chip.addEventListener("click", () => setBrush(column, null));
    return chip;
  }));
  const form = one("#filter");
  for (const old of all("input[name=brush]", form)) old.remove();
  for (const value of filterQuery().getAll("brush")) form.append(make("input", { type: "hidden", name: "brush", value }));
  for (const link of all("a[data-keep]")) {
    link.dataset.keep ||= new URLSearchParams(link.search); // what the link itself says
    link.search = new URLSearchParams([...new URLSearchParams(link.dataset.keep), ...filterQuery()]);
  }
}

one("#filter")?.addEventListener("submit", event => {
  event.preventDefault();
  query.set("where", one("#where").value.trim());
  if (!query.get("where")) query.delete("where");
  filterChanged();
});
showChips();

// -- figures --------------------------------------------------------------------------------------------------------

const dark = () => {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};
const ON_DARK = {
  white: "#1b1f24", "#2a2a2a": "#e6e8ea", "#e8e8e8": "#2f353c", "#b0b0b0": "#5a626b", black: "#e6e8ea", "#666666": "#a3abb4",
  "#777777": "#a3abb4", "#f1f1f1": "#262b31", "#0072b2": "#56b4e9", "#08306b": "#deebf7", "#2171b5": "#9ecae1", "#6baed6": "#4292c6",
  "#c3d5e6": "#2f5273", "#d0d0d0": "#4a525b", "rgba(255,255,255,0.7)": "rgba(27,31,36,0.7)", "#5d4a9c": "#a795e0",
};
const coloured = figure => dark()
  ? JSON.parse(JSON.stringify(figure), (key, value) => typeof value === "string" && Object.hasOwn(ON_DARK, value) ? ON_DARK[value] : value)
  : figure;
const CONFIG = { displayModeBar: false, responsive: true, showSendToCloud: false, plotlyServerURL: "", displaylogo: false, showTips: false };

const state = new WeakMap(); // figure -> {data, seq, version, stale, visible, stop}
const visible = new IntersectionObserver(entries => {
  for (const { target, isIntersecting } of entries) {
    const known = state.get(target);
    known.visible = isIntersecting;
    if (isIntersecting && known.stale) soon(target);
  }
}, { rootMargin: "200px" });

// One figure after the other, from the top: the first is there at once, and the server is not asked for twelve together.
const waiting = new Set();
let working = null;
const soon = figure => { waiting.add(figure); return working ??= work(); };
async function work() {
  await Promise.resolve(); // whoever asks in the same moment is in the order too
  for (let next; (next = all("[data-figure]").find(figure => waiting.has(figure)));) {
    waiting.delete(next);
    await load(next);
  }
  working = null;
}

function prepare(figure) {
  state.set(figure, { stale: true, visible: false });
  figure.append(make("div", { className: "plot" }), make("figcaption"));
  visible.observe(figure);
}

function refresh(figure) {
  const known = state.get(figure);
  known.stale = true;
  if (known.visible) soon(figure);
}

async function load(figure) {
  const known = state.get(figure);
  known.stop?.abort();
  known.stop = new AbortController();
  known.stale = false;
  figure.setAttribute("aria-busy", "true");
  const extra = figure.dataset.name ? new URLSearchParams([...query.getAll("param").map(name => ["param", name]), ...filterQuery()]).toString() : "";
  try {
    const data = await fetchJSON(`${figure.dataset.figure}${extra && "&"}${extra}`, known.stop.signal);
    known.seq = data.seq;
    known.version = data.version;
    one("#where-error")?.replaceChildren();
    if (one("#shown") && "shown" in data) one("#shown").textContent = data.shown === null ? "" : say("rows", grouped.format(data.shown));
    show(figure, data);
  } catch (error) {
    if (error.name === "AbortError") return;
    known.stale = true;
    const place = figure.dataset.name && query.get("where") ? one("#where-error") : null;
    (place ?? one("figcaption", figure)).textContent = error.message;
  }
  figure.removeAttribute("aria-busy");
}

function show(figure, data) {
  const known = state.get(figure), caption = one("figcaption", figure), kind = data.parallel ? "parallel" : data.panels ? "panels" : "";
  let plot = one(".plot", figure);
  if (plot.dataset.kind !== kind) { // each is drawn by other means
    if (plot.dataset.heard) Plotly.purge(plot);
    const empty = make("div", { className: `plot ${kind}` });
    empty.dataset.kind = kind;
    plot.replaceWith(empty);
    plot = empty;
  }
  known.data = data;
  figure.classList.toggle("brief", Boolean(data.missing));
  plot.hidden = Boolean(data.missing);
  for (const button of all("[data-save]", figure.closest(".stage") ?? figure)) button.disabled = Boolean(data.missing);
  if (data.missing) { caption.textContent = data.missing; return; }
  if (data.parallel) drawParallel(plot, data.parallel); else if (data.panels) drawPanels(plot, data.panels); else drawPlot(figure, plot, data);
  const parts = data.notes.length ? [make("p", { className: "notes", textContent: data.notes.join(" · ") })] : [];
  const open = one("details", caption)?.open, table = make("details", {}, make("summary", { textContent: words.table }));
  const heading = one("h1, h2", figure.closest("section") ?? document)?.textContent ?? "";
  table.addEventListener("toggle", () => { if (table.open && table.childElementCount === 1) table.append(tableOf(data, heading)); });
  table.open = Boolean(open);
  if (!data.parallel && !data.panels) parts.unshift(make("p", { className: "notes told hidden", role: "status" }));
  caption.replaceChildren(...parts, make("p", { className: "sentence", textContent: data.summary }), table);
}

// A long title of an axis is broken into lines; it is escaped already.
function broken(text, width) {
  const most = Math.max(14, width * 0.5 / 6.5), size = text.length / Math.ceil(text.length / most) + 3, lines = [""];
  for (const word of text.split(/(?<=[ ._])/)) { // names of nested parameters have no spaces
    if (lines.at(-1) && lines.at(-1).length + word.length > size) lines.push("");
    lines.push(lines.pop() + word);
  }
  return lines.map(line => line.trim()).join("<br>");
}

function drawPlot(figure, plot, data) {
  const { data: traces, layout } = coloured(data.figure);
  const brushable = Object.keys(data.axes).length > 0;
  const many = arranged(layout, plot.clientWidth);
  layout.autosize = true;
  layout.dragmode = brushable ? "select" : "zoom";
  layout.margin = { ...layout.margin, t: layout.showlegend === false ? 20 : 44 };
  layout.legend = { ...layout.legend, orientation: "h", x: 0, y: 1.02, yanchor: "bottom" };
  if (!layout.xaxis2 && !layout.scene) delete layout.height;
  for (const key of Object.keys(layout)) if (/^xaxis/.test(key)) layout[key].title = { ...layout[key].title, text: broken(layout[key].title?.text ?? "", plot.clientWidth / many) };
  figure.classList.toggle("tall", Boolean(layout.height));
  plot.setAttribute("role", "img");
  plot.setAttribute("aria-label", data.summary);
  plot.tabIndex = 0;
  Plotly.react(plot, traces, layout, CONFIG);
  if (plot.dataset.heard) return;
  plot.dataset.heard = "1";
  plot.addEventListener("keydown", event => walk(figure, plot, event));
  plot.on("plotly_selected", event => {
    if (!event?.range) return;
    const axes = state.get(figure).data.axes;
    for (const [axis, range] of Object.entries(event.range)) if (axes[axis]) brushes.set(axes[axis], [Math.min(...range), Math.max(...range)]);
    filterChanged();
  });
  plot.on("plotly_click", event => {
    const mark = event.points[0]?.customdata, number = Array.isArray(mark) ? mark[0] : mark;
    if (page && Number.isInteger(number)) location.href = `${root}/study/${page.dataset.live}/trial/${number}`;
  });
}

// Panels that share the axis of values stand in as many columns as there is room for; returned is how many there are.
const WIDE = 240;
function arranged(layout, width) {
  const keys = Object.keys(layout).filter(key => /^xaxis/.test(key)), n = keys.length, shared = n > 1 && layout.yaxis2?.matches === "y";
  if (!shared) return n;
  const columns = Math.max(1, Math.min(n, Math.floor(width / WIDE))), rows = Math.ceil(n / columns), gapX = 0.14, gapY = 0.5;
  const w = 1 / (columns + gapX * (columns - 1)), h = 1 / (rows + gapY * (rows - 1)), title = layout.yaxis.title;
  keys.forEach((key, k) => {
    const x = (k % columns) * w * (1 + gapX), y = 1 - Math.floor(k / columns) * h * (1 + gapY), left = k % columns === 0;
    layout[key].domain = [x, Math.min(1, x + w)];
    Object.assign(layout[key.replace("x", "y")], { domain: [Math.max(0, y - h), y], showticklabels: left, title: left ? title : { text: "" } });
  });
  layout.height = 250 * rows + 90;
  return columns;
}

// Arrow keys go through the points of a figure from left to right; what is there is shown, and said.
function walk(figure, plot, event) {
  const step = { ArrowRight: 1, ArrowLeft: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity }[event.key];
  const known = state.get(figure);
  if (event.key === "Enter" && known.at?.number !== undefined) { location.href = `${root}/study/${page.dataset.live}/trial/${known.at.number}`; return; }
  if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  const points = plot.data.flatMap((trace, curve) => trace.visible !== "legendonly" && trace.x && trace.y && trace.hoverinfo !== "skip"
    ? Array.from(trace.x, (x, point) => ({ curve, point, x, y: trace.y[point], mark: trace.customdata?.[point] })).filter(p => p.x !== null && p.y !== null) : [])
    .sort((a, b) => a.x - b.x || a.y - b.y || 0);
  if (!points.length) return;
  event.preventDefault();
  const place = known.at ? known.at.place + step : step > 0 && step < Infinity ? 0 : step;
  const next = Math.max(0, Math.min(points.length - 1, place)), { curve, point, x, y, mark } = points[next];
  const number = Array.isArray(mark) ? mark[0] : mark;
  known.at = { place: next, number: Number.isInteger(number) ? number : undefined };
  Plotly.Fx.hover(plot, [{ curveNumber: curve, pointNumber: point }], plot.data[curve].xaxis ? [plot.data[curve].xaxis + (plot.data[curve].yaxis ?? "y")] : "xy");
  const title = name => shownText(plot.layout[name]?.title?.text) || name[0];
  const told = `${number === undefined || !Number.isInteger(number) ? "" : `${words.trial} ${number}, `}${title("xaxis")} ${short(x)}, ${title("yaxis")} ${short(y)}`;
  one(".told", figure).textContent = `${say("point", next + 1, points.length)}: ${told}. ${words.keys}`;
  one(".told", figure).classList.remove("hidden");
}

// The titles of plotly.js are markup, escaped by the server.
const shownText = text => text && new DOMParser().parseFromString(text.replaceAll("<br>", " "), "text/html").body.textContent;

const MOST_ROWS = 200;
function rowsOf(data, most) {
  const rows = [], layout = data.figure?.layout, title = name => shownText(layout[name]?.title?.text) || name[0];
  const named = (name, value) => { // bars lie at whole numbers that have names
    const { tickvals, ticktext } = layout[name] ?? {}, at = ticktext && typeof value === "number" ? tickvals.indexOf(Math.round(value)) : -1;
    return at < 0 ? value ?? null : shownText(ticktext[at]);
  };
  const many = data.parallel ?? data.panels;
  if (many) {
    const { axes, number, value, target } = many, n = number.length;
    for (let i = n - 1; i >= 0 && rows.length < most; i--) rows.push([number[i], value[i], ...axes.map(axis => axis.at[i] === null ? words.inactive : axis.categories.length ? axis.categories[axis.at[i]] : axis.at[i])]);
    return { heads: [words.trial, target, ...axes.map(axis => axis.name)], rows, n };
  }
  let n = 0;
  for (const trace of data.figure.data) {
    const x = trace.x ?? [], y = trace.y ?? [];
    const size = Math.max(x.length ?? 0, y.length ?? 0);
    n += size;
    for (let i = 0; i < size && rows.length < most; i++) {
      const row = [shownText(trace.name) ?? "", named("xaxis", x[i]), named("yaxis", y[i])];
      if (row.every((cell, k) => k === 0 || cell !== null) && String(row) !== String(rows.at(-1))) rows.push(row);
    }
  }
  return { heads: [words.series, title("xaxis"), title("yaxis")], rows, n };
}

function tableOf(data, heading) {
  const { heads, rows, n } = rowsOf(data, MOST_ROWS);
  const table = make("table", {}, make("thead", {}, make("tr", {}, ...heads.map(head => make("th", { scope: "col", textContent: head })))),
    make("tbody", {}, ...rows.map(row => make("tr", {}, ...row.map(cell => make("td", { textContent: short(cell ?? null) }))))));
  const region = make("div", { className: "scroll", tabIndex: 0, role: "region" }, table);
  region.setAttribute("aria-label", `${heading}: ${words.table}`);
  return make("div", {}, make("p", { className: "notes", textContent: n > rows.length ? say("first", grouped.format(rows.length), grouped.format(n)) : say("rows", grouped.format(n)) }), region);
}

const cut = (text, most) => String(text).length > most ? `${String(text).slice(0, most - 1)}…` : text;

// -- a figure as a file ---------------------------------------------------------------------------------------------

const cell = value => { // a text that a spreadsheet would take for a formula gets an apostrophe before it
  const text = value === null || value === undefined ? "" : String(value), safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

async function svgOf(figure) {
  const { data } = state.get(figure), plot = one(".plot", figure);
  if (data.figure) return decodeURIComponent((await Plotly.toImage(plot, { format: "svg", width: plot.clientWidth, height: plot.clientHeight })).replace(/^data:image\/svg\+xml,/, ""));
  const width = plot.scrollWidth, height = plot.scrollHeight, from = plot.getBoundingClientRect(), pieces = [];
  for (const canvas of all("canvas", plot)) {
    const box = canvas.getBoundingClientRect(), pen = new SvgPen();
    canvas.drawn(pen, canvas.clientWidth, canvas.clientHeight);
    const name = canvas.previousElementSibling?.textContent;
    const x = box.left - from.left + (one(".wide", plot)?.scrollLeft ?? 0), y = box.top - from.top;
    if (name) { const head = new SvgPen(); head.font = "bold 13px sans-serif"; head.fillStyle = colour("--ink"); head.fillText(cut(name, Math.floor(canvas.clientWidth / 7.5)), x, y - 4); pieces.push(head.text); }
    pieces.push(`<g transform="translate(${x} ${y})">${pen.text}</g>`);
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"><rect width="100%" height="100%" fill="${colour("--card")}"/>${pieces.join("")}</svg>`;
}

function pngOf(svg, width, height) {
  return new Promise((done, failed) => {
    const image = new Image();
    image.onload = () => {
      const canvas = make("canvas", { width: 2 * width, height: 2 * height });
      canvas.getContext("2d").drawImage(image, 0, 0, 2 * width, 2 * height);
      canvas.toBlob(done, "image/png");
    };
    image.onerror = () => failed(new Error(words.failed));
    image.src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
  });
}

async function save(figure, kind) {
  const { data } = state.get(figure), plot = one(".plot", figure);
  let blob;
  if (kind === "csv") {
    const { heads, rows } = rowsOf(data, Infinity);
    blob = new Blob([[heads, ...rows].map(row => row.map(cell).join(",")).join("\r\n"), "\r\n"], { type: "text/csv" });
  } else {
    const svg = await svgOf(figure);
    blob = kind === "svg" ? new Blob([svg], { type: "image/svg+xml" }) : await pngOf(svg, plot.scrollWidth, plot.scrollHeight);
  }
  const link = make("a", { href: URL.createObjectURL(blob), download: `${figure.dataset.name}.${kind}` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

document.addEventListener("click", event => {
  const button = event.target.closest?.("[data-save]");
  if (button) save(one("[data-name]", button.closest(".stage")), button.dataset.save).catch(error => tell(error.message, true));
});

// Draws as a canvas does, into the text of an SVG.
class SvgPen {
  text = ""; path = ""; lineWidth = 1; strokeStyle = "#000"; fillStyle = "#000"; font = "12px sans-serif"; textAlign = "left"; globalAlpha = 1;
  #at(...numbers) { return numbers.map(v => +v.toFixed(2)).join(" "); }
  #safe(text) { return String(text).replace(/[&<>"]/g, c => `&#${c.charCodeAt(0)};`); }
  beginPath() { this.path = ""; }
  moveTo(x, y) { this.path += `M${this.#at(x, y)}`; }
  lineTo(x, y) { this.path += `L${this.#at(x, y)}`; }
  arc(x, y, r) { this.path += `M${this.#at(x - r, y)}a${this.#at(r, r)} 0 1 0 ${this.#at(2 * r, 0)}a${this.#at(r, r)} 0 1 0 ${this.#at(-2 * r, 0)}`; }
  stroke() { this.text += `<path d="${this.path}" fill="none" stroke="${this.strokeStyle}" stroke-width="${this.lineWidth}" opacity="${this.globalAlpha}"/>`; }
  fill() { this.text += `<path d="${this.path}" fill="${this.fillStyle}" opacity="${this.globalAlpha}"/>`; }
  fillRect(x, y, w, h) { this.text += `<rect x="${+x}" y="${+y}" width="${+w}" height="${+h}" fill="${this.fillStyle}"/>`; }
  fillText(text, x, y) { this.text += `<text x="${+x}" y="${+y}" fill="${this.fillStyle}" style="font:${this.font}" text-anchor="${{ center: "middle", right: "end" }[this.textAlign] ?? "start"}">${this.#safe(text)}</text>`; }
}

const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Draw on a canvas in its size on the page, and keep how, for files.
function draw(canvas, height, how) {
  const w = canvas.clientWidth, ratio = devicePixelRatio || 1;
  if (!w) return;
  canvas.width = w * ratio;
  canvas.height = height * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  canvas.drawn = how;
  how(pen, w, height);
}

// -- small panels: one a parameter, or one a pair; each leads to the large figure --------------------------------------

const SMALL = 150, EDGE = { left: 44, right: 8, top: 8, bottom: 22 };
const mixed = (shades, share) => `rgb(${shades[0].map((from, c) => Math.round(from + (shades[1][c] - from) * share)).join(" ")})`;
const RANKS = [[8, 48, 107], [66, 146, 198], [176, 176, 176], [252, 141, 89], [179, 0, 0]];
const brief = value => { const size = Math.abs(value); return value === 0 || (size >= 1e-3 && size < 1e5) ? String(+value.toPrecision(3)) : value.toExponential(0); };

function drawPanels(plot, data) {
  const figures = data.kind === "rank" ? data.panels.map(([i, j]) => [data.axes[i], data.axes[j]]) : data.axes.map(axis => [axis, null]);
  plot.replaceChildren(...figures.map(([across, up]) => {
    const names = [across.name, ...(up ? [up.name] : [])], link = new URLSearchParams(location.search);
    link.delete("param");
    for (const name of names) link.append("param", name);
    if (!link.has("figure")) link.set("figure", plot.closest("[data-name]").dataset.name);
    const canvas = make("canvas");
    canvas.setAttribute("aria-hidden", "true");
    return make("a", { className: "panel", href: `?${link}` }, make("b", { textContent: names.join(" × "), title: names.join(" × ") }), canvas);
  }));
  plot.redraw = () => all("canvas", plot).forEach((canvas, k) => {
    const height = Math.round(Math.max(SMALL, Math.min(280, canvas.clientWidth * 0.5)));
    canvas.style.height = `${height}px`;
    draw(canvas, height, (pen, w, h) => paintPanel(pen, w, h, data, ...figures[k]));
  });
  plot.prepend(make("p", { className: "notes", textContent: data.kind === "rank" ? words.ranks : words.late }));
  plot.redraw();
  plot.resized ??= new ResizeObserver(() => plot.redraw());
  plot.resized.observe(plot);
}

const endOf = (axis, high) => axis.categories.length ? axis.categories[high ? axis.categories.length - 1 : 0] : brief(high ? axis.high : axis.low);

function paintPanel(pen, w, h, data, across, up) {
  const { left, right, top, bottom } = EDGE, [low, high] = data.ends ?? [0, 1], n = data.number.length;
  const x = u => left + u * (w - left - right), y = u => h - bottom - u * (h - top - bottom);
  const place = (axis, i) => { // what has no value lies at the edge; categories are parted a little
    const v = axis.at[i];
    return v === null ? -0.04 : axis.categories.length ? (v + 0.5 + (i * 0.7549 % 1 - 0.5) * 0.5) / axis.categories.length : unit(axis, v);
  };
  pen.strokeStyle = colour("--line");
  pen.beginPath();
  pen.moveTo(left, top);
  pen.lineTo(left, h - bottom);
  pen.lineTo(w - right, h - bottom);
  pen.stroke();
  const shades = dark() ? [[47, 82, 115], [222, 235, 247]] : [[176, 203, 226], [8, 48, 107]];
  const first = Math.min(...data.number), last = Math.max(...data.number);
  const at = i => [x(place(across, i)), y(up ? place(up, i) : high > low ? Math.max(-0.04, Math.min(1, ((data.value[i] ?? low) - low) / (high - low))) : 0.5)];
  for (let i = 0; i < n; i++) {
    if (data.failed?.[i]) continue;
    const q = up ? Math.max(0, Math.min(3.999, data.rank[i] * 4)) : 0, k = Math.floor(q);
    pen.fillStyle = up ? mixed([RANKS[k], RANKS[k + 1]], q - k) : mixed(shades, last > first ? (data.number[i] - first) / (last - first) : 1);
    pen.beginPath();
    pen.arc(...at(i), 2, 0, 7);
    pen.fill();
  }
  if (data.best >= 0) {
    pen.strokeStyle = "#d55e00";
    pen.lineWidth = 2;
    pen.beginPath();
    pen.arc(...at(data.best), 5, 0, 7);
    pen.stroke();
    pen.lineWidth = 1;
  }
  pen.fillStyle = colour("--muted");
  pen.font = "11px system-ui, sans-serif";
  pen.textAlign = "left"; pen.fillText(cut(endOf(across, false), 14), left, h - 8);
  pen.textAlign = "right"; pen.fillText(cut(endOf(across, true), 14), w - right, h - 8);
  pen.fillText(cut(up ? endOf(up, true) : brief(high), 7), left - 4, top + 8);
  pen.fillText(cut(up ? endOf(up, false) : brief(low), 7), left - 4, h - bottom);
}

// -- parallel coordinates: a canvas of our own, with a slider on each axis --------------------------------------------

function drawParallel(plot, data) {
  const ends = data.value.filter(v => v !== null);
  let low = Math.min(...ends), high = Math.max(...ends);
  if (!(high > low)) { low -= 0.5; high += 0.5; }
  const objective = one("#objective"), column = objective ? `values[${objective.value}]` : "value";
  const axes = [{ name: data.target, column, kind: "linear", at: data.value, low, high, categories: [], strip: null },
    ...data.axes.map(axis => ({ ...axis, column: `params.${axis.name}` }))];
  let canvas = one("canvas", plot);
  if (!canvas) {
    canvas = make("canvas");
    canvas.setAttribute("role", "img");
    plot.append(make("div", { className: "wide" }, make("div", {}, canvas, make("div", { className: "axes" }))));
    new ResizeObserver(() => plot.redraw?.()).observe(plot);
  }
  canvas.parentElement.style.minWidth = `${LEAST * axes.length}px`;
  canvas.setAttribute("aria-label", state.get(plot.closest("figure")).data.summary);
  plot.redraw = () => {
    canvas.style.height = `${TALL}px`;
    draw(canvas, TALL, (pen, w, h) => paint(pen, w, h, axes, data));
    all("[role=slider]", plot).forEach((handle, k) => { handle.style.left = `${SIDE + k * (canvas.clientWidth - 2 * SIDE) / Math.max(1, axes.length - 1)}px`; });
  };
  plot.redraw();
  handles(plot, axes);
}

const TALL = 420, LEAST = 76; // pixels: the height, and an axis's room
const TOP = 34, BOTTOM = 28, SIDE = 42, STRIP = 16;
const unit = (axis, v) => axis.kind === "log" ? Math.log(v / axis.low) / Math.log(axis.high / axis.low) : (v - axis.low) / (axis.high - axis.low);
const valueAt = (axis, u) => axis.kind === "log" ? axis.low * (axis.high / axis.low) ** u : axis.low + u * (axis.high - axis.low);
const hasStrip = axis => typeof axis.strip === "number";
const height = (axis, u, h) => TOP + (1 - u) * (h - TOP - BOTTOM - STRIP);

function paint(pen, w, h, axes, data) {
  const step = (w - 2 * SIDE) / Math.max(1, axes.length - 1), x = k => SIDE + k * step;
  const ink = colour("--ink"), muted = colour("--muted");
  const n = data.number.length, shades = dark() ? [[47, 82, 115], [222, 235, 247]] : [[195, 213, 230], [8, 48, 107]];
  pen.lineWidth = 1;
  for (let i = 0; i < n; i++) { // the best are last, and so on top
    const share = n > 1 ? i / (n - 1) : 1;
    pen.strokeStyle = `rgb(${shades[0].map((from, c) => Math.round(from + (shades[1][c] - from) * share ** 2)).join(" ")} / ${n > 400 ? 0.45 : 0.8})`;
    if (i === data.best) { pen.strokeStyle = "#d55e00"; pen.lineWidth = 2.5; }
    pen.beginPath();
    for (let k = 0; k < axes.length; k++) {
      const v = axes[k].at[i], y = v === null ? h - BOTTOM : height(axes[k], unit(axes[k], v), h);
      if (k) pen.lineTo(x(k), y); else pen.moveTo(x(k), y);
    }
    pen.stroke();
    pen.lineWidth = 1;
  }
  pen.font = "12px system-ui, sans-serif";
  pen.textAlign = "center";
  axes.forEach((axis, k) => {
    pen.strokeStyle = muted;
    pen.beginPath();
    pen.moveTo(x(k), TOP);
    pen.lineTo(x(k), h - BOTTOM - STRIP);
    pen.stroke();
    const brush = brushes.get(axis.column);
    if (brush) {
      const from = height(axis, Math.min(1, unit(axis, brush[1])), h), to = height(axis, Math.max(0, unit(axis, brush[0])), h);
      pen.fillStyle = "rgb(213 94 0 / .35)";
      pen.fillRect(x(k) - 6, from, 12, Math.max(3, to - from));
    }
    pen.fillStyle = ink;
    const most = Math.max(4, Math.floor((k % (axes.length - 1) ? step : Math.min(step, 2 * SIDE)) / 7)); // both ends of the figure are near
    pen.fillText(cut(axis.name, most), x(k), 14);
    pen.fillStyle = muted;
    if (axis.categories.length) axis.categories.slice(0, 12).forEach((name, i) => pen.fillText(String(name).slice(0, most), x(k), height(axis, unit(axis, i), h) - 3));
    else { pen.fillText(short(+axis.high.toPrecision(3)), x(k), TOP - 5); pen.fillText(short(+axis.low.toPrecision(3)), x(k), h - BOTTOM - STRIP + 13); }
    if (hasStrip(axis)) pen.fillText(words.inactive, x(k), h - BOTTOM + 14);
  });
}

function handles(plot, axes) {
  const box = one(".axes", plot), names = axes.map(axis => axis.column).join("\n");
  plot.axes = axes;
  if (box.dataset.names === names) { axes.forEach((axis, k) => describe(box.children[k], axis)); return; }
  box.dataset.names = names;
  box.replaceChildren(...axes.map((_, k) => {
    const handle = make("div", { tabIndex: 0 });
    handle.setAttribute("role", "slider");
    handle.setAttribute("aria-orientation", "vertical");
    describe(handle, axes[k]);
    const at = event => {
      const box = handle.getBoundingClientRect(), u = 1 - (event.clientY - box.top + 30 - TOP) / (TALL - TOP - BOTTOM - STRIP);
      return valueAt(plot.axes[k], Math.max(0, Math.min(1, u)));
    };
    let begin = null;
    handle.addEventListener("pointerdown", event => { handle.setPointerCapture(event.pointerId); begin = at(event); });
    handle.addEventListener("pointermove", event => {
      if (begin === null) return;
      brushes.set(plot.axes[k].column, [begin, at(event)].sort((a, b) => a - b));
      plot.redraw();
    });
    handle.addEventListener("pointerup", event => {
      if (begin === null) return;
      const range = [begin, at(event)].sort((a, b) => a - b), axis = plot.axes[k];
      begin = null;
      setBrush(axis.column, Math.abs(unit(axis, range[1]) - unit(axis, range[0])) < 0.01 ? null : axis.categories.length ? [Math.ceil(range[0]), Math.floor(range[1])] : range);
    });
    handle.addEventListener("keydown", event => {
      const axis = plot.axes[k], move = { ArrowUp: 1, ArrowDown: -1, PageUp: 5, PageDown: -5 }[event.key];
      if (event.key === "Escape") { setBrush(axis.column, null); return; }
      if (!move) return;
      event.preventDefault();
      const range = [...brushes.get(axis.column) ?? [axis.low, axis.high]], end = event.shiftKey ? 1 : 0;
      const size = axis.categories.length ? 1 / Math.max(1, axis.categories.length - 1) : 0.05;
      range[end] = valueAt(axis, Math.max(0, Math.min(1, unit(axis, range[end]) + move * size)));
      if (range[0] <= range[1]) setBrush(axis.column, range);
    });
    return handle;
  }));
  plot.redraw();
}

function describe(handle, axis) {
  const [low, high] = brushes.get(axis.column) ?? [axis.low, axis.high];
  handle.setAttribute("aria-label", say("axis", axis.name, short(low), short(high)));
  handle.setAttribute("aria-valuemin", axis.low);
  handle.setAttribute("aria-valuemax", axis.high);
  handle.setAttribute("aria-valuenow", low);
  handle.setAttribute("aria-valuetext", say("range", axis.name, short(low), short(high)));
}

all("[data-figure]").forEach(prepare);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => all("[data-figure]").forEach(refresh));

const curve = one("[data-curve]");
if (curve) {
  const points = JSON.parse(curve.dataset.curve), names = JSON.parse(curve.dataset.names);
  const css = getComputedStyle(document.documentElement), m = Math.max(names.length, 1);
  const plot = make("div", { className: "plot" });
  curve.append(plot);
  const axis = { gridcolor: css.getPropertyValue("--grid"), zeroline: false, automargin: true };
  // Several objectives have a panel each, one below the other: their units differ.
  const layout = { margin: { t: 10, r: 20 }, xaxis: { ...axis, anchor: `y${m > 1 ? m : ""}` }, showlegend: false, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: css.getPropertyValue("--ink") } };
  const traces = Array.from({ length: m }, (_, k) => {
    const top = 1 - k / m;
    layout[`yaxis${k ? k + 1 : ""}`] = { ...axis, domain: [top - 0.9 / m, top], title: { text: names[k] ?? "" } };
    return { type: "scatter", mode: "lines+markers", x: points.map(p => p[0]), y: points.map(p => p[k + 1]), yaxis: `y${k ? k + 1 : ""}`, line: { color: css.getPropertyValue("--accent") } };
  });
  Plotly.react(plot, traces, layout, CONFIG);
}

// -- parts that are fetched -------------------------------------------------------------------------------------------

// A part is markup of the server; what a reader opened in it stays open, and what has the focus keeps it.
async function loadPart(part) {
  try {
    const answer = await fetch(part.dataset.fetch);
    const text = await answer.text();
    if (!answer.ok) throw new Error(answer.status === 401 ? words.token : words.failed);
    if (part.text === text) return;
    part.text = text;
    const made = document.adoptNode(new DOMParser().parseFromString(text, "text/html").body);
    for (const old of all("details[id]", part)) { const same = one(`#${old.id}`, made); if (same) same.open = old.open; }
    for (const old of all("input[id]", part)) { const same = one(`#${old.id}`, made); if (same) same.checked = old.checked; }
    const focus = part.contains(document.activeElement) ? document.activeElement.id : "";
    part.replaceChildren(...made.childNodes);
    if (focus) document.getElementById(focus)?.focus();
    revealed();
  } catch (error) { if (!one(".facts, ul", part)) { one(".bones", part)?.remove(); part.append(make("p", { className: "error", textContent: error.message })); } }
  part.setAttribute("aria-busy", "false");
}
const parts = names => all("[data-fetch]").filter(part => !names || names.some(name => part.classList.contains(name)));
const later = names => parts(names).reduce((before, part) => before.then(() => loadPart(part)), Promise.resolve());
if (parts().some(part => part.getAttribute("aria-busy") === "true")) later();
setInterval(() => { if (!document.hidden && one("[data-running]")) later(["doing"]); }, 3000);

// What works by this script alone is hidden until it is there.
const revealed = () => all("[data-copy], [data-step]").forEach(button => { button.hidden = false; });
revealed();
document.addEventListener("click", async event => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  const shown = all("pre", button.parentElement).find(pre => pre.offsetParent !== null);
  try { await navigator.clipboard.writeText(shown.textContent); tell(words.copied); }
  catch { getSelection().selectAllChildren(shown); } // not on a page that is not secure: the reader can copy it then
});

const picker = one("#picker");
if (picker) {
  one("button:not([type])", picker).hidden = true;
  const paired = () => { const [first, second] = all("[name=param]", picker); if (second) second.disabled = first.value === ""; };
  paired();
  const pick = () => {
    paired();
    query.delete("param");
    for (const select of all("[name=param]:enabled", picker)) query.append("param", select.value);
    if (one("#objective") && one("#objective").value !== (query.get("objective") ?? "0")) { query.set("objective", one("#objective").value); location.search = query; return; }
    if (!query.get("figure")) query.set("figure", one("[name=figure]", picker).value);
    history.replaceState(null, "", `?${query}`);
    all("[data-name]").forEach(refresh);
  };
  picker.addEventListener("change", pick);
  picker.addEventListener("click", event => {
    const step = event.target.closest("[data-step]")?.dataset.step, select = one("[name=param]", picker);
    if (!step) return;
    select.selectedIndex = (select.selectedIndex + Number(step) + select.length) % select.length;
    pick();
  });
}

let tableStop = null;
async function loadTable(search, focus = false) {
  tableStop?.abort();
  tableStop = new AbortController();
  try {
    const url = new URLSearchParams(search);
    url.set("part", "table");
    const answer = await fetch(`${location.pathname}?${url}`, { signal: tableStop.signal });
    const made = new DOMParser().parseFromString(await answer.text(), "text/html");
    const sheet = one("#sheet", made);
    if (!sheet) return;
    one("#sheet").replaceWith(document.adoptNode(sheet));
    one("#where-error").textContent = one("#sheet .error")?.textContent ?? "";
    one("#sheet > .error")?.remove();
    if (focus) one("#sheet .scroll").focus();
  } catch (error) { if (error.name !== "AbortError") tell(words.failed, true); }
}
document.addEventListener("click", event => {
  const link = event.target.closest?.("a[data-part]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  history.pushState(null, "", link.href);
  for (const key of [...query.keys()]) query.delete(key);
  for (const [key, value] of new URL(link.href).searchParams) query.append(key, value);
  loadTable(link.search, true);
});
addEventListener("popstate", () => location.reload());
one("#at")?.scrollIntoView({ block: "center" });

const list = one(".studies");
if (list) setInterval(async () => {
  if (document.hidden) return;
  const text = await fetch(location.href).then(answer => answer.ok ? answer.text() : "").catch(() => "");
  const made = one(".studies tbody", new DOMParser().parseFromString(text, "text/html"));
  if (!made) return;
  const chosen = new Set(all("input:checked", list).map(input => input.value));
  for (const input of all("input", made)) input.checked = chosen.has(input.value);
  if (!list.contains(document.activeElement)) one("tbody", list).replaceWith(document.adoptNode(made));
}, 30000);

// -- live: one connection a browser -----------------------------------------------------------------------------------

let busy = false, again = false, last = 0, refreshing = null, place = null;
async function changed({ seq, version, counts }) {
  showCounts(counts);
  const before = place;
  place = `${seq}:${version}`;
  if (before === place) return;
  if (page.dataset.page === "trials") {
    const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
    if (before !== null || String(all) !== one("#sheet").dataset.all) loadTable(`?${query}`);
    return;
  }
  const figure = one("[data-name]"), known = state.get(figure);
  // The first event says where the study stands: what the page shows already, or is about to fetch.
  if (before === null && (known?.seq === undefined || `${known.seq}:${known.version}` === place)) return;
  later(["doing"]);
  await follow(figure, known);
  // The figure and the verdict follow after a while; the more they cost, the later.
  const wait = Math.max(3000, 10000 - (Date.now() - last));
  refreshing ??= setTimeout(() => { refreshing = null; last = Date.now(); all("[data-name]").forEach(refresh); later(); }, wait);
}

async function follow(figure, known) {
  if (known?.seq === undefined || figure.id !== "figure-history" || filterQuery().size) return;
  if (busy) { again = true; return; }
  busy = true;
  try {
    do { again = false; await addNew(figure, known); } while (again);
  } catch (error) { tell(error.message, true); }
  busy = false;
}

async function addNew(figure, known) {
  const objective = one("#objective")?.value ?? 0, since = known.seq;
  const found = await fetchJSON(`${root}/study/${page.dataset.live}/delta?since=${since}&objective=${objective}`);
  if (known.seq !== since) return; // the whole figure came in the meantime
  if (found.best && one("#best")) {
    one("#best").textContent = short(found.best.value);
    one("#best").href = `${root}/study/${page.dataset.live}/trial/${found.best.number}`;
    one("#best-trial").textContent = found.best.number;
  }
  showCounts(found.counts);
  const plot = one(".plot", figure), at = known.data?.figure?.data.findIndex(trace => trace.mode === "markers" && trace.customdata);
  known.seq = found.seq;
  if (found.gap || at === undefined || at < 0) { refresh(figure); return; }
  const complete = found.new.filter(([, state, value]) => state === 1 && typeof value === "number");
  if (complete.length) Plotly.extendTraces(plot, { x: [complete.map(t => t[0])], y: [complete.map(t => t[2])], customdata: [complete.map(t => [t[0], short(t[2])])] }, [at]);
}

function showCounts(counts) {
  const place = one("#counts");
  if (!place) return;
  for (const [name, count] of Object.entries(counts)) {
    const shown = one(`.count.${name} b`, place);
    if (shown) shown.textContent = grouped.format(count);
    else fetch(location.href).then(a => a.text()).then(text => { const made = one("#counts", new DOMParser().parseFromString(text, "text/html")); if (made) place.replaceChildren(...made.childNodes); });
  }
  for (const shown of all(".count", place)) if (!counts[shown.classList[1]]) shown.remove();
}

const heard = message => {
  if (message.lost) { tell(words.lost, true); return; }
  if (message.token) { tell(words.token, true); return; }
  if (message.open) { tell(words.live); return; }
  if (String(message.study) !== page?.dataset.live) return;
  if (message.gone) tell(words.gone, true); else changed(message);
};

function connect(ids, announce) {
  const source = new EventSource(`${root}/events?${ids.map(id => `study=${id}`).join("&")}`);
  source.onopen = () => announce({ open: true });
  source.onmessage = event => announce(JSON.parse(event.data));
  source.addEventListener("gone", event => announce({ ...JSON.parse(event.data), gone: true }));
  source.onerror = () => {
    announce({ lost: true });
    if (source.readyState === EventSource.CLOSED) setTimeout(async () => {
      const answer = await fetch(`${root}/studies.json`).catch(() => null);
      if (answer?.status === 401) announce({ token: true });
      source.again?.();
    }, 2000);
  };
  return source;
}

if (page && navigator.locks && window.BroadcastChannel) {
  const prefix = `tunesmith${root}:view:`, channel = new BroadcastChannel(`tunesmith${root}`), known = new Map();
  const forever = () => new Promise(() => {});
  navigator.locks.request(prefix + page.dataset.live, { mode: "shared" }, forever);
  channel.onmessage = event => { if (!event.data.hello) heard(event.data); };
  // Only the tab that gets this lock connects; when it is closed, the next one does.
  navigator.locks.request(`tunesmith${root}:leader`, () => {
    let source = null, watched = "";
    const announce = message => {
      if (message.study) known.set(String(message.study), message);
      channel.postMessage(message);
      heard(message);
    };
    const follow = async (hello, force) => {
      const { held } = await navigator.locks.query();
      const ids = [...new Set(held.filter(lock => lock.name.startsWith(prefix)).map(lock => lock.name.slice(prefix.length)))].sort().slice(0, 10);
      if (force || ids.join() !== watched) {
        source?.close();
        watched = ids.join();
        source = ids.length ? connect(ids, announce) : null;
        if (source) source.again = () => follow(null, true);
      } else if (hello && known.has(hello)) { channel.postMessage({ open: true }); channel.postMessage(known.get(hello)); }
    };
    channel.onmessage = event => { if (event.data.hello) follow(event.data.hello); };
    follow();
    setInterval(follow, 30000);
    return forever();
  });
  setTimeout(() => channel.postMessage({ hello: page.dataset.live }), 100);
} else if (page) {
  const open = () => { const source = connect([page.dataset.live], heard); source.again = open; };
  open();
}
