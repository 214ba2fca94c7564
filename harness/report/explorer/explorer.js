"use strict";
{
  const root = document.getElementById("explorer");
  const data = JSON.parse(document.getElementById("explorer-data").textContent);
  const { texts, settings, conditions, sentences, lowest } = data;
  const find = (selector) => root.querySelector(selector);
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  const floats = (text) => new Float32Array(Uint8Array.from(atob(text), (each) => each.charCodeAt(0)).buffer);
  for (const run of conditions.flatMap((each) => each.runs)) {
    run.gradient = floats(run.gradient);
    run.accuracy = floats(run.accuracy);
  }
  for (const { dependence } of conditions) if (dependence) dependence.norms = floats(dependence.norms);

  // What is looked at. A condition's `at` holds the place of each setting's value; the first setting is the cell.
  const at = [...conditions[data.shown].at];
  let other = data.beside === null ? null : conditions[data.beside].at[0];
  let moment = 0, place = 0, timer = null, views = [], range = null;
  const condition = (wanted) => conditions.find((each) => each.at.every((value, key) => value === wanted[key]));
  const shown = () => {
    const pair = [at, ...(other === null || other === at[0] ? [] : [[other, ...at.slice(1)]])];
    return pair.map((wanted) => ({ who: settings[0].values[wanted[0]], colour: data.colours[wanted[0]], found: condition(wanted) }));
  };
  const moments = () => {
    const steps = new Set(shown().flatMap(({ found }) => found ? found.runs.flatMap((run) => run.steps) : []));
    return [...steps].sort((one, two) => one - two);
  };
  const lags = () => [...condition(at).runs[0].lags].sort((one, two) => two - one);   // the answer stands at the end
  const step = () => moments()[moment];

  // Numbers: a gradient is known by its log10, since 1e-300 and less have to be told from 0.
  const raised = (exponent) => [...String(exponent)].map((each) => each === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[each]).join("");
  const number = (exponent) => {
    if (Number.isNaN(exponent)) return texts.not_a_number;
    if (!Number.isFinite(exponent)) return exponent < 0 ? "0" : texts.infinite;
    if (exponent > -3 && exponent < 4) return String(Number((10 ** exponent).toPrecision(3)));
    let power = Math.floor(exponent), digits = (10 ** (exponent - power)).toFixed(2);
    if (digits === "10.00") [power, digits] = [power + 1, "1.00"];
    return `${digits} × 10${raised(power)}`;
  };
  const percent = (share) => {
    if (Number.isNaN(share)) return "–";
    const text = (100 * share).toFixed(1).replace(/\.0$/, "");
    if (text === "100" && share < 1) return "> 99.9 %";
    return text === "0" && share > 0 ? "< 0.1 %" : `${text} %`;
  };
  const known = (values) => values.filter((each) => !Number.isNaN(each)).sort((one, two) => one - two);
  const median = (values) => {
    const own = known(values), half = own.length >> 1;
    if (!own.length) return NaN;
    return own.length % 2 || own[half] === own[half - 1] ? own[half] : (own[half] + own[half - 1]) / 2;
  };

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
    const middle = new Map(found.runs[0].lags.map((lag) => [lag, { norm: median(over(lag, "norm")), share: median(over(lag, "share")) }]));
    return { seeds, middle, over };
  };

  const add = (parent, name, attributes = {}, text = "") => {
    const made = name.startsWith("svg:") ? document.createElementNS("http://www.w3.org/2000/svg", name.slice(4))
      : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text) made.textContent = text;
    parent.append(made);
    return made;
  };

  const sentence = () => sentences[condition(at).sentence];
  const wordAt = (lag) => {
    const own = sentence(), place = own ? own.words.length - 1 - lag : -1;
    return own && place >= 0 ? { word: own.words[place], gloss: own.glosses[place] ?? "" } : { word: "", gloss: "" };
  };
  const length = () => sentence()?.words.length ?? condition(at).length;

  // What an answer would lose with each word, where that was measured: null or one entry for each answer that follows.
  const dependences = (found, lag, when) => {
    const own = found.dependence;
    if (!own) return null;
    const total = sentences[found.sentence].words.length, size = own.answers.length * total;
    const from = latest(own, when) * size, column = total - 1 - lag;
    return own.answers.map((answer, row) => {
      const all = own.norms.subarray(from + row * total, from + (row + 1) * total);
      const top = Math.max(...all.filter((each) => !Number.isNaN(each)));
      return { t: answer, norm: number(all[column]), share: percent(10 ** (all[column] - top)), seen: column < answer };
    }).filter((each) => each.seen);
  };

  function drawWords() {
    const box = find(".words"), own = sentence(), positions = lags();
    box.replaceChildren();
    const total = own ? own.words.length : 0, kept = new Map(positions.map((lag, index) => [lag, index]));
    const all = own ? own.words.map((_, index) => total - 1 - index) : positions;
    let gap = false;
    for (const lag of all) {
      if (!kept.has(lag)) {   // a page has no room for every step of a long sample
        if (!gap) add(box, "span", { class: "word unmeasured" }, "…");
        gap = true;
        continue;
      }
      gap = false;
      const { word, gloss } = own ? wordAt(lag) : { word: `−${lag}`, gloss: "" };
      const made = add(box, "span", { class: "word", "data-place": kept.get(lag), ...(gloss && { title: gloss }) });
      const bars = add(made, "span", { class: "bars" });
      views.forEach(({ middle }, which) => {
        const share = middle?.get(lag)?.share ?? NaN;
        const lost = Number.isNaN(share) || share === Infinity;
        const height = lost ? 0 : 100 * (1 - Math.min(Math.max(share / lowest, 0), 1));
        const bar = add(bars, "span", { class: `bar n${which}${lost ? " lost" : ""}` });
        bar.style.height = `${height}%`;
      });
      made.append(word);
    }
  }

  // Charts. `x` and `y` turn numbers into places; `left` is as wide as the labels of the y axis need.
  function chart(svg, { xs, ys, xTicks, yTicks, xLabel, left, zero }) {
    svg.replaceChildren();
    const width = svg.clientWidth || 320, height = svg.clientHeight || 270, right = 12, top = 12, bottom = 38 + (zero ? 16 : 0);
    const between = (value, [low, high], from, to) => from + (to - from) * (high === low ? .5 : (value - low) / (high - low));
    const area = { left, right: width - right, top, bottom: height - bottom, width };
    const x = (value) => between(value, xs, area.left, area.right), y = (value) => between(value, ys, area.bottom, area.top);
    for (const [value, label] of yTicks) {
      add(svg, "svg:line", { class: "grid", x1: area.left, x2: area.right, y1: y(value), y2: y(value) });
      add(svg, "svg:text", { x: area.left - 6, y: y(value) + 4, "text-anchor": "end" }, label);
    }
    for (const value of xTicks) {
      const anchor = x(value) > area.right - 10 ? "end" : "middle";
      add(svg, "svg:text", { x: x(value) + (anchor === "end" ? 6 : 0), y: height - 21, "text-anchor": anchor }, String(value));
    }
    add(svg, "svg:text", { x: (area.left + area.right) / 2, y: height - 5, "text-anchor": "middle" }, xLabel);
    return { x, y, area };
  }
  const path = (points) => {   // broken where a value is not finite
    let text = "", open = false;
    for (const [x, y] of points) {
      const finite = Number.isFinite(x) && Number.isFinite(y);
      if (finite) text += `${open ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
      open = finite;
    }
    return text;
  };
  const ticks = (low, high, most) => {
    const span = Math.max(high - low, 1e-9), rough = span / most, power = 10 ** Math.floor(Math.log10(rough));
    const unit = Math.max(1, power * [1, 2, 5, 10].find((each) => each * power >= rough * (1 - 1e-9)));
    const found = [];
    for (let value = Math.ceil(low / unit) * unit; value <= high + 1e-9; value += unit) found.push(Math.round(value));
    return found;
  };

  // The same axis through the whole training: what moves is the line.
  function reach() {
    let low = -2, high = 0, zeros = false, lost = false;
    for (const { found } of shown()) for (const run of found?.runs ?? []) for (const when of run.steps)
      for (const { share } of profile(run, when).values()) {
        if (Number.isFinite(share)) [low, high] = [Math.min(low, share), Math.max(high, share)];
        zeros ||= share === -Infinity;
        lost ||= Number.isNaN(share) || share === Infinity;
      }
    return { low, high, zeros, lost };
  }

  function drawProfile() {
    const svg = find(".profile"), positions = lags(), when = step();
    const { low, high, zeros, lost } = range;
    const powers = ticks(Math.floor(low), Math.ceil(high), 6);
    const { x, y, area } = chart(svg, {
      xs: [positions[0], positions.at(-1)], ys: [Math.floor(low), Math.ceil(high) + (lost ? .8 : 0)], xLabel: texts.profile_x, left: 52,
      xTicks: ticks(positions.at(-1), positions[0], 6), yTicks: powers.map((each) => [each, each ? `10${raised(each)}` : "1"]), zero: zeros,
    });
    if (zeros) add(svg, "svg:text", { x: area.left - 6, y: area.bottom + 16, "text-anchor": "end" }, "0");
    if (lost) add(svg, "svg:text", { x: area.left - 6, y: area.top + 4, "text-anchor": "end" }, "∞ ?");
    const cue = condition(at).cue;
    if (cue !== null && cue <= positions[0]) {
      add(svg, "svg:line", { class: "cue", x1: x(cue), x2: x(cue), y1: area.top, y2: area.bottom });
      add(svg, "svg:text", { x: x(cue) + 4, y: area.top + 9 }, texts.cue);
    }
    const height = (share) => share === -Infinity ? area.bottom + 11 : Number.isFinite(share) ? y(share) : area.top;
    views.forEach(({ found, seeds, middle }, which) => {
      if (!found) return;
      for (const each of found.runs.length > 1 ? seeds : [])
        add(svg, "svg:path", { class: `line seed n${which}`, d: path(positions.map((lag) => [x(lag), y(each.get(lag)?.share ?? NaN)])) });
      add(svg, "svg:path", { class: `line median n${which}`, d: path(positions.map((lag) => [x(lag), y(middle.get(lag)?.share ?? NaN)])) });
      positions.forEach((lag, index) => {   // what a line does not show: zeros, what is not finite, single points
        const share = middle.get(lag)?.share ?? NaN;
        const alone = !Number.isFinite(middle.get(positions[index - 1])?.share) && !Number.isFinite(middle.get(positions[index + 1])?.share);
        if (Number.isFinite(share) && !alone) return;
        add(svg, "svg:circle", { class: `dot n${which}`, cx: x(lag), cy: height(share), r: Number.isFinite(share) ? 3.5 : 2 });
      });
    });
    const lag = positions[place];
    add(svg, "svg:line", { class: "cursor", x1: x(lag), x2: x(lag), y1: area.top, y2: area.bottom + (zeros ? 16 : 0) });
    views.forEach(({ middle }, which) => {
      if (middle?.has(lag)) add(svg, "svg:circle", { class: `dot n${which}`, cx: x(lag), cy: height(middle.get(lag).share), r: 5 });
    });
    svg.place = (pixel) => positions.reduce((best, each, index) => Math.abs(x(each) - pixel) < Math.abs(x(positions[best]) - pixel) ? index : best, 0);
    const said = views.filter(({ found }) => found).map(({ who, middle }) => `${who}: ${number(middle.get(lag)?.share ?? NaN)}`);
    svg.setAttribute("aria-label", `${texts.profile}. ${fill(texts.here, { t: (length() ?? NaN) - lag, length: length(), lag })} ${said.join("; ")}`);
  }

  function drawCurve() {
    const svg = find(".curve"), steps = moments(), when = step(), last = steps.at(-1);
    const { x, y, area } = chart(svg, {
      xs: [steps[0], last], ys: [0, 1], xTicks: steps.length > 1 ? ticks(steps[0], last, 5) : steps, left: 52, xLabel: texts.curve_x,
      yTicks: [0, .25, .5, .75, 1].map((each) => [each, `${100 * each} %`]),
    });
    const chance = condition(at).chance;
    if (chance !== null) add(svg, "svg:line", { class: "chance", x1: area.left, x2: area.right, y1: y(chance), y2: y(chance) });
    views.forEach(({ found }, which) => {
      if (!found) return;
      const points = (run) => run.steps.map((each, index) => [x(each), y(run.accuracy[index])]);
      for (const run of found.runs.length > 1 ? found.runs : []) add(svg, "svg:path", { class: `line seed n${which}`, d: path(points(run)) });
      const middle = (each) => median(found.runs.map((run) => run.accuracy[latest(run, each)]));
      add(svg, "svg:path", { class: `line median n${which}`, d: path(steps.map((each) => [x(each), y(middle(each))])) });
      const now = middle(when);
      if (Number.isFinite(now)) add(svg, "svg:circle", { class: `dot n${which}`, cx: x(when), cy: y(now), r: 5 });
    });
    add(svg, "svg:line", { class: "cursor", x1: x(when), x2: x(when), y1: area.top, y2: area.bottom });
    svg.place = (pixel) => steps.reduce((best, each, index) => Math.abs(x(each) - pixel) < Math.abs(x(steps[best]) - pixel) ? index : best, 0);
    svg.setAttribute("aria-label", `${texts.curve}. ${summary()}`);
  }

  const accuracies = (found) => found.runs.map((run) => run.accuracy[latest(run, step())]);
  const whenText = () => fill(texts.after_steps, { step: step(), last: moments().at(-1) });
  const summary = () => views.map(({ who, found }) => found
    ? fill(texts.summary, { who, accuracy: percent(median(accuracies(found))), when: whenText() })
    : fill(texts.no_run, { who })).join(" ");

  const hereText = () => {
    const lag = lags()[place], { word, gloss } = wordAt(lag), total = length();
    const said = [word, gloss && `(${gloss})`].filter(Boolean).join(" ");
    if (total === null) return `${lag} ${texts.profile_x}.`;
    return fill(said ? texts.here_word : texts.here, { t: total - lag, length: total, lag, word: said });
  };

  function drawValues() {
    const table = find(".values"), lag = lags()[place], several = views.some(({ found }) => found?.dependence?.answers.length > 1);
    const asked = views.some(({ found }) => found?.dependence);
    table.replaceChildren();
    const head = add(add(table, "thead"), "tr"), body = add(table, "tbody");
    const heads = [texts.cell, texts.gradient, texts.share, texts.accuracy, ...(asked ? [several ? texts.dependences : texts.dependence] : [])];
    for (const each of heads) add(head, "th", { scope: "col" }, each);
    for (const { who, found, middle, over } of views) {
      const row = add(body, "tr");
      add(row, "th", { scope: "row" }, who);
      if (!found) {
        add(row, "td", { colspan: heads.length - 1 }, fill(texts.no_run, { who }));
        continue;
      }
      const own = middle.get(lag) ?? { norm: NaN, share: NaN }, norms = known(over(lag, "norm")), right = accuracies(found);
      const count = `${found.runs.length} ${texts.seeds}`, few = right.length > 1 && right.length <= 8;
      add(row, "td", { class: "norm" }, number(own.norm) + (norms.length > 1 ? ` (${count}: ${number(norms[0])} – ${number(norms.at(-1))})` : ""));
      add(row, "td", { class: "share" }, number(own.share));
      add(row, "td", { class: "right" }, percent(median(right)) + (few ? ` (${count}: ${right.map(percent).join(", ")})` : ""));
      if (!asked) continue;
      const told = (dependences(found, lag, step()) ?? []).map((each) => fill(several ? texts.at_answer : texts.of_strongest, each));
      add(row, "td", { class: "dependence" }, told.join("; ") || "–");
    }
  }

  function draw() {
    views = shown().map((each) => ({ ...each, ...(each.found && look(each.found, step())) }));
    const box = find(".words");
    views.forEach(({ colour }, which) => root.style.setProperty(`--own${which}`, colour));
    box.removeAttribute("style");
    const key = find(".key");
    key.replaceChildren();
    views.forEach(({ who, found }, which) => {
      const item = add(key, "li");
      add(item, "span", { class: `swatch n${which}` });
      item.append(fill(!found ? texts.no_run : found.runs.length > 1 ? texts.median : texts.one, { who }));
    });
    drawWords();
    drawCurve();
    drawPlace();
    const slider = find(".step");
    slider.max = moments().length - 1;
    slider.value = moment;
    slider.setAttribute("aria-valuetext", `${whenText()}. ${summary()}`);
    find(".at-step").textContent = fill(texts.of_steps, { step: step(), last: moments().at(-1) });
  }

  // The step of the sample that is looked at.
  function drawPlace() {
    drawProfile();
    drawValues();
    const own = sentence(), answered = views.filter(({ found }) => found?.answered && found.sentence === condition(at).sentence);
    const told = answered.map(({ who, found: { answered: [said, right] } }) => fill(texts.answered, { who, answered: `${right ? "✓" : "✗"} ${said}` }));
    find(".here").textContent = [hereText(), own?.right && fill(texts.right, { right: own.right }), ...told].filter(Boolean).join(" ");
    for (const each of root.querySelectorAll(".word")) each.classList.toggle("here", each.dataset.place === String(place));
    const slider = find(".place"), lag = lags()[place];
    slider.max = lags().length - 1;
    slider.value = place;
    const said = views.filter(({ found }) => found).map(({ who, middle }) => `${who}: ${number(middle.get(lag)?.norm ?? NaN)}`);
    slider.setAttribute("aria-valuetext", `${hereText()} ${said.join("; ")}`);
  }

  const go = (change) => { change(); draw(); };
  const goTo = (wanted) => {
    if (wanted === place) return;
    place = wanted;
    drawPlace();
  };
  const stop = () => {
    clearInterval(timer);
    timer = null;
    find(".play").textContent = texts.play;
    find(".play").setAttribute("aria-pressed", "false");
  };
  const play = () => {
    if (timer !== null) return stop();
    const count = moments().length;
    if (moment >= count - 1) go(() => { moment = 0; });
    find(".play").textContent = texts.pause;
    find(".play").setAttribute("aria-pressed", "true");
    timer = setInterval(() => {
      go(() => { moment = Math.min(moment + 1, moments().length - 1); });
      if (moment >= moments().length - 1) stop();
    }, Math.min(600, Math.max(120, 6000 / count)));
  };

  function choose(key, value) {
    const before = { when: step(), lag: lags()[place], last: moment === moments().length - 1 };
    at[key] = value;
    let adapted = false;
    if (!condition(at)) {   // the nearest one that there is
      const fit = (each) => each.at.filter((own, index) => own === at[index]).length;
      const near = conditions.filter((each) => each.at[key] === value).reduce((best, each) => fit(each) > fit(best) ? each : best);
      at.splice(0, at.length, ...near.at);
      adapted = true;
    }
    const steps = moments(), positions = lags();
    moment = before.last ? steps.length - 1 : Math.max(0, steps.findLastIndex((each) => each <= before.when));
    place = positions.reduce((best, each, index) => Math.abs(each - before.lag) < Math.abs(positions[best] - before.lag) ? index : best, 0);
    root.querySelectorAll(".selects select[data-key]").forEach((each) => { each.value = at[each.dataset.key]; });
    range = reach();
    draw();
    find(".said").textContent = `${adapted ? `${texts.adapted} ` : ""}${summary()}`;
  }

  const selects = find(".selects");
  settings.forEach(({ label, values }, key) => {
    const select = add(add(selects, "label", {}, label), "select", { "data-key": key });
    values.forEach((value, index) => add(select, "option", { value: index }, value));
    select.value = at[key];
    select.disabled = values.length < 2;
    select.addEventListener("change", () => choose(key, Number(select.value)));
    if (key > 0 || values.length < 2) return;
    const beside = add(add(selects, "label", {}, texts.beside), "select", { class: "beside" });
    add(beside, "option", { value: "" }, texts.nothing);
    values.forEach((value, index) => add(beside, "option", { value: index }, value));
    beside.value = other ?? "";
    beside.addEventListener("change", () => {
      other = beside.value === "" ? null : Number(beside.value);
      choose(0, at[0]);
    });
  });
  find(".controls").addEventListener("submit", (event) => event.preventDefault());
  find(".step").addEventListener("input", (event) => { stop(); go(() => { moment = Number(event.target.value); }); });
  find(".place").addEventListener("input", (event) => goTo(Number(event.target.value)));
  find(".play").addEventListener("click", play);
  const point = (event) => {
    const word = event.target.closest(".word[data-place]");
    if (word) goTo(Number(word.dataset.place));
  };
  find(".words").addEventListener("pointerover", point);
  for (const kind of ["pointermove", "pointerdown"])
    find(".profile").addEventListener(kind, (event) => goTo(find(".profile").place(event.offsetX)));
  const scrub = (event) => { if (event.type === "pointerdown" || event.buttons) { stop(); go(() => { moment = find(".curve").place(event.offsetX); }); } };
  for (const kind of ["pointermove", "pointerdown"]) find(".curve").addEventListener(kind, scrub);

  moment = moments().length - 1;
  const cue = condition(at).cue;
  place = cue === null ? 0 : lags().reduce((best, each, index) => Math.abs(each - cue) < Math.abs(lags()[best] - cue) ? index : best, 0);
  find(".training").hidden = moments().length < 2;
  find(".still").remove();
  find(".controls").hidden = find(".live").hidden = false;
  range = reach();
  new ResizeObserver(() => draw()).observe(find(".charts"));
}
