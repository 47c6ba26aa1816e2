// What drawings answer, in the dashboard and in reports: the values of points and a link to the trial, zoom, series that
// hide, keys, and files. Python draws them (visualization/svg_style.py); without this script they are pictures.
globalThis.tunesmith = (() => {
  const NEAR = 30, HIT = 12, DRAG = 5; // pixels: how far a point is shown from, opened from; and what is no click
  const all = (selector, from) => [...from.querySelectorAll(selector)];
  const made = (tag, attributes = {}, text = "") => {
    const node = tag === "text" || tag === "path" || tag === "rect" ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.textContent = text;
    return node;
  };
  const short = value => typeof value === "number" ? String(+value.toPrecision(6)) : value ?? "";
  const texts = new Map();
  const plain = text => { // texts of figures are markup, escaped by Python
    if (typeof text !== "string" || !/[&<]/.test(text)) return text ?? "";
    if (!texts.has(text)) texts.set(text, new DOMParser().parseFromString(text.replaceAll("<br>", " "), "text/html").body.textContent);
    return texts.get(text);
  };
  const px = value => String(Math.round(value * 10) / 10);

  // -- axes: numbers at round places, and where a value lies --

  const tick = value => !value || (Math.abs(value) >= 1e-3 && Math.abs(value) < 1e5) ? String(+value.toPrecision(10)) : value.toExponential(4).replace(/\.?0*e\+?/, "e");
  function ticks(low, high, most) {
    const size = 10 ** Math.floor(Math.log10((high - low) / most)), step = size * [1, 2, 5, 10].find(k => (high - low) / (size * k) <= most), found = [];
    for (let k = Math.ceil(low / step - 1e-9); k <= high / step + 1e-9; k++) found.push(+(k * step).toPrecision(12));
    return found;
  }
  function ticksOf(axis, low, high, most) { // as axis coordinates: of logarithmic axes, logarithms
    if (axis.kind !== "log") return ticks(low, high, most).map(value => [value, tick(value)]);
    const found = [];
    if (high - low < 0.7) return ticks(10 ** low, 10 ** high, most).filter(v => v > 0).map(v => [Math.log10(v), tick(v)]);
    const factors = high - low >= 2 ? [1] : [1, 2, 5];
    for (let k = Math.floor(low); k <= high; k++) for (const m of factors) if (k + Math.log10(m) >= low - 1e-9 && k + Math.log10(m) <= high + 1e-9) found.push([k + Math.log10(m), tick(+`${m}e${k}`)]);
    return found.filter((_, k) => k % Math.max(1, Math.ceil(found.length / most)) === 0);
  }
  const axisOf = text => { const [low, high, kind] = text.split(" "); return { low: +low, high: +high, kind }; };
  const scaled = (axis, value) => axis.kind === "log" ? Math.log10(value) : value;
  const share = (axis, at) => (at - axis.low) / (axis.high - axis.low || 1);

  function panelOf(g) {
    const inner = g.querySelector("svg"), w = +inner.getAttribute("width"), h = +inner.getAttribute("height"), [kx, ky] = g.dataset.panel.split(" ");
    const [, left, top] = g.getAttribute("transform").match(/([\d.-]+) ([\d.-]+)/).map(Number);
    return { g, inner, w, h, kx, ky, left, top, x: axisOf(g.dataset.x), y: axisOf(g.dataset.y), home: [0, w, 0, h], view: [0, w, 0, h] };
  }

  // -- one drawing --

  class Figure {
    // place: holds the SVG. data: {traces, axes}. options: {words, open(number), link(number), brush(ranges), columns, told}.
    // before: the figure that was here, whose zoom and hidden series stay.
    constructor(place, data, options, before) {
      Object.assign(this, { place, data, options, zoom: before?.zoom ?? new Map(), hidden: before?.hidden ?? new Set(), at: before?.at ?? null, zooms: before?.zooms ?? false });
      before?.stop.abort();
      this.stop = new AbortController();
      const svg = this.svg = place.querySelector("svg"), title = svg.querySelector("title");
      place.tabIndex = 0;
      place.setAttribute("role", "group");
      place.setAttribute("aria-label", title?.textContent ?? place.getAttribute("aria-label"));
      title?.remove(); // a browser would show it wherever the mouse rests
      svg.removeAttribute("role");
      svg.removeAttribute("aria-labelledby");
      this.size = svg.viewBox.baseVal;
      this.panels = all("[data-panel]", svg).map(panelOf);
      this.lines = svg.querySelector("[data-lines]");
      this.tip = place.appendChild(made("div", { class: "tip", hidden: "" }));
      this.reset = place.appendChild(made("button", { type: "button", class: "whole", hidden: "" }, options.words.whole));
      this.reset.addEventListener("click", () => this.zoomTo(null));
      for (const name of ["pointerdown", "pointermove", "pointerup", "pointercancel", "pointerleave", "dblclick", "keydown"]) place.addEventListener(name, event => this[name](event), { signal: this.stop.signal });
      for (const key of all("[data-key]", svg)) this.key(key);
      for (const panel of this.panels) this.show(panel);
    }

    key(g) {
      const name = g.querySelector("text").textContent, set = () => {
        const off = this.hidden.has(name);
        g.setAttribute("aria-pressed", String(!off));
        for (const k of g.dataset.key.split(" ")) { const shown = this.svg.querySelector(`[data-t="${k}"]`); if (shown) shown.style.display = off ? "none" : ""; this.data.traces[k].off = off; }
      };
      const turn = event => { if (!this.hidden.delete(name)) this.hidden.add(name); set(); event.stopPropagation(); event.preventDefault(); };
      g.setAttribute("role", "button");
      g.setAttribute("tabindex", "0");
      g.addEventListener("click", turn);
      g.addEventListener("pointerdown", event => event.stopPropagation());
      g.addEventListener("keydown", event => { if (event.key === "Enter" || event.key === " ") turn(event); });
      set();
    }

    // Draw a panel as it is zoomed: lines and areas are scaled, signs move and keep their size.
    show(panel) {
      const zoom = this.zoom.get(panel.g.dataset.panel), { w, h, home } = panel;
      panel.view = zoom ? [share(panel.x, zoom.x[0]) * w, share(panel.x, zoom.x[1]) * w, (1 - share(panel.y, zoom.y[1])) * h, (1 - share(panel.y, zoom.y[0])) * h] : home;
      this.reset.hidden = !this.zoom.size;
      const [x0, x1, y0, y1] = panel.view, kx = w / (x1 - x0), ky = h / (y1 - y0), whole = kx === 1 && ky === 1 && !x0 && !y0;
      if (whole && !panel.moved) return;
      panel.moved = true;
      const x = at => (at - x0) * kx, y = at => (at - y0) * ky;
      for (const path of all("path", panel.inner)) {
        if (!path.classList.contains("m")) {
          path.setAttribute("vector-effect", "non-scaling-stroke");
          path.setAttribute("transform", `matrix(${kx} 0 0 ${ky} ${-x0 * kx} ${-y0 * ky})`);
          continue;
        }
        path.base ??= path.getAttribute("d");
        const [ox, oy] = (path.dataset.o ?? "0 0").split(" ").map(Number);
        path.setAttribute("d", path.base.replace(/M(-?[\d.]+) (-?[\d.]+)/g, (_, a, b) => `M${px(x(a - ox) + ox)} ${px(y(b - oy) + oy)}`));
      }
      for (const text of all("text", panel.inner)) {
        text.base ??= [+text.getAttribute("x"), +text.getAttribute("y")];
        text.setAttribute("x", px(x(text.base[0])));
        text.setAttribute("y", px(y(text.base[1])));
      }
      for (const text of all(":scope > .strip", panel.g)) text.style.display = whole ? "" : "none";
      this.ticks(panel, whole, x, y);
    }

    ticks(panel, whole, x, y) {
      const { g, w, h, view } = panel, grid = g.querySelector(".grid");
      panel.drawn ??= [grid.getAttribute("d"), ...["x", "y"].map(k => [...g.querySelector(`.ticks-${k}`).childNodes])];
      grid.setAttribute("d", panel.drawn[0]);
      if (!whole) grid.setAttribute("d", "");
      ["x", "y"].forEach((k, along) => {
        const box = g.querySelector(`.ticks-${k}`), axis = panel[k], old = panel.drawn[along + 1], place = along ? y : x, size = along ? h : w;
        if (whole || axis.kind === "named") {
          box.replaceChildren(...old);
          for (const text of old) {
            text.base ??= text.getAttribute("transform") ?? "";
            const from = +text.getAttribute(k) - (along ? 4 : text.base && 3), to = place(from);
            text.setAttribute("transform", `${along ? `translate(0 ${px(to - from)})` : `translate(${px(to - from)} 0)`} ${text.base}`);
            text.style.display = to < -1 || to > size + 1 ? "none" : "";
          }
          return;
        }
        const unit = at => axis.low + (axis.high - axis.low) * at, ends = (along ? [1 - view[3] / h, 1 - view[2] / h] : [view[0] / w, view[1] / w]).map(unit).sort((a, b) => a - b);
        const found = ticksOf(axis, ...ends, Math.max(2, Math.floor(size / (along ? 34 : 60))));
        const at = found.map(([value]) => along ? y((1 - share(axis, value)) * h) : x(share(axis, value) * w));
        if (old.length) box.replaceChildren(...found.map(([, name], i) => made("text", along ? { x: -5, y: px(at[i] + 4), "text-anchor": "end", "font-size": 11 } : { x: px(at[i]), y: h + 15, "text-anchor": "middle", "font-size": 11 }, name)));
        grid.setAttribute("d", grid.getAttribute("d") + at.map(a => along ? `M0 ${px(a)}H${w}` : `M${px(a)} 0V${h}`).join(""));
      });
    }

    // -- where things are, in pixels of the drawing

    point(event) {
      const box = this.svg.getBoundingClientRect(), by = this.size.width / box.width;
      return [(event.clientX - box.left) * by, (event.clientY - box.top) * by];
    }

    panelAt([x, y]) { return this.panels.find(p => x >= p.left - 2 && x <= p.left + p.w + 2 && y >= p.top - 2 && y <= p.top + p.h + 2); }

    points(panel) {
      if (panel.points?.n === (this.data.n ??= 0)) return panel.points;
      const found = [], { w, h, kx, ky } = panel;
      this.data.traces.forEach((t, trace) => {
        if (t.silent || (t.xaxis ?? "x") !== kx || (t.yaxis ?? "y") !== ky || !t.x || !t.y) return;
        const add = (k, x, y, from) => {
          const spot = { trace, k, x: share(panel.x, scaled(panel.x, x)) * w, y: (1 - share(panel.y, scaled(panel.y, y))) * h, from: from === undefined ? null : share(panel.x, scaled(panel.x, from)) * w };
          if (x !== null && y !== null && Number.isFinite(spot.x) && Number.isFinite(spot.y)) found.push(spot);
        };
        if (t.z) t.y.forEach((y, j) => t.x.forEach((x, i) => add([j, i], x, y)));
        else t.x.forEach((x, k) => t.type !== "bar" ? add(k, x, t.y[k]) : t.orientation === "h" ? add(k, (t.base?.[k] ?? 0) + x, t.y[k], t.base?.[k] ?? 0) : add(k, x, (t.base?.[k] ?? 0) + t.y[k]));
      });
      found.n = this.data.n;
      return panel.points = found;
    }

    onScreen(panel, spot) {
      const [x0, x1, y0, y1] = panel.view, x = at => (at - x0) / (x1 - x0) * panel.w;
      return [x(spot.x), (spot.y - y0) / (y1 - y0) * panel.h, spot.from === null ? x(spot.x) : x(spot.from)];
    }

    nearest(at) {
      if (this.lines) return this.nearestLine(at);
      const panel = this.panelAt(at);
      let best = null, least = NEAR;
      for (const spot of panel ? this.points(panel) : []) {
        if (this.data.traces[spot.trace].off) continue;
        const [x, y, from] = this.onScreen(panel, spot), mx = at[0] - panel.left, low = Math.min(x, from), high = Math.max(x, from);
        const far = Math.hypot(mx < low ? low - mx : mx > high ? mx - high : 0, at[1] - panel.top - y);
        if (far < least && x > -1 && from < panel.w + 1) [best, least] = [{ panel, spot, far, x: panel.left + Math.max(0, Math.min(x, panel.w)), y: panel.top + y }, far];
      }
      return best;
    }

    // The lines of parallel coordinates, each with its trial and its corners.
    allLines() {
      return this.paths ??= all("path", this.lines).flatMap(path => { const of = path.dataset.of.split(" "); return path.getAttribute("d").slice(1).split("M").map((d, k) => ({ d: `M${d}`, number: +of[k], at: d.split("L").map(p => p.split(" ").map(Number)) })); });
    }

    // Which line passes the mouse.
    nearestLine([x, y]) {
      let best = null, least = HIT;
      for (const line of this.allLines()) {
        const k = line.at.findIndex(p => p[0] >= x);
        if (k < 1) continue;
        const [[a, b], [c, d]] = [line.at[k - 1], line.at[k]], far = Math.abs(b + (d - b) * (x - a) / (c - a) - y);
        if (far <= least) [best, least] = [{ line, number: line.number, far, x, y }, far];
      }
      return best;
    }

    // -- what is said of a point

    number({ trace, k }) {
      const t = this.data.traces[trace], mark = t.customdata?.[k] ?? t.meta, of = Array.isArray(mark) ? mark[0] : mark;
      return Number.isInteger(of) ? of : undefined;
    }

    named(name, value) {
      const found = this.data.axes[name]?.names.find(([at]) => at === Math.round(value));
      return found ? plain(found[1]) : short(value);
    }

    said({ trace, k }) {
      const t = this.data.traces[trace], cell = t.z ? { x: t.x[k[1]], y: t.y[k[0]], z: t.z[k[0]][k[1]] } : { x: t.x[k], y: t.y[k] }, name = c => (t[`${c}axis`] ?? c);
      if (!t.hovertemplate) return [plain(t.name), ...["x", "y"].map(c => `${plain(this.data.axes[name(c)]?.title)} ${this.named(name(c), cell[c])}`.trim())].filter(Boolean);
      return t.hovertemplate.replace("<extra></extra>", "").split("<br>").map(line => plain(line.replace(/%\{(\w+)(?:\[(\d+)\])?(?::\.(\d)g)?\}/g, (_, key, place, digits) => {
        const value = key in cell ? cell[key] : place === undefined ? t[key]?.[k] : t[key]?.[k]?.[place];
        return typeof value !== "number" ? value ?? "" : digits ? String(+value.toPrecision(digits)) : key === "x" || key === "y" ? this.named(name(key), value) : short(value);
      }))).filter(Boolean);
    }

    tell(found, stays) {
      this.mark?.remove();
      this.tip.hidden = !found;
      if (!found) return [];
      const number = found.number ?? this.number(found.spot), lines = found.line ? this.options.row(number) : this.said(found.spot), link = this.options.link?.(number);
      const first = made("b", {}, lines[0]);
      this.tip.replaceChildren(link && number !== undefined && stays ? made("a", { href: link }, `${this.options.words.trial} ${number}`) : first, ...(link && stays && number !== undefined && !found.line ? lines.filter(line => !line.endsWith(` ${number}`)) : lines.slice(1)).map(line => made("div", {}, line)));
      this.tip.classList.toggle("stays", stays);
      const by = this.svg.getBoundingClientRect().width / this.size.width, box = this.place.getBoundingClientRect(), from = this.svg.getBoundingClientRect();
      const x = found.x * by + from.left - box.left, y = found.y * by + from.top - box.top, { offsetWidth: w, offsetHeight: h } = this.tip;
      this.tip.style.left = `${Math.max(0, Math.min(x + 12 + w > box.width ? x - w - 12 : x + 12, box.width - w))}px`;
      this.tip.style.top = `${Math.max(0, Math.min(y - h / 2, box.height - h))}px`;
      this.mark = this.svg.appendChild(made("path", { class: "mark", d: found.line ? found.line.d : `M${px(found.x - 7)} ${px(found.y)}a7 7 0 1 0 14 0a7 7 0 1 0 -14 0` }));
      return lines;
    }

    // Let the trials of these numbers stand out; null: none does.
    choose(numbers) {
      for (const old of all(".chosen", this.svg)) old.remove();
      const own = spot => numbers?.has(this.number(spot)), add = (to, d, look) => d && to.appendChild(made("path", { class: `chosen ${look}`, d }));
      if (this.lines) add(this.svg, numbers ? this.allLines().filter(line => numbers.has(line.number)).map(line => line.d).join("") : "", "line");
      let known = Boolean(this.lines);
      for (const panel of this.panels) {
        const spots = this.points(panel);
        known ||= spots.some(spot => this.number(spot) !== undefined);
        add(panel.inner, numbers ? spots.filter(spot => own(spot) && !Number.isInteger(this.data.traces[spot.trace].meta)).map(({ x, y }) => `M${px(x)} ${px(y)}h0`).join("") : "", "m");
        if (panel.moved) this.show(panel);
      }
      this.data.traces.forEach((t, k) => { if (Number.isInteger(t.meta)) this.svg.querySelector(`[data-t="${k}"]`)?.classList.toggle("kept", Boolean(numbers?.has(t.meta))); });
      this.place.classList.toggle("dims", known && Boolean(numbers));
    }

    // -- mouse and touch

    pointerdown(event) {
      if (event.button || event.target.closest(".tip, .whole, [role=slider]")) return;
      const at = this.point(event), panel = this.panelAt(at);
      this.drag = { at, panel, id: event.pointerId };
    }

    pointermove(event) {
      const at = this.point(event), { drag } = this;
      if (!drag) { if (event.pointerType === "mouse" && !this.tip.contains(event.target)) { const found = this.nearest(at); this.tell(found, false); this.place.classList.toggle("opens", Boolean(found && found.far < HIT && this.options.open)); } return; }
      const { panel } = drag;
      if (!panel || (!drag.band && Math.hypot(at[0] - drag.at[0], at[1] - drag.at[1]) < DRAG)) return;
      if (!drag.band) { this.tell(null); this.place.setPointerCapture(drag.id); drag.band = panel.g.appendChild(made("rect", { class: "band" })); }
      const ends = [[drag.at[0], at[0], panel.left, panel.w], [drag.at[1], at[1], panel.top, panel.h]].map(([a, b, from, size]) => [Math.min(a, b), Math.max(a, b)].map(v => Math.max(0, Math.min(v - from, size))));
      drag.ends = ends.map(([a, b], k) => b - a < 2 * DRAG ? [0, k ? panel.h : panel.w] : [a, b]); // along one axis: all of the other
      const along = this.brushed(event, panel).map(([k]) => k), kept = ["x", "y"].map((k, i) => along.includes(k) ? drag.ends[i] : [-1e9, 1e9]);
      if (along.length) this.options.chosen?.(new Set(this.points(panel).filter(spot => { const at = this.onScreen(panel, spot); return kept.every(([a, b], i) => at[i] >= a && at[i] <= b); }).map(spot => this.number(spot)).filter(Number.isInteger)));
      for (const [name, value] of Object.entries({ x: drag.ends[0][0], y: drag.ends[1][0], width: drag.ends[0][1] - drag.ends[0][0], height: drag.ends[1][1] - drag.ends[1][0] })) drag.band.setAttribute(name, value);
    }

    // Along which axes a drag chooses trials, and their columns; none: it zooms.
    brushed(event, panel) {
      const columns = this.options.columns ?? {};
      return event.shiftKey || this.zooms ? [] : [["x", panel.kx], ["y", panel.ky]].filter(([, key]) => columns[key]).map(([k, key]) => [k, columns[key]]);
    }

    pointerup(event) {
      const { drag } = this;
      this.drag = null;
      drag?.band?.remove();
      if (!drag) return;
      if (!drag.band) {
        const found = this.nearest(this.point(event)), number = found && (found.number ?? this.number(found.spot));
        if (event.pointerType !== "mouse") this.tell(found, true);
        else if (found && found.far < HIT && number !== undefined && this.options.open) this.options.open(number);
        return;
      }
      const ranges = this.range(drag.panel, drag.ends);
      const along = this.brushed(event, drag.panel);
      if (!along.length) { this.zoomTo(drag.panel, ranges); return; }
      const value = (axis, at) => axis.kind === "log" ? 10 ** at : at;
      this.options.brush(along.map(([k, column]) => [column, ranges[k].map(at => value(drag.panel[k], at))]));
    }

    pointercancel() { this.drag?.band?.remove(); this.drag = null; this.options.chosen?.(null); }
    pointerleave(event) { if (!this.drag && event.pointerType === "mouse") this.tell(null); }
    dblclick(event) { if (!event.target.closest(".tip, [data-key]")) this.zoomTo(null); }

    // -- zoom: kept in the axes' own coordinates, so that it stays when the figure is drawn anew

    range(panel, [[a, b], [c, d]]) {
      const [x0, x1, y0, y1] = panel.view, at = (axis, u) => axis.low + u * (axis.high - axis.low);
      const x = p => at(panel.x, (x0 + p / panel.w * (x1 - x0)) / panel.w), y = p => at(panel.y, 1 - (y0 + p / panel.h * (y1 - y0)) / panel.h);
      return { x: [x(a), x(b)], y: [y(d), y(c)] };
    }

    zoomTo(panel, ranges) {
      if (panel) this.zoom.set(panel.g.dataset.panel, ranges); else this.zoom.clear();
      this.tell(null);
      for (const each of this.panels) this.show(each);
    }

    near(panel, spot, by, [right, up] = [0, 0]) { // zoom about a point, or move
      const [x, y] = spot ? this.onScreen(panel, spot) : [panel.w / 2, panel.h / 2], { w, h } = panel;
      this.zoomTo(panel, this.range(panel, [[x - x * by + right * w, x + (w - x) * by + right * w], [y - y * by - up * h, y + (h - y) * by - up * h]]));
    }

    // -- keys: arrows go through the points from left to right; what is there is shown, and said

    keydown(event) {
      if (event.target !== this.place || event.ctrlKey || event.metaKey || event.altKey) return;
      const { key } = event, step = { ArrowRight: 1, ArrowLeft: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity }[key];
      const spots = this.panels.flatMap(panel => this.points(panel).filter(spot => !this.data.traces[spot.trace].off).map(spot => ({ panel, spot }))).sort((a, b) => a.panel.top - b.panel.top || a.panel.left - b.panel.left || a.spot.x - b.spot.x || b.spot.y - a.spot.y);
      const here = spots[this.at], number = here && this.number(here.spot), panel = here?.panel ?? this.panels[0];
      if (key === "Enter" && number !== undefined && this.options.open) this.options.open(number);
      else if (key === "Escape" && !this.tip.hidden) this.tell(null);
      else if ((key === "Escape" || key === "0") && this.zoom.size) this.zoomTo(null);
      else if ((key === "+" || key === "=" || key === "-") && panel) this.near(panel, here?.spot, key === "-" ? 2 : 0.5);
      else if (event.shiftKey && key.startsWith("Arrow") && this.zoom.size) this.near(panel, null, 1, { ArrowLeft: [-0.2, 0], ArrowRight: [0.2, 0], ArrowUp: [0, 0.2], ArrowDown: [0, -0.2] }[key]);
      else if (step !== undefined && spots.length) {
        this.at = Math.max(0, Math.min(spots.length - 1, this.at === null ? (step === 1 || step === -Infinity ? 0 : step === Infinity ? spots.length - 1 : 0) : this.at + step));
        const { panel, spot } = spots[this.at];
        if (this.zoom.size) { const [x, y] = this.onScreen(panel, spot); if (x < 0 || x > panel.w || y < 0 || y > panel.h) this.near(panel, null, 1, [x / panel.w - 0.5, 0.5 - y / panel.h]); }
        const [x, y] = this.onScreen(panel, spot), lines = this.tell({ panel, spot, x: panel.left + x, y: panel.top + y }, true);
        this.options.told(`${this.options.words.point.replace("{0}", this.at + 1).replace("{1}", spots.length)}: ${lines.join(", ")}. ${this.options.words.keys}`);
      } else return;
      event.preventDefault();
    }

    // Add points that came in the meantime, until the figure is drawn anew: where they lie beyond it, it shrinks.
    extend(trace, rows) {
      const t = this.data.traces[trace], panel = this.panels[0], path = all(`[data-t="${trace}"] .m`, panel.inner).at(-1);
      if (!path) return;
      path.base ??= path.getAttribute("d");
      for (const [x, y, about] of rows) {
        const at = [share(panel.x, scaled(panel.x, x)) * panel.w, (1 - share(panel.y, scaled(panel.y, y))) * panel.h], [x0, x1, y0, y1] = panel.home;
        t.x.push(x); t.y.push(y); t.customdata.push(about);
        path.base += `M${px(at[0])} ${px(at[1])}h0`;
        panel.home = [Math.min(x0, at[0] - 8), Math.max(x1, at[0] + 8), Math.min(y0, at[1] - 8), Math.max(y1, at[1] + 8)];
      }
      this.data.n = (this.data.n ?? 0) + 1;
      panel.moved = true;
      path.setAttribute("d", path.base);
      this.show(panel);
    }

    rows(most = Infinity) {
      const rows = [], { traces, axes } = this.data;
      let n = 0;
      for (const t of traces) {
        if (!t.x || !t.y || t.z) continue;
        n += t.x.length;
        for (let k = 0; k < t.x.length && rows.length < most; k++) {
          const row = [plain(t.name), ...["x", "y"].map(c => t[c][k] === null ? null : axes[t[`${c}axis`] ?? c]?.names.length ? this.named(t[`${c}axis`] ?? c, t[c][k]) : t[c][k])];
          if (!row.includes(null) && String(row) !== String(rows.at(-1))) rows.push(row);
        }
      }
      return { heads: [this.options.words.series, ...["x", "y"].map(c => plain(axes[c]?.title) || c)], rows, n };
    }
  }

  // -- files --

  const cell = value => { // a text that a spreadsheet would take for a formula gets an apostrophe before it
    const text = String(value ?? ""), safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };

  // All drawings of a place as one, in the colours that are seen.
  function fileOf(place) {
    const css = getComputedStyle(place), from = place.getBoundingClientRect(), width = Math.ceil(place.scrollWidth), height = Math.ceil(place.scrollHeight);
    const pieces = all("svg", place).filter(svg => !svg.parentElement.closest("svg")).map(svg => {
      const box = svg.getBoundingClientRect(), copy = svg.cloneNode(true), name = svg.previousElementSibling;
      for (const [key, value] of Object.entries({ x: box.left - from.left + place.scrollLeft, y: box.top - from.top, width: box.width, height: box.height })) copy.setAttribute(key, px(value));
      for (const extra of all(".mark, .band", copy)) extra.remove();
      const head = name?.matches("b") ? made("text", { x: px(box.left - from.left), y: px(box.top - from.top - 4), "font-weight": "bold", "font-size": 13, "font-family": "sans-serif", fill: css.color }, name.textContent) : null;
      return (head ? new XMLSerializer().serializeToString(head) : "") + new XMLSerializer().serializeToString(copy);
    });
    const text = pieces.join("").replace(/var\((--f-\w+),((?:[^()]|\([^()]*\))*)\)/g, (_, name, light) => css.getPropertyValue(name).trim() || light);
    return { width, height, text: `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"><rect width="100%" height="100%" fill="${css.getPropertyValue("--card").trim() || css.getPropertyValue("--bg").trim() || "#fff"}"/>${text}</svg>` };
  }

  const png = ({ text, width, height }) => new Promise((done, failed) => {
    const image = new Image();
    image.onload = () => {
      const canvas = made("canvas", { width: 2 * width, height: 2 * height });
      canvas.getContext("2d").drawImage(image, 0, 0, 2 * width, 2 * height);
      canvas.toBlob(done, "image/png");
    };
    image.onerror = failed;
    image.src = `data:image/svg+xml,${encodeURIComponent(text)}`;
  });

  async function save(place, kind, name, { heads, rows }) {
    const blob = kind === "csv" ? new Blob([[heads, ...rows].map(row => row.map(cell).join(",")).join("\r\n"), "\r\n"], { type: "text/csv" })
      : kind === "svg" ? new Blob([fileOf(place).text], { type: "image/svg+xml" }) : await png(fileOf(place));
    const link = made("a", { href: URL.createObjectURL(blob), download: `${name}.${kind}` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  return { Figure, save, short };
})();
