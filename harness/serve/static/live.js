"use strict";
// The page looks at itself anew, and takes what has changed: rows and sections with a key, one by one, so that
// whoever reads or has the focus elsewhere notices nothing.
const told = document.getElementById("told");

const parts = (page) => [...page.querySelectorAll("#live [data-key]")];

function take(news) {
  const [old, fresh] = [parts(document), parts(news)];
  const focused = document.activeElement?.getAttribute("href");
  if (old.length === fresh.length && old.every((part, place) => part.dataset.key === fresh[place].dataset.key)) {
    old.forEach((part, place) => {
      if (part.outerHTML !== fresh[place].outerHTML) part.replaceWith(document.adoptNode(fresh[place]));
    });
    document.getElementById("live").dataset.every = news.getElementById("live").dataset.every;
  } else {
    document.getElementById("live").replaceWith(document.adoptNode(news.getElementById("live")));
  }
  if (focused && document.activeElement === document.body)
    document.querySelector(`#live a[href="${CSS.escape(focused)}"]`)?.focus();
}

async function look() {
  if (!document.hidden) {
    try {
      const answer = await fetch(location.pathname, {cache: "no-store"});
      if (!answer.ok) throw new Error(answer.status);
      take(new DOMParser().parseFromString(await answer.text(), "text/html"));
      told.textContent = "";
    } catch {
      told.textContent = "No answer: the server may have ended. What is shown is what was known last.";
    }
  }
  setTimeout(look, 1000 * Number(document.getElementById("live").dataset.every));
}

setTimeout(look, 1000 * Number(document.getElementById("live").dataset.every));
