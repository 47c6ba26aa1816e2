// Pages are made by the server and work without a script; this one fetches figures, filters them by brushing, and keeps
// open pages up to date; figures.js lets drawings answer. Text of studies is set as text; markup is the server's alone.

const { Figure, save, short } = globalThis.tunesmith;
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

async function fetchJSON(url, signal) {
  const answer = await fetch(url, { signal, headers: { accept: "application/json" } });
  if (answer.status === 401) throw new Error(words.token);
  const data = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(data.error || words.failed);
  return data;
}

// -- language and colours --

for (const name of ["language", "theme"]) {
  one(`#${name}`)?.addEventListener("change", event => {
    document.cookie = `tunesmith-${name}=${event.target.value}; path=${root || "/"}; max-age=31536000; samesite=strict`;
    location.reload();
  });
}

// -- the filter, kept in the address --

const query = new URLSearchParams(location.search);
const brushes = new Map(query.getAll("brush").map(text => {
  const [, column, low, high] = text.match(/^(.*):([^:]*):([^:]*)$/s) ?? [, text, NaN, NaN];
  return [column, [Number(low), Number(high)]];
}));

function filterQuery() {
  const found = new URLSearchParams();
  for (const key of ["where", "hide"]) if (query.get(key)) found.set(key, query.get(key));
  for (const [column, [low, high]] of brushes) found.append("brush", `${column}:${low}:${high}`);
  return found;
}

function setBrush(column, range) {
  if (range && column === "number") range = [Math.ceil(range[0]), Math.floor(range[1])]; // trials have whole numbers
  if (range && range[0] > range[1]) return;
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
  if (one("#hide")) one("#hide").checked = query.has("hide");
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
    link.dataset.keep ||= link.search || "?"; // what the link itself says
    const shared = link.closest(".stage") && !link.matches("[data-set], [data-grid]") ? ["x", "log", "best", "panels"].filter(key => query.has(key)) : [];
    link.search = new URLSearchParams([...[...new URLSearchParams(link.dataset.keep)].filter(([key]) => !["where", "hide", "brush", ...shared].includes(key)), ...shared.map(key => [key, query.get(key)]), ...filterQuery()]);
  }
}

one("#filter")?.addEventListener("submit", event => {
  event.preventDefault();
  query.set("where", one("#where").value.trim());
  if (!query.get("where")) query.delete("where");
  filterChanged();
});
one("#hide")?.addEventListener("change", event => {
  if (event.target.checked) query.set("hide", 1); else query.delete("hide");
  filterChanged();
});
showChips();

// -- figures --

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
  let wait = null;
  new ResizeObserver(() => { // a drawing has the width of its place
    const { width } = state.get(figure), { clientWidth } = figure;
    clearTimeout(wait);
    if (width && clientWidth && Math.abs(clientWidth - width) > 8) wait = setTimeout(() => refresh(figure), 200);
  }).observe(figure);
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
  const [width, height] = roomOf(figure), asked = figure.dataset.name ? [...["param", "x", "log", "best"].flatMap(key => query.getAll(key).map(value => [key, value])), ...filterQuery()] : [];
  const extra = new URLSearchParams([["width", width], ["height", height], ...asked]);
  try {
    const data = await fetchJSON(`${figure.dataset.figure}&${extra}`, known.stop.signal);
    while (known.shown?.drag?.band) await new Promise(done => setTimeout(done, 100)); // not under the reader's hand
    known.width = width;
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

// How large a drawing may be: the place of figures, not of those that have grown.
function roomOf(figure) {
  const plot = one(".plot", figure), grown = figure.classList.contains("tall");
  figure.classList.remove("tall");
  const room = [figure.clientWidth, Math.max(200, plot.clientHeight)];
  figure.classList.toggle("tall", grown);
  return room;
}

const markup = text => document.adoptNode(new DOMParser().parseFromString(text, "text/html").body.firstChild);
const openTrial = page ? number => { location.href = trialAt(number); } : undefined;
const trialAt = number => number === undefined || !page ? undefined : `${root}/study/${page.dataset.live}/trial/${number}`;

function show(figure, data) {
  const known = state.get(figure), caption = one("figcaption", figure), old = one(".plot", figure);
  const plot = old.classList.contains("panels") === Boolean(data.panels) ? old : make("div", { className: `plot ${data.panels ? "panels" : ""}` });
  if (plot !== old) old.replaceWith(plot);
  known.data = data;
  figure.classList.toggle("brief", Boolean(data.missing));
  plot.hidden = Boolean(data.missing);
  const stage = figure.closest(".stage") ?? figure, zoom = one("[data-zoom]", stage);
  for (const button of all("[data-save]", stage)) button.disabled = Boolean(data.missing);
  if (zoom) zoom.hidden = Boolean(data.missing) || !Object.keys(data.columns ?? {}).length;
  if (data.missing) { caption.textContent = data.missing; return; }
  const told = make("p", { className: "notes told hidden", role: "status" });
  if (data.panels) drawPanels(figure, plot, data); else drawOne(figure, plot, data, text => { told.textContent = text; told.classList.remove("hidden"); });
  const parts = data.notes.length ? [make("p", { className: "notes", textContent: data.notes.join(" · ") })] : [];
  const open = one("details", caption)?.open, table = make("details", {}, make("summary", { textContent: words.table }));
  const heading = one("h1, h2", figure.closest("section") ?? document)?.textContent ?? "";
  table.addEventListener("toggle", () => { if (table.open && table.childElementCount === 1) table.append(tableOf(figure, heading)); });
  table.open = Boolean(open);
  caption.replaceChildren(...data.panels ? [] : [told], ...parts, make("p", { className: "sentence", textContent: data.summary }), table);
}

function drawOne(figure, plot, data, tell) {
  const known = state.get(figure), svg = markup(data.svg), place = make("div", { className: "drawn" }, svg), old = known.shown;
  figure.classList.toggle("tall", svg.viewBox.baseVal.height > roomOf(figure)[1] + 4);
  place.style.width = `${svg.viewBox.baseVal.width}px`;
  const focus = plot.contains(document.activeElement) ? document.activeElement : null, key = focus?.dataset.key;
  const slider = focus?.dataset.column;
  plot.replaceChildren(make("div", { className: "wide" }, place));
  known.shown = plot.figure = new Figure(place, data.data, {
    words, open: openTrial, link: trialAt, columns: data.columns, told: tell,
    chosen: choose, brush: found => { for (const [column, range] of found) brushes.set(column, range); filterChanged(); },
    row: number => { const k = data.table.columns[0].indexOf(number); return data.table.heads.map((head, j) => `${head} ${short(data.table.columns[j][k])}`); },
  }, old);
  one("[data-zoom]", figure.closest(".stage") ?? figure)?.setAttribute("aria-pressed", String(known.shown.zooms));
  if (data.handles) handles(place, svg, data.handles, known.shown);
  if (focus) (key !== undefined ? one(`[data-key="${key}"]`, place) : slider !== undefined ? all("[role=slider]", place).find(handle => handle.dataset.column === slider) : place)?.focus({ preventScroll: true });
}

// What is being brushed stands out in all figures at once; the drawings of the server follow.
let choosing = null;
function choose(numbers) {
  if (choosing === null) requestAnimationFrame(() => {
    for (const figure of all("[data-name]")) state.get(figure).shown?.choose(choosing.numbers);
    choosing = null;
  });
  choosing = { numbers };
}

document.addEventListener("click", event => {
  const button = event.target.closest?.("[data-zoom]"), shown = button && state.get(one("[data-name]", button.closest(".stage"))).shown;
  if (!shown) return;
  shown.zooms = !shown.zooms;
  button.setAttribute("aria-pressed", String(shown.zooms));
});

const MOST_ROWS = 200;
function rowsOf(figure, most) {
  const { data, shown } = state.get(figure);
  if (!data.table) return shown.rows(most);
  const { heads, columns } = data.table, n = columns[0].length;
  return { heads, n, rows: Array.from({ length: Math.min(most, n) }, (_, k) => columns.map(column => column[k])) };
}

function tableOf(figure, heading) {
  const { heads, rows, n } = rowsOf(figure, MOST_ROWS);
  const table = make("table", {}, make("thead", {}, make("tr", {}, ...heads.map(head => make("th", { scope: "col", textContent: head })))),
    make("tbody", {}, ...rows.map(row => make("tr", {}, ...row.map(cell => make("td", { textContent: short(cell ?? null) }))))));
  const region = make("div", { className: "scroll", tabIndex: 0, role: "region" }, table);
  region.setAttribute("aria-label", `${heading}: ${words.table}`);
  return make("div", {}, make("p", { className: "notes", textContent: n > rows.length ? say("first", grouped.format(rows.length), grouped.format(n)) : say("rows", grouped.format(n)) }), region);
}

document.addEventListener("click", event => {
  const button = event.target.closest?.("[data-save]");
  if (!button) return;
  const figure = one("[data-name]", button.closest(".stage")), place = one(".drawn", figure) ?? one(".plot", figure);
  save(place, button.dataset.save, figure.dataset.name, rowsOf(figure, Infinity)).catch(() => tell(words.failed, true));
});

// Small panels: one a parameter, or one a pair; each leads to the large figure.
function drawPanels(figure, plot, data) {
  state.get(figure).shown = null;
  plot.replaceChildren(make("p", { className: "notes", textContent: figure.dataset.name === "rank" ? words.ranks : words.late }), ...data.panels.map(({ params, svg }) => {
    const link = new URLSearchParams(location.search), name = params.join(" × ");
    link.delete("param");
    for (const param of params) link.append("param", param);
    if (!link.has("figure")) link.set("figure", figure.dataset.name);
    return make("a", { className: "panel", href: `?${link}` }, make("b", { textContent: name, title: name }), markup(svg));
  }));
}

// Parallel coordinates have a slider on each axis, by mouse, touch and keys.
function handles(place, svg, axes, shown) {
  const { width, height } = svg.viewBox.baseVal, [top, foot, ...x] = one("[data-lines]", svg).dataset.lines.split(" ").map(Number);
  const percent = share => `${100 * share}%`;
  axes.forEach((axis, k) => {
    const handle = make("div", { tabIndex: 0, className: "handle" }, make("i"));
    const value = u => { const at = axis.low + Math.max(0, Math.min(1, u)) * (axis.high - axis.low); return axis.log ? 10 ** at : at; };
    const unit = v => ((axis.log ? Math.log10(v) : v) - axis.low) / (axis.high - axis.low);
    const ends = [value(0), value(1)], at = event => { const box = handle.getBoundingClientRect(); return value(1 - (event.clientY - box.top) / box.height); };
    handle.setAttribute("role", "slider");
    handle.setAttribute("aria-orientation", "vertical");
    handle.dataset.column = axis.column;
    Object.assign(handle.style, { left: percent(x[k] / width), top: percent(top / height), height: percent((foot - top) / height) });
    const describe = () => {
      const [low, high] = brushes.get(axis.column) ?? ends, shares = [unit(low), unit(high)].map(u => Math.max(0, Math.min(1, u)));
      for (const [name, text] of Object.entries({ label: say("axis", axis.name, short(low), short(high)), valuemin: ends[0], valuemax: ends[1], valuenow: low, valuetext: say("range", axis.name, short(low), short(high)) })) handle.setAttribute(`aria-${name}`, text);
      handle.firstChild.hidden = !brushes.has(axis.column);
      Object.assign(handle.firstChild.style, { top: percent(1 - shares[1]), height: `max(3px, ${percent(shares[1] - shares[0])})` });
    };
    let begin = null;
    handle.addEventListener("pointerdown", event => { handle.setPointerCapture(event.pointerId); begin = at(event); });
    handle.addEventListener("pointermove", event => {
      if (begin === null) return;
      const range = [begin, at(event)].sort((a, b) => a - b), [low, high] = range.map(v => foot - unit(v) * (foot - top));
      brushes.set(axis.column, range);
      describe();
      choose(new Set(shown.allLines().filter(line => line.at.some(p => Math.abs(p[0] - x[k]) < 1 && p[1] <= low && p[1] >= high)).map(line => line.number)));
    });
    handle.addEventListener("pointerup", event => {
      if (begin === null) return;
      const range = [begin, at(event)].sort((a, b) => a - b);
      begin = null;
      setBrush(axis.column, Math.abs(unit(range[1]) - unit(range[0])) < 0.01 ? null : axis.categories ? [Math.ceil(range[0]), Math.floor(range[1])] : range);
    });
    handle.addEventListener("keydown", event => {
      const move = { ArrowUp: 1, ArrowDown: -1, PageUp: 5, PageDown: -5 }[event.key];
      if (event.key === "Escape") { setBrush(axis.column, null); return; }
      if (!move) return;
      event.preventDefault();
      const range = [...brushes.get(axis.column) ?? ends], end = event.shiftKey ? 1 : 0, size = axis.categories ? 1 / Math.max(1, axis.categories - 1) : 0.05;
      range[end] = value(unit(range[end]) + move * size);
      if (range[0] <= range[1]) setBrush(axis.column, range);
    });
    describe();
    place.append(handle);
  });
}

all("[data-figure]").forEach(prepare);

for (const curve of all("[data-told]")) {
  const told = curve.appendChild(make("p", { className: "notes told", role: "status" }));
  for (const place of all(".drawn", curve)) new Figure(place, JSON.parse(curve.dataset.told), { words, told: text => { told.textContent = text; } });
}

// -- parts that are fetched --

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
const later = (names, which = parts(names)) => which.reduce((before, part) => before.then(() => loadPart(part)), Promise.resolve());
later(null, parts().filter(part => part.getAttribute("aria-busy") === "true"));
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

// -- menus, dialogs, settings of a figure, and the panels of an overview: links that work without this script, too ---

for (const open of all("dialog[open]")) { open.close(); open.showModal(); }
document.addEventListener("click", async event => {
  const link = event.target.closest?.("a, button"), { ask, set, grid } = link?.dataset ?? {};
  for (const menu of all(".menu[open]")) if (!menu.contains(event.target) || link) menu.open = false;
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (ask) one(`#ask-${ask}`).showModal();
  else if ("close" in link.dataset) link.closest("dialog").close();
  else if (!set && grid === undefined) return;
  event.preventDefault();
  if (!set && grid === undefined) return;
  const key = set ?? "panels", value = new URLSearchParams(link.search).get(key);
  if (value === null) query.delete(key); else query.set(key, value);
  history.replaceState(null, "", `?${query}`);
  if (set) {
    for (const other of link.parentElement.children) if (other === link) other.setAttribute("aria-current", "true"); else other.removeAttribute("aria-current");
    refresh(one("#figure-history"));
    showChips();
    return;
  }
  const made = new DOMParser().parseFromString(await fetch(`?${query}`).then(answer => answer.text()), "text/html");
  for (const part of all(".grid > *", made)) { // figures that are there stay as they are
    const old = document.getElementById(part.id);
    if (!old) continue;
    one(".menu", old).replaceWith(one(".menu", part));
    part.replaceWith(old);
  }
  one("#add")?.replaceWith(one("#add", made));
  one(".grid").replaceChildren(...one(".grid", made).children);
  all(".grid [data-figure]").filter(figure => !state.has(figure)).forEach(prepare);
  showChips();
});
document.addEventListener("keydown", event => {
  const menu = event.key === "Escape" && one(".menu[open]");
  if (menu) { menu.open = false; one("summary", menu).focus(); }
});

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
    showChosen();
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

// -- live: one connection a browser --

let busy = false, again = false, last = 0, refreshing = null, place = null, told = "";
async function changed({ seq, version, counts }) {
  const before = place;
  place = `${seq}:${version}`;
  if (before === place && told === String(Object.values(counts))) return;
  told = String(Object.values(counts));
  if (page.dataset.page === "trials") {
    const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
    if (before !== null || String(all) !== one("#sheet").dataset.all) loadTable(`?${query}`);
    return;
  }
  const figure = one("#figure-history") ?? one("[data-name]"), known = figure && state.get(figure);
  // The first event says where the study stands: what the page shows already, or is about to fetch.
  if (before === null && (known?.seq === undefined || `${known.seq}:${known.version}` === place)) return;
  later(["head", "doing"]);
  await follow(figure, known);
  // The figure and the verdict follow after a while; the more they cost, the later.
  const wait = Math.max(3000, 10000 - (Date.now() - last));
  refreshing ??= setTimeout(() => { refreshing = null; last = Date.now(); all("[data-name]").forEach(refresh); later(); }, wait);
}

async function follow(figure, known) {
  if (known?.seq === undefined || figure.id !== "figure-history" || filterQuery().size || query.get("x") || query.get("best")) return;
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
  const at = known.data?.data?.traces.findIndex(trace => trace.legendgroup === "trials");
  known.seq = found.seq;
  if (found.gap || at === undefined || at < 0) { refresh(figure); return; }
  const complete = found.new.filter(([, state, value]) => state === 1 && typeof value === "number");
  if (complete.length) known.shown.extend(at, complete.map(([number, , value]) => [number, value, [number, short(value)]]));
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

// -- the list of studies, and what is chosen to be compared --

// What only reading its trials tells of a study is fetched when its row is seen, one after the other.
let filled = Promise.resolve();
const rowSeen = new IntersectionObserver(entries => {
  for (const { target, isIntersecting } of entries) if (isIntersecting) {
    rowSeen.unobserve(target);
    filled = filled.then(() => { target.dataset.fetch = target.dataset.lazy; return loadPart(target); });
  }
});
const lazyRows = () => all("[data-lazy]:not([data-fetch])").forEach(part => rowSeen.observe(part));

async function loadStudies() {
  const asked = location.search, text = await fetch(location.href).then(answer => answer.ok ? answer.text() : "").catch(() => "");
  const made = one("#studies", new DOMParser().parseFromString(text, "text/html")), list = one("#studies");
  if (!made || asked !== location.search) return;
  const focus = document.activeElement?.form?.id === "compare" ? document.activeElement.value : "";
  for (const box of all(":checked", list).reverse()) { // what is chosen stays in sight
    const same = one(`input[value="${box.value}"][name=study]`, made);
    if (same) same.checked = true; else one(".studies", made)?.prepend(box.closest("li"));
  }
  list.replaceWith(document.adoptNode(made));
  if (focus) one(`input[value="${focus}"][name=study]`)?.focus();
  lazyRows();
  showChosen();
}

if (one("#studies")) {
  const search = one("#q");
  let wait = null;
  one("button", search.form).hidden = true;
  search.addEventListener("input", () => {
    for (const name of ["q", "page"]) query.delete(name);
    if (search.value.trim()) query.set("q", search.value.trim());
    history.replaceState(null, "", `?${query}`);
    clearTimeout(wait);
    wait = setTimeout(loadStudies, 80);
  });
  setInterval(() => { if (!document.hidden && !one("#studies details[open]")) loadStudies(); }, 15000);
  lazyRows();
} else if (one(".begin")) setInterval(async () => { if ((await fetchJSON(`${root}/studies.json`).catch(() => [])).length) location.reload(); }, 3000);

// A menu is closed by Escape, and by a click elsewhere.
const closeMenus = except => all(".menu[open]").forEach(menu => { if (!menu.contains(except)) menu.open = false; });
document.addEventListener("click", event => closeMenus(event.target));
document.addEventListener("keydown", event => {
  const menu = event.key === "Escape" && document.activeElement.closest(".menu[open]");
  if (menu) { menu.open = false; one("summary", menu).focus(); }
});

// Studies are chosen on their page; trials are pinned, which the tab keeps while it goes from page to page.
const pinsOf = key => new Set(JSON.parse(sessionStorage.getItem(key) ?? "[]"));
function showChosen() {
  const bar = one(".choose");
  if (!bar) return;
  const key = bar.dataset.pins, boxes = all("[form][type=checkbox]");
  const kept = key ? pinsOf(key) : new Set(boxes.filter(box => box.checked).map(box => box.value));
  for (const box of boxes) box.checked = kept.has(box.value);
  all("input", bar).forEach(input => input.remove());
  for (const value of kept) if (!boxes.some(box => box.value === value)) bar.append(make("input", { type: "hidden", name: "trial", value }));
  bar.hidden = kept.size < 2;
  one("span", bar).textContent = bar.dataset.many.replace("{}", kept.size);
}
document.addEventListener("change", ({ target }) => {
  const form = target.form, key = form?.dataset.pins;
  if (!form?.classList.contains("choose")) return;
  if (key) {
    const kept = pinsOf(key);
    kept[target.checked ? "add" : "delete"](target.value);
    sessionStorage.setItem(key, JSON.stringify([...kept]));
  }
  showChosen();
});
showChosen();
