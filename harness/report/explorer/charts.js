// Two charts as SVG: lines, the axes around them, and a cursor.

const add = (parent, name, attributes = {}, text = "") => {
  const made = name.startsWith("svg:")
    ? document.createElementNS("http://www.w3.org/2000/svg", name.slice(4)) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  parent.append(made);
  return made;
};

// Axes: `xs` and `ys` are their ends, ticks on y come with labels. Returned are maps of numbers to pixels.
function axes(svg, { xs, ys, xTicks, yTicks, xLabel, below = 0 }) {
  svg.replaceChildren();
  const width = svg.clientWidth || 320, height = svg.clientHeight || 270;
  const area = { left: 52, right: width - 12, top: 12, bottom: height - 38 - below };
  const between = (value, [low, high], from, to) =>
    from + (to - from) * (high === low ? 0.5 : (value - low) / (high - low));
  const x = (value) => between(value, xs, area.left, area.right);
  const y = (value) => between(value, ys, area.bottom, area.top);
  for (const [value, label] of yTicks) {
    add(svg, "svg:line", { class: "grid", x1: area.left, x2: area.right, y1: y(value), y2: y(value) });
    add(svg, "svg:text", { x: area.left - 6, y: y(value) + 4, "text-anchor": "end" }, label);
  }
  for (const value of xTicks) {
    const end = x(value) > area.right - 10;
    const place = { x: x(value) + (end ? 10 : 0), y: height - 21, "text-anchor": end ? "end" : "middle" };
    add(svg, "svg:text", place, String(value));
  }
  const middle = { x: (area.left + area.right) / 2, y: height - 5, "text-anchor": "middle" };
  add(svg, "svg:text", middle, xLabel);
  return { x, y, area };
}

// A line, broken where a value is not finite.
function line(svg, kind, which, points) {
  let path = "", open = false;
  for (const [x, y] of points) {
    const finite = Number.isFinite(x) && Number.isFinite(y);
    if (finite) path += `${open ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    open = finite;
  }
  add(svg, "svg:path", { class: `line ${kind} n${which}`, d: path });
}

const dot = (svg, which, cx, cy, r) => add(svg, "svg:circle", { class: `dot n${which}`, cx, cy, r });

const upright = (svg, kind, x, y1, y2) => add(svg, "svg:line", { class: kind, x1: x, x2: x, y1, y2 });

// The gradient by lag, the answer at the right. `views` are what is looked at, `range` holds for the whole training.
function drawProfile(svg, { views, range, lags, place, cue }) {
  const powers = ticks(Math.floor(range.low), Math.ceil(range.high), 6);
  const { x, y, area } = axes(svg, {
    xs: [lags[0], lags.at(-1)],
    ys: [Math.floor(range.low), Math.ceil(range.high) + (range.lost ? 0.8 : 0)],
    xTicks: ticks(lags.at(-1), lags[0], 6),
    yTicks: powers.map((each) => [each, each ? `10${raised(each)}` : "1"]),
    xLabel: texts.profile_x,
    below: range.zeros ? 16 : 0,   // a row for what no logarithm can show
  });
  const floor = area.bottom + (range.zeros ? 12 : 0), left = { x: area.left - 6, "text-anchor": "end" };
  if (range.zeros) add(svg, "svg:text", { ...left, y: floor + 4 }, "0");
  if (range.lost) add(svg, "svg:text", { ...left, y: area.top + 4 }, "∞, ?");
  const height = (share) => (share === -Infinity ? floor : Number.isFinite(share) ? y(share) : area.top);
  if (cue !== null && cue <= lags[0]) {
    upright(svg, "cue", x(cue), area.top, floor);
    add(svg, "svg:text", { x: x(cue) + 4, y: area.top + 9 }, texts.cue);
  }
  views.forEach(({ found, seeds, middle }, which) => {
    if (!found) return;
    const shares = (by) => lags.map((lag) => by.get(lag)?.share ?? NaN);
    const points = (by) => shares(by).map((share, index) => [x(lags[index]), y(share)]);
    if (seeds.length > 1) for (const each of seeds) line(svg, "seed", which, points(each));
    line(svg, "median", which, points(middle));
    const own = shares(middle), shown = own.map(Number.isFinite);
    own.forEach((share, index) => {   // what a line does not show: zeros, what is not finite, single points
      if (shown[index] && (shown[index - 1] || shown[index + 1])) return;
      if (middle.has(lags[index])) dot(svg, which, x(lags[index]), height(share), shown[index] ? 3.5 : 2.2);
    });
  });
  upright(svg, "cursor", x(lags[place]), area.top, floor);
  views.forEach(({ middle }, which) => {
    const there = middle?.get(lags[place]);
    if (there) dot(svg, which, x(lags[place]), height(there.share), 5);
  });
  svg.place = (pixel) => nearest(lags.map(x), pixel);
}

// The accuracy by training step.
function drawCurve(svg, { views, steps, moment, chance }) {
  const last = steps.at(-1), now = steps[moment];
  const { x, y, area } = axes(svg, {
    xs: [steps[0], last], ys: [0, 1], xLabel: texts.curve_x,
    xTicks: steps.length > 1 ? ticks(steps[0], last, 5) : steps,
    yTicks: [0, 0.25, 0.5, 0.75, 1].map((each) => [each, `${100 * each} %`]),
  });
  if (chance !== null) {
    add(svg, "svg:line", { class: "chance", x1: area.left, x2: area.right, y1: y(chance), y2: y(chance) });
    const place = { x: area.right, y: y(chance) + (chance < 0.08 ? -5 : 14), "text-anchor": "end" };
    add(svg, "svg:text", place, fill(texts.guessing, { chance: percent(chance) }));
  }
  views.forEach(({ found }, which) => {
    if (!found) return;
    const points = (run) => run.steps.map((each, index) => [x(each), y(run.accuracy[index])]);
    if (found.runs.length > 1) for (const run of found.runs) line(svg, "seed", which, points(run));
    const middle = (when) => y(median(found.runs.map((run) => run.accuracy[latest(run, when)])));
    line(svg, "median", which, steps.map((each) => [x(each), middle(each)]));
    if (Number.isFinite(middle(now))) dot(svg, which, x(now), middle(now), 5);
  });
  upright(svg, "cursor", x(now), area.top, area.bottom);
  svg.place = (pixel) => nearest(steps.map(x), pixel);
}
