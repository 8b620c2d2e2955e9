"use strict";

// Only adds to a page that says everything without it: the filter, and the way to a library in a picture.

const filter = document.getElementById("filter");
const hits = document.getElementById("hits");
const entries = [...document.querySelectorAll(".findings > li, .table tbody > tr, .timeline > li, .program")];
const sections = [...document.querySelectorAll("main > section:not(#matrix), main > details")];
const opened = new Set();

function narrow() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const entry of entries) {
    const text = entry.textContent.toLowerCase();
    const out = !words.every((word) => text.includes(word));
    entry.toggleAttribute("data-out", out);
    shown += out ? 0 : 1;
  }
  for (const section of sections) {
    const within = entries.filter((entry) => section.contains(entry));
    const empty = words.length > 0 && !within.some((entry) => !entry.hasAttribute("data-out"));
    section.toggleAttribute("data-out", empty);
    if (section.tagName !== "DETAILS") continue;
    if (words.length > 0 && !empty && !section.open) {
      section.open = true;
      opened.add(section);
    } else if (words.length === 0 && opened.delete(section)) {
      section.open = false;
    }
  }
  hits.textContent = words.length > 0 ? `${shown} of ${entries.length} entries have these words.` : "";
}

filter.hidden = false;
filter.addEventListener("input", narrow);

// All nodes that lead to `end`, with it.
function leading(end, edges) {
  const found = new Set([end]);
  const left = [end];
  while (left.length > 0) {
    const node = left.pop();
    for (const edge of edges) {
      if (edge.dataset.to === node && !found.has(edge.dataset.from)) {
        found.add(edge.dataset.from);
        left.push(edge.dataset.from);
      }
    }
  }
  return found;
}

// The shortest way from the program, node 0.
function shortest(end, edges) {
  const before = new Map([["0", null]]);
  const left = ["0"];
  while (left.length > 0 && !before.has(end)) {
    const node = left.shift();
    for (const edge of edges) {
      if (edge.dataset.from === node && !before.has(edge.dataset.to)) {
        before.set(edge.dataset.to, node);
        left.push(edge.dataset.to);
      }
    }
  }
  const way = [];
  for (let node = end; node !== null && node !== undefined; node = before.get(node)) way.unshift(node);
  return way;
}

function draw(picture) {
  const drawing = picture.querySelector("svg");
  const told = picture.nextElementSibling;
  const nodes = [...picture.querySelectorAll(".node")];
  const edges = [...picture.querySelectorAll(".edge")];
  const name = (node) => nodes[Number(node)].querySelector("text").textContent;
  let chosen = null;

  function choose(node) {
    chosen = chosen === node ? null : node;
    const on = chosen === null ? new Set() : leading(chosen, edges);
    drawing.classList.toggle("chosen", chosen !== null);
    for (const entry of nodes) {
      entry.classList.toggle("on", on.has(entry.dataset.node));
      entry.setAttribute("aria-pressed", String(entry.dataset.node === chosen));
    }
    for (const edge of edges) edge.classList.toggle("on", on.has(edge.dataset.from) && on.has(edge.dataset.to));
    told.textContent = chosen === null ? hint : `The way: ${shortest(chosen, edges).map(name).join(" → ")}. `
      + nodes[Number(chosen)].querySelector("title").textContent;
  }

  const hint = "Choose a library to see the way to it from the program.";
  told.textContent = hint;
  drawing.setAttribute("role", "group");
  for (const node of nodes) {
    node.setAttribute("role", "button");
    node.setAttribute("tabindex", "0");
    node.setAttribute("aria-pressed", "false");
    node.addEventListener("click", () => choose(node.dataset.node));
    node.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && chosen !== null) choose(chosen);
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      choose(node.dataset.node);
    });
  }
}

document.querySelectorAll(".picture").forEach(draw);
