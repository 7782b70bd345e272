// SPDX-License-Identifier: Apache-2.0
#include "report/assets.h"

namespace sifkit::inspect {

const std::string_view kReportStyle = R"css(
:root { color-scheme: light dark; --back: #fff; --fore: #1b1f24; --soft: #57606a; --line: #d0d7de; --card: #f6f8fa;
  --link: #0550ae; --error: #a40e26; --warning: #7d4e00; --note: #0550ae; }
@media (prefers-color-scheme: dark) { :root { --back: #0d1117; --fore: #e6edf3; --soft: #9ea7b3; --line: #30363d;
  --card: #161b22; --link: #79b8ff; --error: #ff8f8a; --warning: #e3b341; --note: #79b8ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1rem; background: var(--back); color: var(--fore);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: .5rem 0; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1rem 0 .3rem; overflow-wrap: anywhere; }
pre { margin: 0; padding: .5rem; background: var(--card); border: 1px solid var(--line); white-space: pre-wrap;
  overflow-wrap: anywhere; }
summary { cursor: pointer; color: var(--link); }
a { color: var(--link); }
nav ul { display: flex; flex-wrap: wrap; gap: .3rem 1rem; list-style: none; margin: 0; padding: 0; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; background: var(--back); }
.soft { color: var(--soft); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th, td code { white-space: nowrap; }
th[scope=row] { width: 1%; }
#layer-table code { white-space: normal; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
code, pre, .path { font-family: ui-monospace, monospace; font-size: .92em; }
.severity { font-weight: 600; }
.error .severity { color: var(--error); } .warning .severity { color: var(--warning); } .note .severity { color: var(--note); }
#map { position: relative; overflow: hidden; height: 26rem; margin: .5rem 0; background: var(--card); border: 1px solid var(--line); }
#map button { position: absolute; display: flex; align-items: flex-start; overflow: hidden; white-space: nowrap; margin: 0; padding: 0 .3rem; border: 1px solid var(--back); color: #fff;
  text-align: left; font: .8rem/1.25 system-ui, sans-serif; border-radius: 0; }
#map button.directory { background: #1f5f99; cursor: zoom-in; }
#map button.file { background: #54606c; }
#map button.others { background: #6b5b3a; }
#map button.inner { font-size: .7rem; border-color: #1f5f99; }
#map button.directory.inner { background: #2f76b5; border-color: #1f5f99; }
#map button:hover { filter: brightness(1.15); }
button:focus-visible, a:focus-visible, input:focus-visible, summary:focus-visible { outline: 3px solid #d97706;
  outline-offset: -3px; z-index: 1; }
#crumbs button { font: inherit; color: var(--link); background: none; border: 0; padding: .1rem .2rem; cursor: pointer; }
#crumbs ol { display: flex; flex-wrap: wrap; list-style: none; margin: 0; padding: 0; }
#crumbs li + li::before { content: "/"; color: var(--soft); }
input[type=search] { font: inherit; padding: .2rem .4rem; width: 20rem; max-width: 100%; }
.scripted { display: none; }
.has-script .scripted { display: block; }
@media print {
  :root { color-scheme: light; --back: #fff; --fore: #000; --soft: #444; --line: #bbb; --card: #fff; --link: #000; }
  nav, #crumbs, input, label, .skip { display: none !important; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  #map { height: 12cm; break-inside: avoid; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  tr { break-inside: avoid; }
  details::details-content { content-visibility: visible; block-size: auto; }
}
)css";

const std::string_view kReportScript = R"js(
"use strict";
(() => {
  const kShown = 200;
  const kInner = 40;
  const nodes = JSON.parse(document.getElementById("data").textContent).names.map(
    ([parent, name, bytes, names, kind]) => ({parent, name, bytes, names, kind, children: []}));
  nodes.forEach((node, at) => { if (at !== 0) nodes[node.parent].children.push(node); });
  for (const node of nodes) node.children.sort((a, b) => b.bytes - a.bytes);
  const map = document.getElementById("map");
  const crumbs = document.querySelector("#crumbs ol");
  const list = document.querySelector("#children tbody");
  const state = document.getElementById("state");
  document.documentElement.classList.add("has-script");

  const text = (bytes) => {
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = 0;
    while (bytes >= 1023.95 && unit + 1 < units.length) { bytes /= 1024; ++unit; }
    return (unit === 0 ? bytes : bytes.toFixed(1)) + " " + units[unit];
  };
  const label = (node) => node === nodes[0] ? "root" : node.kind === 2 ? node.names + " smaller ones" : node.name;
  const share = (node, whole) => (whole.bytes === 0 ? 0 : 100 * node.bytes / whole.bytes).toFixed(1) + " %";
  const is_open = (node) => node.kind === 1 && node.children.length !== 0;

  // Halves a rectangle along its longer side until each part is one node's.
  const place = (part, left, top, width, height, put) => {
    if (part.length === 1) { put(part[0], left, top, width, height); return; }
    const whole = part.reduce((sum, node) => sum + node.bytes, 0);
    let sum = part[0].bytes;
    let cut = 1;
    while (cut + 1 < part.length && sum + part[cut].bytes / 2 < whole / 2) sum += part[cut++].bytes;
    const first = whole === 0 ? .5 : sum / whole;
    const wide = width * map.clientWidth >= height * map.clientHeight;
    place(part.slice(0, cut), left, top, wide ? width * first : width, wide ? height : height * first, put);
    place(part.slice(cut), wide ? left + width * first : left, wide ? top : top + height * first,
          wide ? width * (1 - first) : width, wide ? height : height * (1 - first), put);
  };

  const element = (name, content, kind) => {
    const made = document.createElement(name);
    made.textContent = content;
    if (kind) made.className = kind;
    return made;
  };
  const opener = (node, content) => {
    const button = element("button", content);
    button.type = "button";
    button.addEventListener("click", () => show(node, true));
    return button;
  };

  let current = nodes[0];
  const show = (node, focus) => {
    current = node;
    const way = [];
    for (let at = node; ; at = nodes[at.parent]) { way.unshift(at); if (at === nodes[0]) break; }
    crumbs.replaceChildren(...way.map((step) => {
      const item = document.createElement("li");
      const button = opener(step, label(step));
      if (step === node) button.setAttribute("aria-current", "location");
      item.append(button);
      return item;
    }));
    const children = node.children.slice(0, kShown);
    const shown = children.filter((child) => child.bytes !== 0);
    map.replaceChildren();
    const put = (child, above, kind, left, top, width, height) => {
      const button = opener(is_open(child) ? child : above, label(child) + " " + text(child.bytes));
      button.className = ["file", "directory", "others"][child.kind] + kind;
      button.title = label(child) + ", " + text(child.bytes) + ", " + share(child, above);
      button.setAttribute("aria-label", button.title + (is_open(child) ? ", open" : ""));
      if (kind || !is_open(child)) button.tabIndex = -1;
      if (kind) button.setAttribute("aria-hidden", "true");
      Object.assign(button.style, {left: left * 100 + "%", top: top * 100 + "%", width: width * 100 + "%", height: height * 100 + "%"});
      map.append(button);
    };
    // What is in a directory is drawn below its name, where there is room.
    if (shown.length !== 0) place(shown, 0, 0, 1, 1, (child, left, top, width, height) => {
      put(child, node, "", left, top, width, height);
      const edge = 3 / map.clientWidth;
      const head = 20 / map.clientHeight;
      const inner = child.children.slice(0, kInner).filter((each) => each.bytes !== 0);
      if (inner.length === 0 || width < 20 * edge || height < 2 * head) return;
      place(inner, left + edge, top + head, width - 2 * edge, height - head - 3 / map.clientHeight,
            (each, ...rectangle) => put(each, child, " inner", ...rectangle));
    });
    list.replaceChildren(...children.map((child) => {
      const row = document.createElement("tr");
      const name = element("td", "", "path");
      if (is_open(child)) {
        const link = element("a", label(child) + "/");
        link.href = "#size";
        link.addEventListener("click", (event) => { event.preventDefault(); show(child, true); });
        name.append(link);
      } else {
        name.textContent = label(child) + (child.kind === 1 ? "/" : "");
      }
      row.append(name, element("td", text(child.bytes), "number"), element("td", share(child, node), "number"),
                 element("td", String(child.names), "number"));
      return row;
    }));
    const left = node.children.length - children.length;
    state.textContent = "/" + way.slice(1).map(label).join("/") + ": " + text(node.bytes) + " in " + node.names + " names" +
      (left > 0 ? "; " + left + " more are not shown" : "");
    if (focus) crumbs.querySelector("[aria-current]").focus();
  };
  document.getElementById("size").addEventListener("keydown", (event) => {
    if ((event.key === "Escape" || event.key === "Backspace") && current !== nodes[0]) { event.preventDefault(); show(nodes[current.parent], true); }
  });
  addEventListener("resize", () => show(current, false));
  show(nodes[0], false);

  // Paper cannot be unfolded.
  addEventListener("beforeprint", () => { for (const each of document.querySelectorAll("details")) each.open = true; });

  const search = document.getElementById("search");
  if (search) search.addEventListener("input", () => {
    const wanted = search.value.toLowerCase();
    for (const row of document.querySelectorAll("#package-table tbody tr")) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
})();
)js";

}  // namespace sifkit::inspect
