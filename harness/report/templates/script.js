"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = (row) => row.cells[column].dataset.sort;
    const number = (text) => text === "inf" ? Infinity : text === "-inf" ? -Infinity : Number(text);
    const order = (a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x === "" || y === "") return (x === "") - (y === "");   // what is missing comes last, either way
      const [m, n] = [number(x), number(y)];
      const sign = down ? -1 : 1;
      return sign * (Number.isNaN(m) || Number.isNaN(n) ? x.localeCompare(y) : (m > n) - (m < n));
    };
    const body = table.tBodies[0];
    body.append(...[...body.rows].sort(order));
  }));
}

// A link to something that is folded unfolds it; so does printing, where the browser's own rules do not.
const unfold = (element) => {
  for (let each = element; each; each = each.parentElement) if (each.tagName === "DETAILS") each.open = true;
};
const unfoldTarget = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  unfold(target);
  target?.scrollIntoView();
};
addEventListener("hashchange", unfoldTarget);
if (location.hash) unfoldTarget();
addEventListener("beforeprint", () => {
  for (const each of document.querySelectorAll("details:not([open])")) {
    each.open = true;
    addEventListener("afterprint", () => each.open = false, {once: true});
  }
});

// Chromium may keep a text as it was laid out before the font was there: it is laid out anew.
document.fonts.ready.then(() => {
  document.body.style.display = "none";
  void document.body.offsetHeight;
  document.body.style.display = "";
});
