"use strict";
{
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

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

// Filters: they hide what belongs to another data set, preset or attacker

const filters = document.getElementById("filters");
const search = document.getElementById("search");

function suits({ data, preset, attacker, measures }, wanted) {
  if (data !== undefined && ((wanted.data && data !== wanted.data) || (wanted.preset && preset !== wanted.preset))) return false;
  if (attacker === undefined || !wanted.attacker) return true;
  const name = wanted.attacker.slice(1);
  switch (wanted.attacker[0]) {
    case "=": return attacker === name;
    case "+": return measures.split(" ").includes(name);
    default: return measures === "";
  }
}

function apply() {
  const wanted = Object.fromEntries(new FormData(filters));
  const terms = search.value.toLowerCase().split(/\s+/);
  for (const element of all("[data-data], [data-attacker]")) element.hidden = !suits(element.dataset, wanted);
  for (const part of all("#best [data-data], section.benchmark")) part.hidden ||= !part.querySelector("[data-attacker]:not([hidden])");
  for (const list of all(".list")) list.previousElementSibling.hidden = !list.querySelector("li:not([hidden])");
  for (const part of all(".methods")) part.hidden = Boolean(wanted.attacker);
  if (wanted.attacker[0] === "=") for (const part of all("details.attacker:not([hidden])")) part.open = true;
  const rows = all("#cells tbody tr");
  for (const row of rows) row.hidden ||= !terms.every((term) => row.textContent.toLowerCase().includes(term));
  document.getElementById("shown").textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} records`;
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

if (filters) {
  for (const head of all("#cells thead th")) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(head));
    head.replaceChildren(button);
  }
  for (const element of [filters, ...all(".scripted")]) element.hidden = false;
  filters.addEventListener("change", apply);
  filters.addEventListener("submit", (event) => event.preventDefault());
  search.addEventListener("input", apply);
  apply();
}
}
