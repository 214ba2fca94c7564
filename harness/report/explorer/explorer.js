// What is chosen and what is looked at, and the words and values that follow.

const root = document.getElementById("explorer");
const find = (selector) => root.querySelector(selector);
const { settings, conditions, sentences } = data;
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
const floats = (text) => new Float32Array(Uint8Array.from(atob(text), (each) => each.charCodeAt(0)).buffer);
for (const { runs, dependence } of conditions) {
  for (const run of runs) [run.gradient, run.accuracy] = [floats(run.gradient), floats(run.accuracy)];
  if (dependence) dependence.norms = floats(dependence.norms);
}

// A condition's `at` holds the place of each setting's value; the first setting is the cell.
const at = [...conditions[data.shown].at];
let other = data.beside === null ? null : conditions[data.beside].at[0];
let moment = 0, place = 0, unfolded = false, timer = null, views = [], range = null;

const condition = (wanted) => conditions.find((each) => each.at.every((value, key) => value === wanted[key]));
const shown = () =>
  [at, ...(other === null || other === at[0] ? [] : [[other, ...at.slice(1)]])].map((wanted) => (
    { who: settings[0].options[wanted[0]], colour: data.colours[wanted[0]], found: condition(wanted) }));
const moments = () =>
  [...new Set(shown().flatMap(({ found }) => found?.runs.flatMap((run) => run.steps) ?? []))].sort((a, b) => a - b);
const lags = () => [...condition(at).runs[0].lags].sort((a, b) => b - a);   // the answer stands at the end
const step = () => moments()[moment];
const sentence = () => sentences[condition(at).sentence];
const length = () => sentence()?.words.length ?? condition(at).length;

// A run at a training step: its last moment that is not later.
const latest = (run, when) => Math.max(0, run.steps.findLastIndex((each) => each <= when));
const profile = (run, when) => {
  const from = latest(run, when) * run.lags.length, own = run.gradient.subarray(from, from + run.lags.length);
  const base = own.find(Number.isFinite) ?? 0;   // relative to the first lag that receives any
  return new Map(run.lags.map((lag, column) => [lag, { norm: own[column], share: own[column] - base }]));
};
const look = (found, when) => {
  const seeds = found.runs.map((run) => profile(run, when));
  const over = (lag, what) => seeds.map((each) => each.get(lag)?.[what] ?? NaN);
  const both = (lag) => ({ norm: median(over(lag, "norm")), share: median(over(lag, "share")) });
  return { seeds, over, middle: new Map(found.runs[0].lags.map((lag) => [lag, both(lag)])) };
};

// How far the gradients of what is looked at reach: the axis stays through the training, what moves is the line.
function reach() {
  const found = { low: -2, high: 0, zeros: false, lost: false };
  const runs = shown().flatMap((each) => each.found?.runs ?? []);
  for (const run of runs) for (const when of run.steps) for (const { share } of profile(run, when).values()) {
    if (Number.isFinite(share)) [found.low, found.high] = [Math.min(found.low, share), Math.max(found.high, share)];
    else found[share === -Infinity ? "zeros" : "lost"] = true;
  }
  return found;
}

// How much each answer depends on a word, where that was measured.
function dependences(found, lag) {
  const own = found.dependence;
  if (!own) return [];
  const total = sentences[found.sentence].words.length, column = total - 1 - lag;
  const from = latest(own, step()) * own.answers.length * total;
  return own.answers.map((answer, row) => {
    const all = own.norms.subarray(from + row * total, from + (row + 1) * total);
    const share = 10 ** (all[column] - Math.max(...known([...all])));
    return { t: answer, seen: column < answer, norm: number(all[column]), share: percent(share) };
  }).filter((each) => each.seen);
}

const accuracies = (found) => found.runs.map((run) => run.accuracy[latest(run, step())]);
const whenText = () => fill(texts.after_steps, { step: step(), last: moments().at(-1) });
const summary = () => views.map(({ who, found }) => (found
  ? fill(texts.summary, { who, accuracy: percent(median(accuracies(found))), when: whenText() })
  : fill(texts.no_run, { who }))).join(" ");
const hereText = () => {
  const lag = lags()[place], own = sentence(), total = length();
  const [word, gloss] = [own?.words[total - 1 - lag], own?.glosses[total - 1 - lag]];
  const said = [word, gloss && `(${gloss})`].filter(Boolean).join(" ");
  if (total === null) return `${lag} ${texts.profile_x}.`;
  return fill(said ? texts.here_word : texts.here, { t: total - lag, length: total, lag, word: said });
};

function drawWord(box, lag, index) {
  const own = sentence(), number = own ? own.words.length - 1 - lag : 0;
  const made = add(box, "span", { class: "word", "data-place": index });
  const bars = add(made, "span", { class: "bars", "aria-hidden": "true" });
  views.forEach(({ middle }, which) => {
    const share = middle?.get(lag)?.share ?? NaN, lost = Number.isNaN(share) || share === Infinity;
    const bar = add(bars, "span", { class: `bar n${which}${lost ? " lost" : ""}` });
    bar.style.height = lost ? "0" : `${100 * (1 - Math.min(Math.max(share / data.lowest, 0), 1))}%`;
  });
  made.append(own ? own.words[number] : lag ? `−${lag}` : "0");
  if (own?.glosses[number]) add(made, "span", { class: "gloss" }, own.glosses[number]);
}

// The words, a bar over each for what is looked at. Of a long sample the middle is folded.
function drawWords() {
  const box = find(".words"), own = sentence(), measured = lags().filter((lag) => !own || lag < own.words.length);
  const { most, first, last } = data.folded, index = new Map(lags().map((lag, number) => [lag, number]));
  const whole = unfolded || measured.length <= most, head = whole ? measured : measured.slice(0, first);
  box.replaceChildren();
  const gap = (text = "…") => add(box, "span", { class: "word" }, text);
  const draw = (each) => each.forEach((lag, number) => {
    // A page has no room for every step of a very long sample.
    if (own && number && each[number - 1] - lag > 1) gap();
    drawWord(box, lag, index.get(lag));
  });
  draw(head);
  if (whole) return;
  const more = add(box, "button", { type: "button" }, fill(texts.unfold, { count: measured.length - first - last }));
  more.addEventListener("click", () => { unfolded = true; drawAll(); });
  draw(measured.slice(-last));
}

// What is shown as numbers: a column for each cell, so that there is room for all of them on a phone.
function drawValues() {
  const table = find(".values"), lag = lags()[place], asked = views.some(({ found }) => found?.dependence);
  const several = views.some(({ found }) => found?.dependence?.answers.length > 1);
  const cells = views.map(({ found, middle, over }) => {
    if (!found) return { gradient: texts.no_such_run };
    const own = middle.get(lag) ?? { norm: NaN, share: NaN }, norms = known(over(lag, "norm"));
    const right = accuracies(found), count = `${right.length} ${texts.seeds}`;
    const reach = norms.length > 1 ? ` (${count}: ${number(norms[0])} – ${number(norms.at(-1))})` : "";
    const each = right.length > 1 && right.length <= 8 ? ` (${count}: ${right.map(percent).join(", ")})` : "";
    const told = dependences(found, lag).map((one) => fill(several ? texts.at_answer : texts.of_strongest, one));
    return {
      gradient: number(own.norm) + reach, share: number(own.share), accuracy: percent(median(right)) + each,
      dependence: told.join("; "),
    };
  });
  const heads = { gradient: texts.gradient, share: texts.share, accuracy: texts.accuracy };
  if (asked) heads.dependence = several ? texts.dependences : texts.dependence;
  table.replaceChildren();
  const head = add(add(table, "thead"), "tr"), body = add(table, "tbody");
  add(head, "td");
  for (const { who } of views) add(head, "th", { scope: "col" }, who);
  for (const [what, text] of Object.entries(heads)) {
    const row = add(body, "tr", { class: what });
    add(row, "th", { scope: "row" }, text);
    for (const cell of cells) add(row, "td", {}, cell[what] || "–");
  }
}

// What follows the step of the sample that is looked at.
function drawPlace() {
  const positions = lags(), lag = positions[place], own = sentence(), svg = find(".profile"), slider = find(".looked-at");
  drawProfile(svg, { views, range, lags: positions, place, cue: condition(at).cue });
  drawValues();
  const said = (what) => views.filter(({ found }) => found)
    .map(({ who, middle }) => `${who}: ${number(middle.get(lag)?.[what] ?? NaN)}`).join("; ");
  svg.setAttribute("aria-label", `${texts.profile}. ${hereText()} ${said("share")}`);
  const answers = views.filter(({ found }) => found?.answered && found.sentence === condition(at).sentence)
    .map(({ who, found: { answered: [answer, right] } }) =>
      fill(texts.answered, { who, answered: `${right ? "✓" : "✗"} ${answer}` }));
  const right = own?.right ? fill(texts.right, { right: own.right }) : "";
  find(".here").textContent = [hereText(), right, ...answers].filter(Boolean).join(" ");
  for (const each of root.querySelectorAll(".word"))
    each.classList.toggle("looked", each.dataset.place === String(place));
  slider.max = positions.length - 1;
  slider.value = place;
  slider.setAttribute("aria-valuetext", `${hereText()} ${said("norm")}`);
}

function drawAll() {
  views = shown().map((each) => ({ ...each, ...(each.found && look(each.found, step())) }));
  views.forEach(({ colour }, which) => root.style.setProperty(`--own${which}`, colour));
  const key = find(".key"), svg = find(".curve"), slider = find(".moment"), steps = moments();
  key.replaceChildren();
  views.forEach(({ who, found }, which) => {
    const item = add(key, "li");
    add(item, "span", { class: `swatch n${which}` });
    item.append(fill(!found ? texts.no_run : found.runs.length > 1 ? texts.median : texts.one, { who }));
  });
  drawWords();
  drawPlace();
  drawCurve(svg, { views, steps, moment, chance: condition(at).chance });
  svg.setAttribute("aria-label", `${texts.curve}. ${summary()}`);
  slider.max = steps.length - 1;
  slider.value = moment;
  slider.setAttribute("aria-valuetext", `${whenText()}. ${summary()}`);
  find(".at-step").textContent = fill(texts.of_steps, { step: step(), last: steps.at(-1) });
}
