// Numbers in words. A gradient is known by its log10, since 1e-300 and less have to be told from 0.

const raised = (exponent) =>
  [...String(exponent)].map((each) => (each === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[each])).join("");

const number = (exponent) => {
  if (Number.isNaN(exponent)) return texts.not_a_number;
  if (!Number.isFinite(exponent)) return exponent < 0 ? "0" : texts.infinite;
  if (exponent > -3 && exponent < 4) return String(Number((10 ** exponent).toPrecision(3)));
  let power = Math.floor(exponent), digits = (10 ** (exponent - power)).toFixed(2);
  if (digits === "10.00") [power, digits] = [power + 1, "1.00"];
  return `${digits}\u00a0×\u00a010${raised(power)}`;
};

// All and none are never rounded.
const percent = (share) => {
  if (Number.isNaN(share)) return "–";
  const text = (100 * share).toFixed(1).replace(/\.0$/, "");
  if (text === "100" && share < 1) return ">\u00a099.9\u00a0%";
  return text === "0" && share > 0 ? "<\u00a00.1\u00a0%" : `${text}\u00a0%`;
};

const known = (values) => values.filter((each) => !Number.isNaN(each)).sort((one, two) => one - two);

const median = (values) => {
  const own = known(values), half = own.length >> 1;
  if (!own.length) return NaN;
  return own.length % 2 || own[half] === own[half - 1] ? own[half] : (own[half] + own[half - 1]) / 2;
};

const nearest = (values, wanted) =>
  values.reduce((best, each, index) => (Math.abs(each - wanted) < Math.abs(values[best] - wanted) ? index : best), 0);

// Whole numbers between two others, about as many as asked for, a power of ten times 1, 2 or 5 apart.
const ticks = (low, high, most) => {
  const rough = Math.max(high - low, 1e-9) / most, power = 10 ** Math.floor(Math.log10(rough));
  const unit = Math.max(1, power * [1, 2, 5, 10].find((each) => each * power >= rough * (1 - 1e-9)));
  const found = [];
  for (let value = Math.ceil(low / unit) * unit; value <= high + 1e-9; value += unit) found.push(Math.round(value));
  return found;
};
