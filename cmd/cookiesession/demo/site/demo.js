// The site works without this file. With it, forms answer in place, clocks
// run, and a page whose session ends asks the server what it says to that.
"use strict";

const clock = s => {
  const two = n => String(n).padStart(2, "0");
  const h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
  return h ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
};

let drawn = performance.now();
let asked = false;

// A deadline that was reached by a page that came already expired asks nothing,
// and neither does a clock that stands still at its end.
function tick() {
  const gone = Math.floor((performance.now() - drawn) / 1000);
  for (const el of document.querySelectorAll("[data-left]")) {
    const at = Number(el.dataset.left);
    el.textContent = clock(Math.max(0, at - gone));
    if (at > 0 && gone > at && !asked && !("still" in el.dataset)) {
      asked = true;
      load(new Request("quiet" in el.dataset ? "/?did=rotate" : "/?did=expired"));
    }
  }
}

// Requests go one after another. Two that overlap are answered in any order,
// and the later answer could set a cookie again that the other has deleted.
let last = Promise.resolve();
function load(request) {
  last = last.then(() => replace(request));
}

// replace puts the page that answers in place of this one, and leaves the
// keyboard's focus and the reader's place where they were.
async function replace(request) {
  const focused = document.activeElement && document.activeElement.id;
  let text;
  try {
    const response = await fetch(request);
    text = await response.text();
    if (!response.ok) throw new Error(response.statusText);
  } catch {
    document.getElementById("say").textContent = "The demo does not answer. Is it still running?";
    return;
  }
  const next = new DOMParser().parseFromString(text, "text/html");
  for (const part of ["header.top", "main", "footer"]) {
    document.querySelector(part).replaceWith(document.adoptNode(next.querySelector(part)));
  }
  // The live region itself stays, or nothing would be read out.
  const say = document.getElementById("say");
  say.replaceChildren(...next.getElementById("say").childNodes);
  const told = document.querySelector("#inspector #told");
  if (told) {
    const aloud = document.createElement("p");
    aloud.className = "unseen";
    aloud.textContent = `${told.textContent} ${document.getElementById("verdict").textContent}.`;
    say.append(aloud);
  }
  document.title = next.title;
  drawn = performance.now();
  asked = false;
  const back = focused && document.getElementById(focused);
  (back || document.querySelector("main")).focus({ preventScroll: true });
  if (told) told.scrollIntoView({ block: "nearest" });
}

document.addEventListener("submit", event => {
  const form = event.target, button = event.submitter;
  if (form.method !== "post") return;
  event.preventDefault();
  const action = (button && button.getAttribute("formaction")) || form.getAttribute("action");
  const body = new URLSearchParams(new FormData(form, button));
  load(new Request(action, { method: "POST", body }));
});

// The address of an experiment's page would not count when loaded again.
if (new URLSearchParams(location.search).has("did")) history.replaceState(null, "", "/");

setInterval(tick, 1000);
