"use strict";
{
const { records, pairings } = JSON.parse(document.getElementById("document").textContent);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const SVG = "http://www.w3.org/2000/svg";
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6fd1", "#7a7a2c"];

/** Make an element; texts are set as text, never as markup. */
function make(tag, attributes = {}, ...children) {
  const drawn = ["svg", "g", "line", "path", "text", "circle"].includes(tag);
  const element = drawn ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Theme

const theme = document.getElementById("theme");
const dark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.style.colorScheme || (dark.matches ? "dark" : "light")) === "dark";
function nameTheme() { theme.textContent = isDark() ? "light" : "dark"; }
theme.setAttribute("aria-label", "switch between light and dark");
theme.addEventListener("click", () => {
  document.documentElement.style.colorScheme = isDark() ? "light" : "dark";
  nameTheme();
});
dark.addEventListener("change", nameTheme);
nameTheme();
theme.hidden = false;

// Filters: they choose pairings; every view shows what its pairings allow

const filters = document.getElementById("filters");
const benchmarks = all("section.benchmark");
const search = document.getElementById("search");
let shown = new Set(pairings.keys());

function chosen(pairing) {
  const { data, preset, countermeasure, runs } = Object.fromEntries(new FormData(filters));
  const benchmark = benchmarks[pairing.benchmark].dataset;
  if ((data && data !== benchmark.data) || (preset && preset !== benchmark.preset)) return false;
  if (countermeasure === "-" && pairing.countermeasures.length) return false;
  if (countermeasure.startsWith("+") && !pairing.countermeasures.includes(countermeasure.slice(1))) return false;
  return pairing.keys.length >= Number(runs || 1);
}

function apply() {
  shown = new Set([...pairings.keys()].filter((number) => chosen(pairings[number])));
  for (const benchmark of benchmarks) showBenchmark(benchmark, [...shown].map((n) => pairings[n]).filter((p) => p.benchmark === Number(benchmark.dataset.benchmark)));
  const terms = search.value.toLowerCase().split(/\s+/);
  let lines = 0;
  for (const row of all("#cells tbody tr")) {
    const text = (row.textContent + row.dataset.key).toLowerCase();
    row.hidden = !shown.has(Number(row.dataset.pairing)) || !terms.every((term) => text.includes(term));
    lines += !row.hidden;
  }
  document.getElementById("shown").textContent = `${lines} of ${Object.keys(records).length} records`;
}

function showBenchmark(benchmark, live) {
  benchmark.hidden = !live.length;
  const methods = new Set(live.map((pairing) => pairing.method));
  for (const element of all("[data-method]", benchmark)) element.hidden = !methods.has(element.dataset.method);
  for (const element of all(".plot [data-pairing]", benchmark)) element.toggleAttribute("hidden", !shown.has(Number(element.dataset.pairing)));
  for (const cell of all(".heat [data-pairing]", benchmark)) cell.classList.toggle("out", !shown.has(Number(cell.dataset.pairing)));
  all(".heat thead th", benchmark).forEach((head, column) => {
    const cells = all(".heat tbody tr", benchmark).map((row) => row.cells[column + 1]);
    const empty = !cells.some((cell) => cell.dataset.pairing && !cell.classList.contains("out"));
    for (const cell of [head, ...cells]) cell.hidden = empty;
  });
  rank(benchmark, live);
  offer(benchmark, live);
}

/** Methods as they rank at the attacker that most of them met; the ranks themselves were computed with the page. */
function rank(benchmark, live) {
  const ranked = live.filter((pairing) => !pairing.clean && pairing.reference !== null);
  const met = (attacker) => ranked.filter((pairing) => pairing.attacker === attacker).length;
  const common = all(".heat thead th", benchmark).map((head) => head.textContent).reduce((best, name) => met(name) > met(best) ? name : best, "");
  const metCommon = ranked.filter((pairing) => pairing.attacker === common).map((pairing) => pairing.method);
  const has = (method, attacker) => ranked.some((pairing) => pairing.method === method && pairing.attacker === attacker);
  const shared = [...new Set(ranked.map((pairing) => pairing.attacker))].filter((name) => metCommon.every((method) => has(method, name)));
  for (const element of all(".common-attacker", benchmark)) element.textContent = common;
  for (const element of all(".shared", benchmark)) element.textContent = shared.length;
  const lines = all(".board tbody tr", benchmark).map((row) => {
    const own = ranked.filter((pairing) => pairing.method === row.dataset.method);
    const pairing = own.find((one) => one.attacker === common);
    row.hidden = !own.length;
    const texts = !pairing ? {} : {
      rank: pairing.rank.replace("-", "–"),
      drop: (pairing.reference - pairing.accuracy).toFixed(1),
      accuracy: `${pairing.accuracy.toFixed(1)} [${pairing.interval.map((end) => end.toFixed(1)).join(", ")}]`,
      worst: `${(100 * pairing.worst.share).toFixed(1)} (no. ${pairing.worst.number})`,
      seeds: pairing.keys.length > 1 ? pairing.seeds : "one seed",
      reference: pairing.reference.toFixed(1),
      best: Math.max(...own.filter((one) => shared.includes(one.attacker)).map((one) => one.accuracy)).toFixed(1),
    };
    texts.attackers = own.length;
    for (const cell of all("[data-of]", row)) cell.textContent = texts[cell.dataset.of] ?? "–";
    return { row, order: pairing ? pairing.order : Infinity };
  });
  lines.sort((a, b) => (a.order > b.order) - (a.order < b.order)).forEach(({ row }) => row.parentNode.append(row));
}

// Learning curves

function offer(benchmark, live) {
  const select = benchmark.querySelector(".curves select");
  const before = select.value;
  const count = new Map();
  for (const pairing of live) count.set(pairing.attacker, (count.get(pairing.attacker) || 0) + 1);
  const names = [...count.keys()].sort((a, b) => count.get(b) - count.get(a));
  select.replaceChildren(...names.map((name) => make("option", { value: name }, name)));
  if (count.has(before)) select.value = before;
  select.onchange = () => draw(benchmark);
  draw(benchmark);
}

function curve(pairing) {
  const runs = pairing.keys.map((key) => records[key].curve.map((epoch) => 100 * epoch.test_correct / records[key].counts.n));
  const length = Math.min(...runs.map((run) => run.length));
  return Array.from({ length }, (_, epoch) => mean(runs.map((run) => run[epoch])));
}

function draw(benchmark) {
  const chart = benchmark.querySelector(".chart");
  const width = chart.clientWidth;
  const attacker = benchmark.querySelector(".curves select").value;
  const number = Number(benchmark.dataset.benchmark);
  const known = [...new Set(pairings.filter((p) => p.benchmark === number && !p.clean).map((p) => p.method))];
  const lines = [...shown].map((n) => pairings[n]).filter((p) => p.benchmark === number && p.attacker === attacker)
    .map((pairing) => {
      const index = pairing.clean ? -1 : known.indexOf(pairing.method);
      const dash = index < COLOURS.length ? "none" : "7 3";
      return { pairing, values: curve(pairing), dash, colour: index < 0 ? "currentColor" : COLOURS[index % COLOURS.length] };
    });
  if (!width || !lines.length) return chart.replaceChildren();
  const chance = 100 / records[lines[0].pairing.keys[0]].data.num_classes;
  const height = Math.max(320, 17 * lines.length + 60);
  const longest = Math.max(...lines.map((line) => line.pairing.method.length));
  const [left, right, top, bottom] = [46, Math.min(0.46 * width, 24 + 7 * longest), 14, 36];
  const last = Math.max(...lines.map((line) => line.values.length));
  const x = (epoch) => left + (width - left - right) * (epoch - 1) / Math.max(1, last - 1);
  const y = (value) => height - bottom - (height - top - bottom) * value / 100;
  const svg = make("svg", { height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": `Clean test accuracy over epochs, ${attacker}` });
  for (const value of [0, 25, 50, 75, 100]) {
    svg.append(make("line", { x1: left, x2: width - right, y1: y(value), y2: y(value), class: "axis" }));
    svg.append(make("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, value === 100 ? "100%" : String(value)));
  }
  for (const epoch of new Set([1, Math.round(last / 2), last])) svg.append(make("text", { x: x(epoch), y: height - 14, "text-anchor": "middle" }, epoch === last ? `epoch ${epoch}` : String(epoch)));
  svg.append(make("line", { x1: left, x2: width - right, y1: y(chance), y2: y(chance), class: "chance" }));
  svg.append(make("text", { x: left + 4, y: y(chance) + (chance > 8 ? 14 : -5) }, `chance ${chance.toFixed(1)}%`));
  lines.sort((a, b) => b.values.at(-1) - a.values.at(-1));
  const tip = make("div", { class: "tip", role: "status", hidden: "" });
  let floor = -Infinity;
  const labels = lines.map((line) => (floor = Math.max(y(line.values.at(-1)), floor + 16)));
  for (let n = labels.length - 1, ceiling = height - 6; n >= 0; n--) ceiling = (labels[n] = Math.min(labels[n], ceiling)) - 16;
  lines.forEach((line, n) => {
    const { pairing, values, colour, dash } = line;
    const end = [x(values.length), y(values.at(-1))];
    line.group = make("g", { tabindex: 0, role: "img", "aria-label": `${pairing.method}: ${values.at(-1).toFixed(1)}% after ${values.length} epochs` },
      make("path", { d: "M" + values.map((value, index) => `${x(index + 1)},${y(value)}`).join("L"), stroke: colour, "stroke-dasharray": dash }),
      make("path", { d: `M${end}L${width - right + 12},${labels[n]}`, stroke: colour, style: "stroke-width: 1.2" }),
      make("text", { x: width - right + 16, y: labels[n] + 4 }, pairing.method));
    line.group.addEventListener("focus", () => point(line, values.length));
    line.group.addEventListener("blur", () => point(null));
    svg.append(line.group);
  });
  function point(line, epoch) {
    svg.classList.toggle("chosen", Boolean(line));
    for (const other of lines) other.group.classList.toggle("on", other === line);
    tip.hidden = !line;
    if (!line) return;
    tip.textContent = `${line.pairing.method}, epoch ${epoch}: ${line.values[epoch - 1].toFixed(1)}%`;
    tip.style.left = `${Math.min(Math.max(x(epoch), 90), width - 110)}px`;
    tip.style.top = `${Math.max(y(line.values[epoch - 1]), 28)}px`;
  }
  svg.addEventListener("pointerleave", () => point(null));
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
    const epoch = Math.min(last, Math.max(1, Math.round(1 + (px - left) / (width - left - right) * (last - 1))));
    const at = (line) => px > width - right + 8 ? labels[lines.indexOf(line)] : y(line.values[Math.min(epoch, line.values.length) - 1]);
    const nearest = lines.reduce((best, line) => Math.abs(at(line) - py) < Math.abs(at(best) - py) ? line : best);
    point(nearest, Math.min(epoch, nearest.values.length));
  });
  chart.replaceChildren(svg, tip);
}

// The table of all cells

function sort(head) {
  const body = head.closest("table").tBodies[0];
  const way = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  const value = (row) => {
    const text = row.cells[head.cellIndex].textContent.trim();
    return head.classList.contains("n") ? (text === "–" ? Infinity * way : parseFloat(text)) : text;
  };
  const order = (a, b) => (typeof a === "number" ? (a === b ? 0 : a - b) : a.localeCompare(b)) * way;
  body.append(...[...body.rows].sort((a, b) => order(value(a), value(b))));
  for (const other of head.parentNode.cells) other.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", way > 0 ? "ascending" : "descending");
}

/** Options as the command line reads them; fractions of 255 as such. */
function spell(value) {
  if (typeof value === "string") return value;
  const levels = Math.round(value * 25500) / 100;
  return Math.abs(value) < 1 && String(value).length > 8 && levels / 255 === value ? `${levels}/255` : JSON.stringify(value);
}
const words = (options) => Object.entries(options).map(([name, value]) => `${name}=${spell(value)}`).join(", ") || "none";
const seconds = (value) => `${value < 10 ? value.toFixed(2) : Math.round(value).toLocaleString("en")} s`;

function open(record) {
  const { counts, peak, audit, provenance: made, timings, training, data } = record;
  const side = record.side_information;
  const lines = {
    "peak (oracle)": `${(100 * peak.correct / peak.n).toFixed(1)}% in epoch ${peak.epoch}: the best on the test set, which no attacker could choose`,
    "data": `${data.name}: ${data.num_classes} identities, ${data.train_images} + ${data.test_images} photographs, ${data.size} px (${words(data.options)})`,
    "method": `${record.method.name}, version ${record.method.version}: ${words(record.method.config)}`,
    "side information": side ? `${side.labels}${side.embedding ? `, embedding ${side.embedding}` : ""}; pure for ${side.purity.correct} of ${side.purity.n}` : "true labels",
    "weights": record.assets.map((asset) => `${asset.file} (sha256 ${asset.sha256})`).join(", ") || "none",
  };
  record.attacker.forEach((part, index) => { lines[index ? `countermeasure ${index}` : "attacker"] = `${part.name}, version ${part.version}: ${words(part.config)}`; });
  Object.assign(lines, {
    "model": words(training.model),
    "training": `${training.epochs} epochs, ${training.steps} steps, stopped: ${training.stopped}`,
    "seeds": `attacker ${record.seed}, method ${record.method_seed}; preset ${record.preset}`,
    "audit": `largest change ${audit.max_levels}/255, mean length ${audit.l2_mean.toFixed(3)}, PSNR ${audit.psnr_mean === null ? "–" : `${audit.psnr_mean.toFixed(1)} dB`}, ${audit.changed} images changed`
      + (audit.separable ? `, ${audit.separable.correct} of ${audit.separable.n} linearly separable` : ""),
    "time": `fitting ${seconds(timings.fit_seconds)}, protecting ${seconds(timings.protect_seconds)}, training ${seconds(timings.train_seconds)} (${Math.round(timings.train_images_per_second)} images/s)`,
    "machine": `${made.machine}, ${made.device}, ${made.threads} thread${made.threads === 1 ? "" : "s"}; finished ${made.finished}`,
    "commit": made.commit || "none",
    "versions": words(made.versions),
    "sources": words(made.sources),
    "key": record.key, "protect key": record.protect_key, "data key": record.data_key,
  });
  const right = record.per_identity.map((one, label) => [label, one.correct, one.n]);
  const bars = make("div", { class: "bars", role: "img", "aria-label": `Correct answers for each identity: ${right.map(([, c, n]) => `${c} of ${n}`).join(", ")}` },
    ...right.map(([label, c, n]) => make("span", { style: `height: ${100 * c / n}%`, title: `identity ${label}: ${c} of ${n}` })));
  const dialog = document.getElementById("record");
  dialog.replaceChildren(
    make("form", { method: "dialog" }, make("button", {}, "Close")),
    make("h2", { id: "title" }, `${record.written.method} against ${record.written.attacker}`),
    make("p", { class: "big" }, `${(100 * counts.correct / counts.n).toFixed(1)}%`),
    make("p", { class: "note" }, `clean test accuracy after the last epoch: ${counts.correct} of ${counts.n}; 95% Wilson interval ${record.interval.map((end) => end.toFixed(1)).join(" to ")}%; chance ${(100 / data.num_classes).toFixed(1)}%`),
    make("p", { class: "note" }, "Accuracy for each identity"), bars,
    make("dl", {}, ...Object.entries(lines).flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)])));
  dialog.showModal();
}

if (filters) {
  for (const head of all("#cells thead th")) {
    const button = make("button", { type: "button" }, head.textContent.trim());
    button.addEventListener("click", () => sort(head));
    head.replaceChildren(button);
  }
  for (const row of all("#cells tbody tr")) {
    const head = row.querySelector("th");
    head.replaceChildren(make("button", { type: "button", "aria-haspopup": "dialog" }, ...head.childNodes));
    row.addEventListener("click", () => open(records[row.dataset.key]));
  }
  for (const element of [filters, ...all(".scripted")]) element.hidden = false;
  filters.addEventListener("change", apply);
  filters.addEventListener("submit", (event) => event.preventDefault());
  search.addEventListener("input", apply);
  new ResizeObserver(() => benchmarks.forEach((benchmark) => benchmark.hidden || draw(benchmark))).observe(document.querySelector("main"));
  apply();
}
}
