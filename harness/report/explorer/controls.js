// The controls, and what a pointer does.

const goToPlace = (wanted) => {
  if (wanted === place) return;
  place = wanted;
  drawPlace();
};
const goToMoment = (wanted) => {
  if (wanted === moment) return;
  moment = wanted;
  drawAll();
};

function stop() {
  clearInterval(timer);
  timer = null;
  find(".play").textContent = texts.play;
}

function play() {
  if (timer !== null) {
    stop();
    return;
  }
  const last = moments().length - 1;
  if (moment >= last) goToMoment(0);
  find(".play").textContent = texts.pause;
  timer = setInterval(() => {
    goToMoment(Math.min(moment + 1, last));
    if (moment >= last) stop();
  }, Math.min(600, Math.max(120, 6000 / last)));
}

// Choose a value of a setting; where there is no such run, the nearest one that there is.
function choose(key, value) {
  stop();
  const before = { when: step(), lag: lags()[place], atEnd: moment === moments().length - 1 };
  at[key] = value;
  const adapted = !condition(at);
  if (adapted) {
    const alike = (each) => each.at.filter((own, index) => own === at[index]).length;
    const there = conditions.filter((each) => each.at[key] === value);
    at.splice(0, at.length, ...there.reduce((best, each) => (alike(each) > alike(best) ? each : best)).at);
  }
  const steps = moments();
  moment = before.atEnd ? steps.length - 1 : Math.max(0, steps.findLastIndex((each) => each <= before.when));
  place = nearest(lags(), before.lag);
  range = reach();
  for (const each of root.querySelectorAll("select[data-key]")) each.value = at[each.dataset.key];
  find(".training").hidden = steps.length < 2;
  drawAll();
  find(".said").textContent = `${adapted ? `${texts.adapted} ` : ""}${summary()}`;
}

function addSelect(label, values, chosen, attributes, change) {
  const select = add(add(find(".selects"), "label", {}, label), "select", attributes);
  for (const [value, text] of values) add(select, "option", { value }, text);
  select.value = chosen;
  select.addEventListener("change", () => change(select.value));
}

settings.forEach(({ label, options: values }, key) => {
  if (values.length < 2 && key > 0) return;
  const named = values.map((value, index) => [index, value]);
  addSelect(label, named, at[key], { "data-key": key }, (value) => choose(key, Number(value)));
  if (key > 0 || values.length < 2) return;
  addSelect(texts.beside, [["", texts.nothing], ...named], other ?? "", { class: "beside" }, (value) => {
    other = value === "" ? null : Number(value);
    choose(0, at[0]);
  });
});

find(".controls").addEventListener("submit", (event) => event.preventDefault());
find(".play").addEventListener("click", play);
find(".moment").addEventListener("input", (event) => {
  stop();
  goToMoment(Number(event.target.value));
});
find(".looked-at").addEventListener("input", (event) => goToPlace(Number(event.target.value)));
find(".words").addEventListener("pointerover", (event) => {
  const word = event.target.closest(".word[data-place]");
  if (word) goToPlace(Number(word.dataset.place));
});
for (const kind of ["pointermove", "pointerdown"]) {
  find(".profile").addEventListener(kind, (event) => goToPlace(find(".profile").place(event.offsetX)));
  find(".curve").addEventListener(kind, (event) => {
    if (kind === "pointermove" && !event.buttons) return;
    stop();
    goToMoment(find(".curve").place(event.offsetX));
  });
}

moment = moments().length - 1;
place = nearest(lags(), condition(at).cue ?? 0);
range = reach();
find(".training").hidden = moments().length < 2;
find(".still").remove();
for (const each of root.querySelectorAll(".live")) each.hidden = false;
drawAll();
// A chart's width is that of the page, and a fold that is opened has one.
new ResizeObserver(drawAll).observe(find(".charts"));
