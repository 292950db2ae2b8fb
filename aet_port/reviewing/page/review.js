// The page of `aet review`: one module without a build step, for a page of its own and, as an
// anywidget, for notebooks. All text goes in as text, never as markup.

const PLANES = { xy: [0, 1, 2], xz: [0, 2, 1], yz: [1, 2, 0] }; // right, up, into the picture
const COLOURS = ["#ff9d3b", "#4cc3ff", "#7be07b", "#f27ad2", "#ffe14d", "#b39cff", "#ff7f7f", "#5fe0cf", "#c9b08a"];
const CANDIDATE = "#ffff66", CHOSEN = "#ffffff", GONE = "#ff5a4f", ADDED = "#54ff8a";
const DEPTH = 1.6; // angstrom on either side of a slice in which its atoms are drawn
const RADIUS = 0.9; // angstrom, of the circles
const NEAR = 5.5; // angstrom, of the neighbours in the small view
const FIRST = 11; // pixels of an angstrom, at least, before anybody enlarges
const ROW = 23, KEPT_SLICES = 90;
const HEADS = [["mark", ""], ["number", "no."], ["kind", ""], ["doubt", "doubt"], ["exists", "p"], ["error", "± pm"], ["height", "height"], ["nearest", "near"], ["moved", "moved"]];
const MEANING = {
  number: "Number of the atom in the model", kind: "Species", doubt: "How doubtful, 0 to 1: from probability, height, error, nearest neighbour and way since tracing",
  exists: "Probability that the atom exists; of a candidate its height relative to an atom's", error: "Standard error of the position (pm)", height: "Height of the atom, relative to the median of its species",
  nearest: "Distance to the nearest neighbour (angstrom)", moved: "Distance from where it was traced (angstrom)", mark: "kept, removed or changed",
};
const HELP = [
  ["n  p", "next, previous of the list"], ["k", "keep: the atom is right (of a candidate: there is no atom)"], ["x", "remove the atom"],
  ["a", "add: at the chosen candidate, or where you click next; snaps to the brightest point nearby"], ["m", "move the chosen atom to the brightest point nearby; or drag its circle"],
  ["1 … 9", "relabel: species as in the list of colours"], ["c", "write a comment"], ["z", "undo"], ["shift z", "redo"], ["r", "volume, or what the model leaves unexplained"],
  ["o", "circles on or off"], ["arrows, page up and down", "one step in the slice under the mouse"], ["wheel", "steps through slices; with ctrl it enlarges"], ["drag", "shifts the picture"], ["double click", "all three slices to this place"], ["?", "this help"],
];

function make(tag, options = {}, ...inner) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(options)) {
    if (key === "class") made.className = value;
    else if (key === "text") made.textContent = value;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key in made && key !== "list") made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...inner);
  return made;
}

const shown = (value, digits) => (Number.isFinite(value) ? value.toFixed(digits) : "–");
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

class Review {
  constructor(root, ask, whole) {
    Object.assign(this, { root, ask, whole });
    this.chosen = null; this.back = null; this.adding = false; this.map = "volume"; this.circles = true;
    this.low = 0; this.high = 255; this.sort = "doubt"; this.down = true; this.order = []; this.slices = new Map();
    this.under = "xy"; this.pending = Promise.resolve(); this.image = -1; this.turn = [0.5, -0.35]; this.busy = false; this.loading = new Map();
  }

  async start() {
    const [facts] = await this.ask({ ask: "open" });
    if (facts.error) { this.root.textContent = facts.error; return; }
    this.facts = facts; this.frame = facts.frame;
    this.size = facts.frame.size; this.origin = facts.frame.origin; this.shape = facts.frame.shape;
    this.centre = this.shape.map((n, k) => this.origin[k] + this.size * (n >> 1));
    this.views = {};
    this.build();
    this.takeState(facts);
    await this.loadTable();
    this.showAll();
    const first = facts.at !== null && this.find(facts.at) !== null ? this.find(facts.at) : this.order[0] ?? null;
    this.choose(first);
    this.timer = setInterval(() => this.poll(), 1500);
  }

  // ---- the table -------------------------------------------------------------------------

  async loadTable() {
    const [facts, data] = await this.ask({ ask: "table" });
    const n = facts.atoms, m = facts.candidates, f = new Float32Array(data.buffer, data.byteOffset, data.byteLength / 4);
    const base = { n, m, shown: facts.shown, symbols: facts.symbols };
    facts.columns.forEach((name, k) => { base[name] = f.subarray(k * n, (k + 1) * n); });
    const rest = f.subarray(facts.columns.length * n);
    base.places = ["x", "y", "z"].map((_, k) => rest.subarray(k * m, (k + 1) * m));
    base.scores = rest.subarray(3 * m, 4 * m);
    this.base = base; this.rank = facts.rank;
    this.symbols = [...facts.symbols];
    this.numberRow = new Map();
    for (let k = 0; k < n; k++) this.numberRow.set(base.number[k], k);
    this.merge();
  }

  // Table, changes and candidates as one list of items: atoms first, then candidates.
  merge() {
    const b = this.base, extra = this.overlay.filter((one) => !this.numberRow.has(one.number)), n = b.n + extra.length, m = b.m, total = n + m;
    const item = { total, n };
    for (const name of ["number", "kind", "x", "y", "z", "exists", "error", "height", "nearest", "moved", "doubt"]) {
      item[name] = new Float32Array(total).fill(NaN);
      item[name].set(b[name]);
    }
    item.flag = new Array(total).fill("");
    item.gone = new Uint8Array(total); item.looked = new Uint8Array(total); item.changed = new Uint8Array(total);
    item.comments = new Map();
    for (let k = b.shown; k < b.n; k++) item.gone[k] = 1;
    const placed = (row, one) => {
      [item.x[row], item.y[row], item.z[row]] = one.position;
      item.kind[row] = this.symbol(one.species); item.number[row] = one.number;
      item.gone[row] = one.gone ? 1 : 0; item.looked[row] = one.looked ? 1 : 0;
      item.changed[row] = one.added || one.moved || one.retyped || one.gone ? 1 : 0;
      item.flag[row] = one.gone ? "removed" : one.added ? "added" : [one.moved && "moved", one.retyped && "relabelled"].filter(Boolean).join(", ") || (one.looked ? "kept" : "");
      if (one.comments.length) item.comments.set(row, one.comments);
    };
    for (const one of this.overlay) if (this.numberRow.has(one.number)) placed(this.numberRow.get(one.number), one);
    extra.forEach((one, k) => { placed(b.n + k, one); item.doubt[b.n + k] = 0; });
    const done = new Set(this.placesDone);
    for (let k = 0; k < m; k++) {
      const row = n + k;
      item.x[row] = b.places[0][k]; item.y[row] = b.places[1][k]; item.z[row] = b.places[2][k];
      item.exists[row] = b.scores[k]; item.doubt[row] = Math.min(1, b.scores[k]); item.number[row] = k;
      item.looked[row] = done.has(k) ? 1 : 0; item.flag[row] = done.has(k) ? "decided" : "";
    }
    this.rowOf = new Map();
    for (let k = 0; k < n; k++) this.rowOf.set(item.number[k], k);
    this.item = item;
    this.medians();
    this.list();
    this.draw();
  }

  // With nothing doubtful a person begins with all atoms, not with an empty list.
  showAll() {
    if (this.order.length || this.el.which.value !== "doubtful" || this.leftovers === "running") return;
    this.el.which.value = "atoms";
    this.list();
    this.say("Nothing here is doubtful; all atoms are listed.");
  }

  symbol(name) {
    const at = this.symbols.indexOf(name);
    return at >= 0 ? at : this.symbols.push(name) - 1;
  }

  medians() {
    const by = new Map(), t = this.item;
    for (let k = 0; k < t.n; k++) if (!t.gone[k] && Number.isFinite(t.height[k])) {
      const s = t.kind[k];
      if (!by.has(s)) by.set(s, []);
      by.get(s).push(t.height[k]);
    }
    this.median = new Map([...by].map(([s, list]) => [s, Float32Array.from(list).sort()[list.length >> 1]]));
  }

  isCandidate(row) { return row >= this.item.n; }
  key(row) { return row === null || row === undefined ? null : this.isCandidate(row) ? `c${row - this.item.n}` : this.item.number[row]; }
  find(key) {
    if (key === null) return null;
    if (typeof key === "string") { const row = this.item.n + Number(key.slice(1)); return row < this.item.total ? row : null; }
    return this.rowOf.get(key) ?? null;
  }
  place(row) { return [this.item.x[row], this.item.y[row], this.item.z[row]]; }
  name(row) {
    if (this.isCandidate(row)) return `candidate ${row - this.item.n + 1}`;
    return `atom ${this.item.number[row]} · ${this.symbols[this.item.kind[row]]}`;
  }
  colour(row) {
    const at = this.facts.species.indexOf(this.symbols[this.item.kind[row]]);
    return at < 0 ? "#bbbbbb" : COLOURS[at % COLOURS.length];
  }

  list() {
    // A number finds its atom whatever else is chosen.
    const t = this.item, word = this.el.find.value.trim(), which = word ? "all" : this.el.which.value, kind = this.el.kind.value, rows = [];
    for (let k = 0; k < t.total; k++) {
      const candidate = k >= t.n, touched = t.looked[k] || t.changed[k] || t.comments.has(k);
      if (which === "doubtful" && !(candidate || t.doubt[k] >= this.facts.doubtful || touched)) continue;
      if (which === "unchecked" && (t.looked[k] || t.gone[k] || !(candidate || t.doubt[k] >= this.facts.doubtful))) continue;
      if (which === "candidates" && !candidate) continue;
      if (which === "atoms" && (candidate || t.gone[k])) continue;
      if (which === "edited" && !touched) continue;
      if (kind && (candidate || this.symbols[t.kind[k]] !== kind)) continue;
      if (word && (candidate || !String(t.number[k]).startsWith(word))) continue;
      rows.push(k);
    }
    const column = this.sort === "mark" ? t.looked : t[this.sort], sign = this.down ? -1 : 1;
    const value = (k) => (Number.isFinite(column[k]) ? column[k] : sign * Infinity);
    rows.sort((a, b) => { const x = value(a), y = value(b); return x === y ? a - b : (x < y ? -1 : 1) * sign; });
    this.order = rows;
    this.el.inner.style.height = `${rows.length * ROW}px`;
    this.el.count.textContent = `${rows.length} of ${t.n} atoms and ${t.total - t.n} candidate${t.total - t.n === 1 ? "" : "s"}` + (this.leftovers === "running" ? " · looking for candidates …" : "");
    this.rows();
  }

  rows() {
    const box = this.el.rows, inner = this.el.inner, first = Math.max(0, Math.floor(box.scrollTop / ROW) - 6), last = Math.min(this.order.length, first + Math.ceil(box.clientHeight / ROW) + 14);
    const made = [];
    for (let k = first; k < last; k++) made.push(this.row(this.order[k], k));
    if (!this.order.length) {
      const text = this.el.which.value === "doubtful" || this.el.which.value === "unchecked" ? "Nothing here is doubtful. Choose “all atoms” above to look at every one of them." : "No atom like this.";
      made.push(make("div", { class: "empty", text }));
    }
    inner.replaceChildren(...made);
  }

  row(k, at) {
    const t = this.item, candidate = k >= t.n, height = this.median.get(t.kind[k]);
    const mark = t.gone[k] ? ["×", "gone"] : t.changed[k] ? ["●", "changed"] : t.looked[k] ? ["✓", "kept"] : ["", ""];
    const dot = make("span", { text: candidate ? "◇" : this.symbols[t.kind[k]] });
    const doubt = make("span", { class: "doubt", text: shown(t.doubt[k], 2) });
    doubt.style.background = `color-mix(in srgb, #e0702a ${Math.round(60 * clamp(t.doubt[k], 0, 1))}%, transparent)`;
    const line = make("div", { class: `row${t.gone[k] ? " gone" : ""}${k === this.chosen ? " chosen" : ""}`, title: `${this.name(k)}${t.flag[k] ? ": " + t.flag[k] : ""}`, onclick: () => this.choose(k) },
      make("span", { class: `mark ${mark[1]}`, text: mark[0] }), make("span", { text: candidate ? `cand. ${k - t.n + 1}` : String(t.number[k]) }), dot, doubt,
      make("span", { text: shown(t.exists[k], 2) }), make("span", { text: shown(100 * t.error[k], 1) }), make("span", { text: shown(height ? t.height[k] / height : NaN, 2) }), make("span", { text: shown(t.nearest[k], 2) }), make("span", { text: shown(t.moved[k], 2) }));
    line.dataset.key = this.key(k);
    line.style.top = `${at * ROW}px`;
    return line;
  }

  // ---- building --------------------------------------------------------------------------

  build() {
    const el = (this.el = {}), f = this.facts;
    const keep = (name, made) => (el[name] = made);
    const button = (name, text, key, act, extra = "") => keep(name, make("button", { type: "button", class: extra, title: `${text} (${key})`, onclick: act }, make("kbd", { text: key }), text));
    const top = make("div", { class: "panel top" },
      make("span", { class: "title", text: f.title, title: f.title }),
      f.readOnly ? make("span", { class: "tag", text: "read only" }) : "",
      make("span", {}, keep("progress", make("span", { class: "mono" })), " ", make("span", { class: "meter" }, keep("meter", make("i")))),
      keep("changes", make("span", { class: "soft" })), make("span", { class: "grow" }),
      make("label", { class: "soft" }, "author ", keep("author", make("input", { value: f.author, size: 12, maxLength: 80, placeholder: "your name", disabled: f.readOnly }))),
      button("undo", "undo", "z", () => this.act({ action: "undo" })), button("redo", "redo", "⇧z", () => this.act({ action: "redo" })), button("help", "help", "?", () => el.dialog.showModal()));
    const which = [["doubtful", "doubtful"], ["unchecked", "still to check"], ["candidates", "candidates"], ["edited", "touched"], ["atoms", "all atoms"], ["all", "everything"]];
    const list = make("div", { class: "panel list" },
      make("div", { class: "filters" }, keep("which", make("select", { title: "Which atoms to list", onchange: () => this.list() }, ...which.map(([value, text]) => make("option", { value, text })))),
        keep("kind", make("select", { title: "Species", onchange: () => this.list() }, make("option", { value: "", text: "all species" }), ...f.species.map((one) => make("option", { value: one, text: one })))),
        keep("find", make("input", { type: "search", placeholder: "atom no.", oninput: () => this.list() }))),
      keep("heads", make("div", { class: "heads" }, ...HEADS.map(([key, text]) => make("button", { type: "button", text, title: MEANING[key] ?? key, onclick: () => this.sortBy(key) })))),
      keep("rows", make("div", { class: "rows", onscroll: () => this.rows() }, keep("inner", make("div", { class: "inner" })))), keep("count", make("div", { class: "count" })));
    const slices = make("div", { class: "slices" }, ...Object.keys(PLANES).map((plane) => this.buildView(plane)), this.buildNear(),
      make("div", { class: "panel tools" },
        button("map", "volume", "r", () => this.swap()), button("ring", "circles", "o", () => this.ring()),
        make("label", { title: "Grey value that is black" }, "black", keep("low", make("input", { type: "range", min: 0, max: 254, value: 0, oninput: () => this.contrast() }))),
        make("label", { title: "Grey value that is white" }, "white", keep("high", make("input", { type: "range", min: 1, max: 255, value: 255, oninput: () => this.contrast() }))),
        keep("legend", make("span", { class: "soft" }, ...f.species.map((one, k) => { const s = make("span", { text: `● ${one} ` }); s.style.color = COLOURS[k % COLOURS.length]; return s; }), "◇ candidate"))));
    const acts = make("div", { class: "acts" }, button("keep", "keep", "k", () => this.keepIt(), "keep"), button("remove", "remove", "x", () => this.removeIt(), "remove"), button("add", "add", "a", () => this.addIt()), button("snap", "snap", "m", () => this.snapIt()),
      ...f.species.slice(0, 9).map((one, k) => button(`species${k}`, one, String(k + 1), () => this.relabel(k))));
    const side = make("div", { class: "panel side" }, make("h2", {}, keep("name", make("span")), keep("flag", make("span", { class: "soft" }))), keep("why", make("p", { class: "why soft" })), acts, keep("facts", make("dl", { class: "facts" })), keep("says", make("ul", { class: "says" })),
      make("form", { class: "remark", onsubmit: (e) => { e.preventDefault(); this.remark(); } }, keep("text", make("input", { placeholder: "comment (c)", maxLength: 900, disabled: f.readOnly })), make("button", { text: "save", disabled: f.readOnly })),
      make("h3", { text: `heights by species (${f.heightUnit})` }), keep("hist", make("canvas", { class: "hist" })), keep("imagesHead", make("h3", { text: "projections" })), keep("images", make("div")));
    if (f.tilts) {
      this.image = f.tilts.reduce((best, tilt, k) => (Math.abs(tilt) < Math.abs(f.tilts[best]) ? k : best), 0);
      el.images.append(make("div", { class: "pictures" }, ...["measured", "calculated", "residual"].map((one) => make("div", {}, keep(one, make("canvas", { width: 10, height: 10 })), one))),
        make("div", { class: "tilt" }, keep("tilt", make("input", { type: "range", min: 0, max: f.tilts.length - 1, value: this.image, title: "image of the tilt series", oninput: () => { this.image = Number(el.tilt.value); this.pictures(); } })), keep("tiltText", make("span", { class: "mono soft" }))));
    } else el.images.append(make("p", { class: "soft", text: "No images at hand: they are not beside this model." }));
    const foot = make("div", { class: "panel foot" }, keep("said", make("span", { class: "said", role: "status", "aria-live": "polite" })), keep("notice", make("span", { class: "notice", hidden: true })),
      make("span", { class: "keys" }, ...[["n", "next"], ["k", "keep"], ["x", "remove"], ["a", "add"], ["m", "snap"], ["z", "undo"], ["?", "all keys"]].map(([key, text]) => make("span", {}, make("kbd", { text: key }), text))));
    keep("dialog", make("dialog", {}, make("h2", { text: "How to look at a model" }),
      make("p", { text: "The list on the left holds what is doubtful, most doubtful first: atoms that may not be there, and candidates (◇), places that may lack one. The three slices cross in the chosen one. A true atom sits on a spot as bright as its neighbours' and at a usual distance from them." }),
      make("p", { text: "Everything you do is written at once; nothing needs to be saved. Undo takes any step back." + (f.hint ? ` In the end: ${f.hint}` : "") }),
      make("table", {}, ...HELP.map(([key, text]) => make("tr", {}, make("td", {}, ...key.split("  ").map((one) => make("kbd", { text: one }))), make("td", { text })))),
      make("form", { method: "dialog" }, make("button", { text: "close", autofocus: true }))));
    this.root.replaceChildren(top, list, slices, side, foot, el.dialog);
    const target = this.whole ? document : this.root;
    this.onkey = (event) => this.keyed(event);
    target.addEventListener("keydown", this.onkey);
    this.target = target;
    this.watch = new ResizeObserver(() => { this.rows(); this.draw(); });
    this.watch.observe(this.root);
    this.say(f.readOnly ? "Read only: look at everything, nothing can be changed." : "Most doubtful first. A true atom sits on a bright spot: k keeps it, x removes it, n goes on.");
  }

  stop() {
    clearInterval(this.timer);
    this.target?.removeEventListener("keydown", this.onkey);
    this.watch?.disconnect();
  }

  buildView(plane) {
    const canvas = make("canvas"), label = make("span", { class: "label" }), axis = PLANES[plane][2];
    const at = make("input", { class: "at", type: "range", min: 0, max: this.shape[axis] - 1, title: `slice along ${"xyz"[axis]}`, oninput: () => this.step(plane, Number(at.value) - this.index(plane)) });
    const box = make("div", { class: "panel view", "data-plane": plane }, canvas, label, at);
    const view = { plane, canvas, label, at, box, zoom: 1, shift: [0, 0] };
    this.views[plane] = view;
    canvas.addEventListener("wheel", (e) => {
      e.preventDefault();
      if (e.ctrlKey || e.metaKey) { view.zoom = clamp(view.zoom * Math.exp(-e.deltaY / 300), 0.5, 24); this.drawView(view); } else this.step(plane, e.deltaY > 0 ? 1 : -1);
    }, { passive: false });
    canvas.addEventListener("pointerenter", () => { this.under = plane; });
    canvas.addEventListener("pointerdown", (e) => this.press(view, e));
    canvas.addEventListener("dblclick", (e) => { this.centre = this.where(view, e); this.slicesMoved(); });
    return box;
  }

  buildNear() {
    const canvas = make("canvas"), label = make("span", { class: "label", text: "neighbours" });
    canvas.addEventListener("pointerdown", (e) => {
      canvas.setPointerCapture(e.pointerId);
      let last = [e.clientX, e.clientY];
      const move = (m) => { this.turn[0] += (m.clientX - last[0]) / 120; this.turn[1] = clamp(this.turn[1] + (m.clientY - last[1]) / 120, -1.5, 1.5); last = [m.clientX, m.clientY]; this.drawNear(); };
      const up = () => { canvas.removeEventListener("pointermove", move); canvas.removeEventListener("pointerup", up); };
      canvas.addEventListener("pointermove", move); canvas.addEventListener("pointerup", up);
    });
    this.near = { canvas, label };
    return make("div", { class: "panel view", title: "Atoms around the chosen one; drag turns them" }, canvas, label);
  }

  // ---- choosing and stepping -------------------------------------------------------------

  sortBy(key) { if (this.sort === key) this.down = !this.down; else { this.sort = key; this.down = !["number", "nearest", "exists", "height"].includes(key); } this.list(); }

  choose(row, scroll = true) {
    this.back = null;
    if (row === null || row === undefined) { this.chosen = null; this.draw(); this.detail(); return; }
    this.chosen = row;
    this.centre = this.place(row);
    for (const view of Object.values(this.views)) view.shift = null;
    const at = this.order.indexOf(row), box = this.el.rows;
    if (at >= 0 && scroll) {
      if (at * ROW < box.scrollTop) box.scrollTop = at * ROW;
      else if ((at + 1) * ROW > box.scrollTop + box.clientHeight) box.scrollTop = (at + 1) * ROW - box.clientHeight;
    }
    this.rows(); this.slicesMoved(); this.detail();
  }

  go(step) {
    if (!this.order.length) return;
    // From an atom that was just added the list goes on where it was.
    const at = this.order.indexOf(this.back === null ? this.chosen : this.find(this.back));
    this.choose(this.order[clamp(at < 0 ? 0 : at + step, 0, this.order.length - 1)]);
  }

  index(plane) { const axis = PLANES[plane][2]; return clamp(Math.round((this.centre[axis] - this.origin[axis]) / this.size), 0, this.shape[axis] - 1); }

  step(plane, by) {
    const axis = PLANES[plane][2], index = clamp(this.index(plane) + by, 0, this.shape[axis] - 1);
    this.centre = [...this.centre];
    this.centre[axis] = this.origin[axis] + index * this.size;
    this.slicesMoved();
  }

  slicesMoved() { for (const view of Object.values(this.views)) this.drawView(view); this.drawNear(); }

  // ---- slices ----------------------------------------------------------------------------

  async fetchSlice(plane, index) {
    const key = `${this.map}${plane}${index}`;
    if (this.slices.has(key) || !this.facts.volume) return;
    if (this.loading.has(key)) return this.loading.get(key);
    const task = this.ask({ ask: "slice", map: this.map, plane, index }).then(([facts, data]) => {
      this.loading.delete(key);
      if (facts.error) return;
      while (this.slices.size >= KEPT_SLICES) this.slices.delete(this.slices.keys().next().value);
      this.slices.set(key, { rows: facts.rows, columns: facts.columns, grey: data, picture: null });
    });
    this.loading.set(key, task);
    return task;
  }

  picture(slice) {
    const stamp = `${this.low} ${this.high} ${this.map}`;
    if (slice.picture && slice.stamp === stamp) return slice.picture;
    const canvas = slice.picture ?? document.createElement("canvas");
    canvas.width = slice.columns; canvas.height = slice.rows;
    const pen = canvas.getContext("2d"), image = pen.createImageData(slice.columns, slice.rows), table = new Uint32Array(256), out = new Uint32Array(image.data.buffer), signed = this.map !== "volume";
    for (let v = 0; v < 256; v++) {
      const g = clamp(((v - this.low) * 255) / Math.max(1, this.high - this.low), 0, 255);
      // Above what the model explains is red, below is blue.
      const d = (g - 127.5) / 127.5, [r, gg, b] = signed ? (d > 0 ? [255 * d ** 0.8, 110 * d, 60 * d] : [50 * -d, 120 * -d, 255 * (-d) ** 0.8]) : [g, g, g];
      table[v] = (255 << 24) | (b << 16) | (gg << 8) | r;
    }
    for (let k = 0; k < out.length; k++) out[k] = table[slice.grey[k]];
    pen.putImageData(image, 0, 0);
    slice.picture = canvas; slice.stamp = stamp;
    return canvas;
  }

  scale(view) {
    const [right, up] = PLANES[view.plane], wide = view.canvas.clientWidth || 10, high = view.canvas.clientHeight || 10;
    const fit = Math.min(wide / (this.shape[right] * this.size), high / (this.shape[up] * this.size));
    // A large sample is shown in part, so that single atoms can be told apart.
    const per = Math.max(fit, FIRST) * view.zoom;
    if (view.shift === null) view.shift = [0, 0];
    return { per, wide, high };
  }

  screen(view, p) {
    const [right, up] = PLANES[view.plane], { per, wide, high } = this.scale(view), c = this.centre;
    return [wide / 2 + (p[right] - c[right]) * per + view.shift[0], high / 2 - (p[up] - c[up]) * per + view.shift[1]];
  }

  where(view, event) {
    const [right, up, into] = PLANES[view.plane], box = view.canvas.getBoundingClientRect(), { per, wide, high } = this.scale(view), c = this.centre, p = [...this.centre];
    p[right] = c[right] + (event.clientX - box.left - wide / 2 - view.shift[0]) / per;
    p[up] = c[up] - (event.clientY - box.top - high / 2 - view.shift[1]) / per;
    p[into] = this.origin[into] + this.index(view.plane) * this.size;
    return p;
  }

  drawView(view) {
    const [right, up, into] = PLANES[view.plane], index = this.index(view.plane), { canvas } = view, ratio = devicePixelRatio || 1;
    if (!canvas.clientWidth || !this.item) return;
    if (canvas.width !== Math.round(canvas.clientWidth * ratio) || canvas.height !== Math.round(canvas.clientHeight * ratio)) { canvas.width = Math.round(canvas.clientWidth * ratio); canvas.height = Math.round(canvas.clientHeight * ratio); }
    const pen = canvas.getContext("2d"), { per } = this.scale(view), slice = this.slices.get(`${this.map}${view.plane}${index}`);
    const depth = this.origin[into] + index * this.size;
    view.label.textContent = `${view.plane}   ${"xyz"[into]} = ${depth.toFixed(1)} Å`;
    view.at.value = index;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.fillStyle = "#0b0d10";
    pen.fillRect(0, 0, canvas.clientWidth, canvas.clientHeight);
    if (slice) {
      const corner = [...this.centre];
      corner[right] = this.origin[right] - this.size / 2; corner[up] = this.origin[up] + (this.shape[up] - 0.5) * this.size;
      const [x, y] = this.screen(view, corner);
      pen.imageSmoothingEnabled = true; pen.imageSmoothingQuality = "high";
      pen.drawImage(this.picture(slice), x, y, this.shape[right] * this.size * per, this.shape[up] * this.size * per);
      view.drawn = `${this.map}${index}`;
    } else if (this.facts.volume) this.fetchSlice(view.plane, index).then(() => { if (this.index(view.plane) === index) this.drawView(view); });
    if (this.circles) this.drawAtoms(view, pen, depth, per);
    // Where the two other slices cut this one.
    const [cx, cy] = this.screen(view, this.centre);
    pen.strokeStyle = "rgb(255 255 255 / 28%)"; pen.lineWidth = 1; pen.setLineDash([5, 5]);
    pen.beginPath(); pen.moveTo(cx, 0); pen.lineTo(cx, canvas.clientHeight); pen.moveTo(0, cy); pen.lineTo(canvas.clientWidth, cy); pen.stroke(); pen.setLineDash([]);
    this.drawBar(pen, canvas, per);
    if (slice) for (const next of [index + 1, index - 1]) if (next >= 0 && next < this.shape[into]) this.fetchSlice(view.plane, next);
  }

  drawBar(pen, canvas, per) {
    const length = [1, 2, 5, 10, 20, 50].findLast((one) => one * per < canvas.clientWidth / 3) ?? 1, y = canvas.clientHeight - 24, x = canvas.clientWidth - 10;
    pen.fillStyle = "#fff"; pen.fillRect(x - length * per, y, length * per, 2);
    pen.font = "11px system-ui, sans-serif"; pen.textAlign = "right"; pen.fillText(`${length} Å`, x, y - 4); pen.textAlign = "left";
  }

  drawAtoms(view, pen, depth, per) {
    const [right, up, into] = PLANES[view.plane], t = this.item, axes = [t.x, t.y, t.z], a = axes[right], b = axes[up], c = axes[into], { canvas } = view;
    const radius = Math.max(2.5, RADIUS * per), centre = this.centre, { wide, high } = this.scale(view), ox = wide / 2 + view.shift[0] - centre[right] * per, oy = high / 2 + view.shift[1] + centre[up] * per;
    for (let k = 0; k < t.total; k++) {
      const off = Math.abs(c[k] - depth), candidate = k >= t.n, selected = k === this.chosen;
      if (off > DEPTH && !(selected && off < 4)) continue;
      if (candidate && t.looked[k] && !selected) continue;
      if (t.gone[k] && !selected && !t.changed[k]) continue;
      const x = ox + a[k] * per, y = oy - b[k] * per;
      if (x < -radius || y < -radius || x > canvas.clientWidth + radius || y > canvas.clientHeight + radius) continue;
      pen.globalAlpha = Math.max(selected ? 0.55 : 0.08, 1 - off / DEPTH);
      pen.lineWidth = selected ? 2.5 : 1.4;
      pen.strokeStyle = t.gone[k] ? GONE : candidate ? CANDIDATE : t.flag[k] === "added" ? ADDED : this.colour(k);
      pen.beginPath();
      if (candidate) { pen.moveTo(x, y - radius); pen.lineTo(x + radius, y); pen.lineTo(x, y + radius); pen.lineTo(x - radius, y); pen.closePath(); } else pen.arc(x, y, radius * Math.sqrt(Math.max(0.15, 1 - (off / DEPTH) ** 2)), 0, 7);
      pen.stroke();
      if (t.gone[k]) { pen.beginPath(); pen.moveTo(x - radius, y - radius); pen.lineTo(x + radius, y + radius); pen.moveTo(x + radius, y - radius); pen.lineTo(x - radius, y + radius); pen.stroke(); }
      if (selected) { pen.globalAlpha = 1; pen.strokeStyle = CHOSEN; pen.lineWidth = 1.2; pen.beginPath(); pen.arc(x, y, radius + 5, 0, 7); pen.stroke(); }
    }
    pen.globalAlpha = 1;
    if (this.dragged && this.dragged.view === view) { const [x, y] = this.screen(view, this.dragged.place); pen.strokeStyle = CHOSEN; pen.lineWidth = 2; pen.beginPath(); pen.arc(x, y, radius, 0, 7); pen.stroke(); }
  }

  drawNear() {
    const { canvas } = this.near, ratio = devicePixelRatio || 1, t = this.item;
    if (!canvas.clientWidth || !t) return;
    canvas.width = Math.round(canvas.clientWidth * ratio); canvas.height = Math.round(canvas.clientHeight * ratio);
    const pen = canvas.getContext("2d"), wide = canvas.clientWidth, high = canvas.clientHeight, per = Math.min(wide, high) / (2.35 * NEAR), c = this.chosen === null ? this.centre : this.place(this.chosen);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.fillStyle = "#0b0d10"; pen.fillRect(0, 0, wide, high);
    const [sa, ca, sb, cb] = [Math.sin(this.turn[0]), Math.cos(this.turn[0]), Math.sin(this.turn[1]), Math.cos(this.turn[1])], balls = [];
    for (let k = 0; k < t.total; k++) {
      const dx = t.x[k] - c[0], dy = t.y[k] - c[1], dz = t.z[k] - c[2];
      if (dx * dx + dy * dy + dz * dz > NEAR * NEAR || (t.gone[k] && k !== this.chosen) || (k >= t.n && t.looked[k])) continue;
      const x = ca * dx + sa * dz, z = -sa * dx + ca * dz;
      balls.push({ k, x: wide / 2 + x * per, y: high / 2 - (cb * dy - sb * z) * per, z: sb * dy + cb * z, p: [dx, dy, dz] });
    }
    const bond = 1.25 * (this.usual ?? 2.9), chosen = balls.find((one) => one.k === this.chosen);
    if (chosen) {
      pen.lineWidth = 1.5; pen.strokeStyle = "rgb(255 255 255 / 45%)"; pen.fillStyle = "#cfd6df"; pen.font = "11px system-ui, sans-serif";
      for (const ball of balls) {
        const gap = Math.hypot(...ball.p);
        if (ball === chosen || gap > bond) continue;
        pen.beginPath(); pen.moveTo(chosen.x, chosen.y); pen.lineTo(ball.x, ball.y); pen.stroke();
      }
    }
    balls.sort((p, q) => p.z - q.z);
    for (const ball of balls) {
      const r = 0.62 * per * (1 + 0.045 * ball.z), candidate = ball.k >= t.n, colour = candidate ? CANDIDATE : t.gone[ball.k] ? GONE : this.colour(ball.k), light = pen.createRadialGradient(ball.x - r / 3, ball.y - r / 3, r / 8, ball.x, ball.y, r);
      light.addColorStop(0, "#ffffff"); light.addColorStop(0.25, colour); light.addColorStop(1, "#10141a");
      pen.globalAlpha = candidate || t.gone[ball.k] ? 0.75 : clamp(0.75 + ball.z / (2.2 * NEAR), 0.35, 1);
      pen.fillStyle = light; pen.beginPath(); pen.arc(ball.x, ball.y, r, 0, 7); pen.fill();
      if (ball.k === this.chosen) { pen.globalAlpha = 1; pen.strokeStyle = CHOSEN; pen.lineWidth = 2; pen.beginPath(); pen.arc(ball.x, ball.y, r + 3, 0, 7); pen.stroke(); }
    }
    pen.globalAlpha = 1;
    const count = balls.filter((one) => one.k !== this.chosen && one.k < t.n && Math.hypot(...one.p) <= bond).length;
    this.near.label.textContent = this.chosen === null ? "neighbours" : `${count} neighbours within ${bond.toFixed(1)} Å`;
  }

  draw() {
    if (!this.item) return;
    const known = [];
    for (let k = 0; k < this.item.n; k += Math.max(1, this.item.n >> 10)) if (Number.isFinite(this.item.nearest[k])) known.push(this.item.nearest[k]);
    this.usual = known.length ? known.sort((a, b) => a - b)[known.length >> 1] : 2.9;
    this.slicesMoved(); this.histogram();
  }

  // ---- pointer ---------------------------------------------------------------------------

  press(view, event) {
    if (event.button !== 0) return;
    this.root.focus({ preventScroll: true });
    const start = [event.clientX, event.clientY], place = this.where(view, event);
    if (this.adding) { this.adding = false; this.showAdding(); this.addAt(place); return; }
    const hit = this.hit(view, place), own = hit !== null && hit === this.chosen && !this.isCandidate(hit) && !this.item.gone[hit] && !this.facts.readOnly, shift = [...(view.shift ?? [0, 0])];
    let far = false;
    view.canvas.setPointerCapture(event.pointerId);
    const move = (m) => {
      if (!far && Math.hypot(m.clientX - start[0], m.clientY - start[1]) < 5) return;
      far = true;
      if (own) {
        const now = this.where(view, m), [right, up] = PLANES[view.plane], to = this.place(hit);
        to[right] += now[right] - place[right]; to[up] += now[up] - place[up];
        this.dragged = { view, place: to };
      } else view.shift.splice(0, 2, shift[0] + m.clientX - start[0], shift[1] + m.clientY - start[1]);
      this.drawView(view);
    };
    const up = () => {
      view.canvas.removeEventListener("pointermove", move); view.canvas.removeEventListener("pointerup", up);
      const dragged = this.dragged; this.dragged = null;
      if (far && own && dragged) this.act({ action: "move", atom: this.item.number[hit], position: dragged.place }, `moved ${this.name(hit)}`);
      else if (!far) { if (hit !== null) this.choose(hit); else { view.shift = view.shift ?? [0, 0]; this.drawView(view); } }
    };
    view.canvas.addEventListener("pointermove", move); view.canvas.addEventListener("pointerup", up);
  }

  hit(view, place) {
    const [right, up, into] = PLANES[view.plane], t = this.item, axes = [t.x, t.y, t.z], a = axes[right], b = axes[up], c = axes[into];
    let best = null, least = 1.0;
    for (let k = 0; k < t.total; k++) {
      if (t.gone[k] || (k >= t.n && t.looked[k])) continue;
      const gap = Math.hypot(a[k] - place[right], b[k] - place[up]), off = Math.abs(c[k] - place[into]);
      if (gap < RADIUS * 1.2 && off < (k === this.chosen ? 4 : DEPTH) && gap + off / 3 < least) { least = gap + off / 3; best = k; }
    }
    return best;
  }

  // ---- actions ---------------------------------------------------------------------------

  keyed(event) {
    const tag = event.target?.tagName;
    if (event.key === "Escape") { if (this.adding) { this.adding = false; this.showAdding(); this.say(""); } if (tag === "INPUT") event.target.blur(); return; }
    if (this.el.dialog.open || event.altKey) return;
    if (event.ctrlKey || event.metaKey) {
      if (event.key.toLowerCase() !== "z" || tag === "INPUT") return;
    } else if (tag === "TEXTAREA" || tag === "SELECT" || (tag === "INPUT" && event.target.type !== "range")) return;
    const keys = {
      n: () => this.go(1), p: () => this.go(-1), k: () => this.keepIt(), x: () => this.removeIt(), a: () => this.addIt(), m: () => this.snapIt(), z: () => this.act({ action: "undo" }), Z: () => this.act({ action: "redo" }),
      r: () => this.swap(), o: () => this.ring(), c: () => this.el.text.focus(), "?": () => this.el.dialog.showModal(),
      ArrowUp: () => this.step(this.under, 1), ArrowDown: () => this.step(this.under, -1), ArrowRight: () => this.step(this.under, 1), ArrowLeft: () => this.step(this.under, -1), PageUp: () => this.step(this.under, 10), PageDown: () => this.step(this.under, -10),
    };
    if (tag === "INPUT" && event.key.startsWith("Arrow")) return;
    const key = (event.ctrlKey || event.metaKey || event.shiftKey) && event.key.toLowerCase() === "z" ? (event.shiftKey ? "Z" : "z") : event.key;
    if (/^[1-9]$/.test(key)) this.relabel(Number(key) - 1);
    else if (keys[key]) keys[key]();
    else return;
    event.preventDefault();
  }

  target_() {
    if (this.chosen === null) { this.say("Choose an atom first: in the list, or on a slice.", true); return null; }
    return this.chosen;
  }

  keepIt() {
    const row = this.target_();
    if (row === null) return;
    if (this.item.gone[row]) { this.say("This atom is removed; z takes that back.", true); return; }
    const what = this.isCandidate(row) ? { action: "keep", position: this.place(row) } : { action: "keep", atom: this.item.number[row] };
    this.act(what, this.isCandidate(row) ? `${this.name(row)}: no atom there` : `kept ${this.name(row)}`, true);
  }

  removeIt() {
    const row = this.target_();
    if (row === null) return;
    if (this.isCandidate(row)) { this.keepIt(); return; }
    if (this.item.gone[row]) { this.say("This atom is removed already; z takes that back.", true); return; }
    this.act({ action: "remove", atom: this.item.number[row] }, `removed ${this.name(row)}; z takes it back`, true);
  }

  addIt() {
    if (this.facts.readOnly) { this.act({ action: "add" }); return; }
    if (this.chosen !== null && this.isCandidate(this.chosen) && !this.item.looked[this.chosen]) { this.addAt(this.place(this.chosen)); return; }
    this.adding = !this.adding;
    this.showAdding();
    this.say(this.adding ? "Click on a slice where the atom is; it snaps to the brightest point nearby. Esc stops." : "");
  }

  addAt(place) { this.act({ action: "add", position: place, snap: true }, "added an atom"); }

  showAdding() {
    for (const view of Object.values(this.views)) view.box.classList.toggle("adding", this.adding);
    this.el.add.classList.toggle("on", this.adding);
  }

  snapIt() {
    const row = this.target_();
    if (row === null) return;
    if (this.isCandidate(row) || this.item.gone[row]) { this.say("Only an atom can be moved.", true); return; }
    this.act({ action: "move", atom: this.item.number[row], position: this.place(row), snap: true }, `moved ${this.name(row)}`);
  }

  relabel(k) {
    const row = this.target_(), species = this.facts.species[k];
    if (row === null || !species) return;
    if (this.isCandidate(row)) { this.act({ action: "add", position: this.place(row), species, snap: true }, `added ${species}`); return; }
    if (this.item.gone[row]) { this.say("This atom is removed.", true); return; }
    this.act({ action: "retype", atom: this.item.number[row], species }, `atom ${this.item.number[row]} is ${species}`);
  }

  remark() {
    const row = this.target_(), text = this.el.text.value.trim();
    if (row === null || !text) return;
    const what = this.isCandidate(row) ? { position: this.place(row) } : { atom: this.item.number[row] };
    this.act({ action: "comment", text, ...what }, "comment saved");
    this.el.text.value = ""; this.el.text.blur(); this.root.focus({ preventScroll: true });
  }

  // One after the other, so that each carries the version that the one before has made.
  act(what, said = "", onward = false) {
    if (this.facts.readOnly) { this.say("This page is read only.", true); return this.pending; }
    const key = this.key(this.chosen), next = onward ? this.key(this.order[this.order.indexOf(this.chosen) + 1] ?? null) : null;
    this.pending = this.pending.then(async () => {
      let facts;
      try { [facts] = await this.ask({ ask: "act", version: this.version, author: this.el.author.value.trim(), ...what }); } catch (error) { this.say(`Not written: ${error.message}`, true); return; }
      if (facts.conflict) { this.takeState(facts); this.merge(); this.reselect(key); this.tell("Changed in another window meanwhile: your last step was not done. Look again, then repeat it."); this.say("Not done: the model was changed in another window.", true); return; }
      if (facts.error) { this.say(facts.error, true); return; }
      this.takeState(facts); this.merge();
      if (facts.added !== undefined) { this.choose(this.find(facts.added), false); this.back = key; } else this.reselect(next ?? key);
      this.say(said || { undo: "taken back", redo: "done again" }[what.action] || "");
    });
    return this.pending;
  }

  reselect(key) {
    let row = this.find(key);
    if (row === null) row = this.order[0] ?? null;
    this.choose(row);
  }

  takeState(facts) {
    this.version = facts.version; this.overlay = facts.overlay; this.placesDone = facts.places; this.leftovers = facts.leftovers.state;
    const { checked, of } = facts.progress, el = this.el;
    el.progress.textContent = of ? `${checked} of ${of} checked` : "nothing doubtful";
    el.meter.style.width = `${of ? (100 * checked) / of : 100}%`;
    el.changes.textContent = `${facts.atoms} atoms · ${facts.changes} change${facts.changes === 1 ? "" : "s"}`;
    el.undo.disabled = !facts.canUndo || this.facts.readOnly; el.redo.disabled = !facts.canRedo || this.facts.readOnly;
    if (facts.stale) this.tell("A run has made this model anew: start `aet review` again.");
    el.map.disabled = this.leftovers !== "ready";
    if (this.leftovers === "failed") this.tell(`No candidates: ${facts.leftovers.reason}`);
  }

  async poll() {
    if (this.busy || document.hidden) return;
    this.busy = true;
    try {
      const before = this.version, asked = this.pending, [facts] = await this.ask({ ask: "state" });
      if (facts.error || asked !== this.pending || before !== this.version) return;
      const key = this.key(this.chosen), other = facts.version !== before, untouched = this.order.indexOf(this.chosen) === 0 && this.chosen !== null;
      this.takeState(facts);
      if (facts.rank !== this.rank) { await this.loadTable(); this.showAll(); if (untouched && this.facts.at === null) this.choose(this.order[0] ?? null); else this.reselect(key); this.slices.forEach((_, name) => { if (!name.startsWith("volume")) this.slices.delete(name); }); } else if (other) { this.merge(); this.reselect(key); }
      if (other) this.tell("Changed in another window: this is the model as it is now.");
    } catch { this.tell("No answer: has `aet review` been stopped?"); } finally { this.busy = false; }
  }

  swap() {
    if (this.leftovers !== "ready") { this.say("The map of what the model leaves unexplained is not ready yet.", true); return; }
    this.map = this.map === "volume" ? "difference" : "volume";
    this.el.map.lastChild.textContent = this.map === "volume" ? "volume" : "residual";
    this.el.map.classList.toggle("on", this.map !== "volume");
    this.slicesMoved();
  }

  ring() { this.circles = !this.circles; this.el.ring.classList.toggle("on", !this.circles); this.slicesMoved(); }
  contrast() { this.low = Number(this.el.low.value); this.high = Math.max(this.low + 1, Number(this.el.high.value)); this.slicesMoved(); }
  say(text, bad = false) { this.el.said.textContent = text; this.el.said.classList.toggle("bad", bad); }
  tell(text) { this.el.notice.textContent = text; this.el.notice.hidden = !text; }

  // ---- the chosen atom -------------------------------------------------------------------

  detail() {
    const el = this.el, t = this.item, row = this.chosen;
    if (row === null) { el.name.textContent = "nothing chosen"; el.flag.textContent = ""; el.why.textContent = "Choose an atom in the list or on a slice."; el.facts.replaceChildren(); el.says.replaceChildren(); this.histogram(); return; }
    const candidate = this.isCandidate(row), middle = this.median.get(t.kind[row]), rel = middle ? t.height[row] / middle : NaN;
    el.name.textContent = this.name(row); el.flag.textContent = t.flag[row];
    el.why.textContent = this.why(row, candidate, rel);
    const facts = candidate ? [["x, y, z (Å)", this.place(row).map((one) => one.toFixed(2)).join(", ")], ["height", `${shown(t.exists[row], 2)} of an atom's`]]
      : [["x, y, z (Å)", this.place(row).map((one) => one.toFixed(2)).join(", ")], ["p exists", shown(t.exists[row], 3)], ["error (pm)", shown(100 * t.error[row], 1)], ["height", shown(rel, 2)], ["nearest (Å)", shown(t.nearest[row], 2)], ["moved (Å)", shown(t.moved[row], 2)], ["doubt", shown(t.doubt[row], 2)]];
    el.facts.replaceChildren(...facts.flatMap(([name, value], k) => { const dd = make("dd", { text: value }); if (k === 0) dd.style.gridColumn = "2 / 5"; return [make("dt", { text: name }), dd]; }));
    el.says.replaceChildren(...(t.comments.get(row) ?? []).map((text) => make("li", { text })));
    const off = this.facts.readOnly;
    el.keep.lastChild.textContent = candidate ? "no atom" : "keep"; el.remove.disabled = off || candidate || t.gone[row] === 1; el.keep.disabled = off; el.add.disabled = off; el.snap.disabled = off || candidate || t.gone[row] === 1;
    this.facts.species.slice(0, 9).forEach((one, k) => { el[`species${k}`].disabled = off || t.gone[row] === 1; el[`species${k}`].classList.toggle("on", !candidate && this.symbols[t.kind[row]] === one); });
    this.histogram(); this.pictures();
  }

  why(row, candidate, rel) {
    const t = this.item, said = [];
    if (candidate) return t.looked[row] ? "Decided." : "A bright spot without an atom. a adds one, k says there is none.";
    if (t.flag[row] === "added") return "Added by hand.";
    if (t.exists[row] < 0.8) said.push(`exists with a probability of ${shown(t.exists[row], 2)}`);
    if (rel < 0.75) said.push("low for its species");
    if (this.usual && t.nearest[row] < 0.8 * this.usual) said.push("too near to a neighbour");
    if (t.moved[row] > 0.6) said.push("moved far since tracing");
    if (!said.length) return t.doubt[row] >= this.facts.doubtful ? "Paler than usual in the volume." : "Nothing speaks against it.";
    const text = said.join("; ");
    return `${text[0].toUpperCase()}${text.slice(1)}.`;
  }

  histogram() {
    const canvas = this.el.hist, t = this.item, ratio = devicePixelRatio || 1, wide = canvas.clientWidth, high = canvas.clientHeight;
    if (!wide || !t) return;
    canvas.width = wide * ratio; canvas.height = high * ratio;
    const pen = canvas.getContext("2d"), style = getComputedStyle(this.root), bins = 64, base = high - 14;
    pen.scale(ratio, ratio);
    let low = Infinity, top = -Infinity;
    for (let k = 0; k < t.n; k++) if (!t.gone[k] && Number.isFinite(t.height[k])) { low = Math.min(low, t.height[k]); top = Math.max(top, t.height[k]); }
    pen.fillStyle = style.getPropertyValue("--soft"); pen.font = "11px system-ui, sans-serif";
    if (!(top > low)) { pen.fillText("no heights", 4, 14); return; }
    const counts = new Map();
    for (let k = 0; k < t.n; k++) if (!t.gone[k] && Number.isFinite(t.height[k])) {
      if (!counts.has(t.kind[k])) counts.set(t.kind[k], { n: new Uint32Array(bins), colour: this.colour(k) });
      counts.get(t.kind[k]).n[Math.min(bins - 1, Math.floor((bins * (t.height[k] - low)) / (top - low)))]++;
    }
    const most = Math.max(...[...counts.values()].map((one) => Math.max(...one.n)));
    for (const one of counts.values()) {
      pen.fillStyle = one.colour; pen.globalAlpha = 0.7;
      // Square roots, so that the few odd ones are seen beside the many.
      one.n.forEach((n, k) => { const h = n ? Math.max(1.5, (base - 4) * Math.sqrt(n / most)) : 0; pen.fillRect((k * wide) / bins, base - h, wide / bins - 1, h); });
    }
    pen.globalAlpha = 1; pen.fillStyle = style.getPropertyValue("--soft");
    pen.fillText(low.toPrecision(3), 0, high - 2); pen.textAlign = "right"; pen.fillText(`${top.toPrecision(3)}   (√ scale)`, wide, high - 2);
    if (this.chosen !== null && Number.isFinite(t.height[this.chosen])) {
      const x = clamp((wide * (t.height[this.chosen] - low)) / (top - low), 1, wide - 2);
      pen.fillStyle = style.getPropertyValue("--text"); pen.fillRect(x - 1, 0, 2, base);
      pen.beginPath(); pen.moveTo(x - 5, 0); pen.lineTo(x + 5, 0); pen.lineTo(x, 7); pen.fill();
    }
  }

  async pictures() {
    if (!this.facts.tilts || this.chosen === null) return;
    const number = this.image, row = this.chosen, wanted = `${number} ${this.key(row)} ${this.version}`;
    this.wanted = wanted;
    this.el.tiltText.textContent = `${number + 1}/${this.facts.tilts.length}  ${this.facts.tilts[number].toFixed(1)}°`;
    await new Promise((ready) => setTimeout(ready, 60));
    if (this.wanted !== wanted) return;
    const [facts, data] = await this.ask({ ask: "images", number, position: this.place(row) });
    if (facts.error || this.wanted !== wanted) return;
    ["measured", "calculated", "residual"].forEach((name, k) => this.drawPicture(this.el[name], data.subarray(k * facts.side ** 2, (k + 1) * facts.side ** 2), facts, name === "residual"));
  }

  drawPicture(canvas, grey, facts, signed) {
    const n = facts.side, zoom = Math.max(1, Math.floor(220 / n));
    canvas.width = canvas.height = n * zoom;
    const small = document.createElement("canvas"), image = new ImageData(n, n);
    small.width = small.height = n;
    for (let k = 0; k < n * n; k++) {
      const g = grey[k], d = (g - 127.5) / 127.5, rgb = signed ? (d > 0 ? [255 * d, 110 * d, 60 * d] : [50 * -d, 120 * -d, 255 * -d]) : [g, g, g];
      image.data.set([...rgb, 255], 4 * k);
    }
    small.getContext("2d").putImageData(image, 0, 0);
    const pen = canvas.getContext("2d"), x = (facts.mark[0] + 0.5) * zoom, y = (n - 1 - facts.mark[1] + 0.5) * zoom;
    pen.drawImage(small, 0, 0, n * zoom, n * zoom);
    pen.strokeStyle = "#ffd94d"; pen.lineWidth = 1.5; pen.beginPath(); pen.arc(x, y, (RADIUS * zoom) / facts.pixel + 3, 0, 7); pen.stroke();
  }
}

// ---- ways to ask: over HTTP on a page of its own, by messages of the widget in a notebook ------

async function overHttp(request) {
  const response = await fetch("/api", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(request), credentials: "same-origin" });
  if (![200, 409, 422].includes(response.status)) throw new Error(`${response.status} ${(await response.text()).slice(0, 200)}`);
  const bytes = await response.arrayBuffer(), length = new DataView(bytes).getUint32(0, true);
  return [JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length))), new Uint8Array(bytes, 4 + length)];
}

function overWidget(model) {
  const waiting = new Map();
  let last = 0;
  const own = Math.random().toString(36).slice(2);
  model.on("msg:custom", (message, buffers) => {
    const done = waiting.get(message.id);
    if (!done) return;
    waiting.delete(message.id);
    const data = buffers?.[0];
    // A copy, so that numbers begin at a multiple of four.
    done([message.answer, data ? new Uint8Array((data.buffer ?? data).slice(data.byteOffset ?? 0, (data.byteOffset ?? 0) + data.byteLength)) : new Uint8Array(0)]);
  });
  return (request) => new Promise((done) => { const id = `${own}-${++last}`; waiting.set(id, done); model.send({ id, request }); });
}

function render({ model, el }) {
  const root = make("div", { class: "aet-review", tabindex: 0 });
  root.style.height = "760px";
  el.append(root);
  const review = new Review(root, overWidget(model), false);
  review.start();
  return () => review.stop();
}

const page = typeof document === "undefined" ? null : document.getElementById("aet-review");
if (page) {
  const review = new Review(page, overHttp, true);
  page.review = review;
  review.start().catch((error) => { page.textContent = `The page could not be shown: ${error.message}`; });
}

export default { render };
