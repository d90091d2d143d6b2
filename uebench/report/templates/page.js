"use strict";
{
const { records, places } = JSON.parse(document.getElementById("document").textContent);
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

// Filters: they choose places; every view shows what its places allow

const filters = document.getElementById("filters");
const stages = all("section.stage");
const search = document.getElementById("search");
let shown = new Set(places.keys());

function chosen(place) {
  const { data, preset, measure, seeds } = Object.fromEntries(new FormData(filters));
  const stage = stages[place.stage].dataset;
  if ((data && data !== stage.data) || (preset && preset !== stage.preset)) return false;
  if (measure === "-" && place.measures.length) return false;
  if (measure.startsWith("+") && !place.measures.includes(measure.slice(1))) return false;
  return place.keys.length >= Number(seeds || 1);
}

function apply() {
  shown = new Set([...places.keys()].filter((number) => chosen(places[number])));
  for (const stage of stages) showStage(stage, [...shown].map((n) => places[n]).filter((p) => p.stage === Number(stage.dataset.stage)));
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
  const facts = {
    "peak (oracle)": `${(100 * peak.correct / peak.n).toFixed(1)} % in epoch ${peak.epoch}: the best on the test set, which no attacker could choose`,
    "data": `${data.name}: ${data.num_classes} identities, ${data.train_images} + ${data.test_images} photographs, ${data.size} px (${words(data.options)})`,
    "method": `${record.method.name}, version ${record.method.version}: ${words(record.method.config)}`,
    "side information": side ? `${side.labels}${side.embedding ? `, embedding ${side.embedding}` : ""}; pure for ${side.purity.correct} of ${side.purity.n}` : "true labels",
    "weights": record.assets.map((asset) => `${asset.file} (sha256 ${asset.sha256})`).join(", ") || "none",
  };
  record.attacker.forEach((part, place) => { facts[place ? `countermeasure ${place}` : "attacker"] = `${part.name}, version ${part.version}: ${words(part.config)}`; });
  Object.assign(facts, {
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
    make("p", { class: "big" }, `${(100 * counts.correct / counts.n).toFixed(1)} %`),
    make("p", { class: "facts" }, `clean test accuracy after the last epoch: ${counts.correct} of ${counts.n}; 95 % Wilson interval ${record.interval.map((end) => end.toFixed(1)).join(" to ")} %; chance ${(100 / data.num_classes).toFixed(1)} %`),
    make("p", { class: "facts" }, "Accuracy for each identity"), bars,
    make("dl", {}, ...Object.entries(facts).flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)])));
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
  filters.addEventListener("input", apply);
  filters.addEventListener("submit", (event) => event.preventDefault());
  search.addEventListener("input", apply);
  new ResizeObserver(() => stages.forEach((stage) => stage.hidden || draw(stage))).observe(document.querySelector("main"));
  apply();
}
}
