"""Faults that change nothing that a run, a table or a sentence says: no test can notice them, and why."""

from __future__ import annotations

PACE = "when members are left out decides on the pace alone: their neighbours' numbers are the same to the bit"
TWO_AXES = "of two axes the last one is the second"
NEVER_EQUAL = "two real numbers that a fit or a draw has made are never equal"

TOGETHER = "how many go together decides on the pace, and on the order of sums"
HANDED_OVER = "what is not written into the code is handed over, with the same value"
ONE_ARGUMENT = "a function has one argument, the first and the last"
CLOCK = "the clock is never to the nanosecond at the limit"
ONCE = "a vector repeated once, and sums of single stretches, are the vector"

READS_AHEAD = "how far it reads ahead changes the pace alone"
AS_MANY = "one draw more or less, of thousands, is as good"
ONLY_READ = "trials are read alone, and a copy of them says the same"
ANY_NEGATIVE = "numpy takes any negative size for the one that is to be found"
CACHED = "what is kept for the next time is only found sooner"
ANY_GROUP = "whether any group has something does not depend on the groups' order"

EQUIVALENT: dict[str, dict[tuple[str, str], str]] = {
    "harness/training/pack.py": {
        (
            "if self.settings.experiment.windows > 1:",
            "if self.settings.experiment.windows >= 1:",
        ): "where nothing continues, nobody asks for the state in which it has ended",
        (
            "if 4 * len(unfinished) <= 3 * len(self.members) and len(unfinished) >= fewest:",
            "if 4 * len(unfinished) < 3 * len(self.members) and len(unfinished) >= fewest:",
        ): PACE,
        (
            "if 4 * len(unfinished) <= 3 * len(self.members) and len(unfinished) >= fewest:",
            "if 3 * len(unfinished) <= 3 * len(self.members) and len(unfinished) >= fewest:",
        ): PACE,
        (
            "if 4 * len(unfinished) <= 3 * len(self.members) and len(unfinished) >= fewest:",
            "if 5 * len(unfinished) <= 3 * len(self.members) and len(unfinished) >= fewest:",
        ): PACE,
        (
            "if 4 * len(unfinished) <= 3 * len(self.members) and len(unfinished) >= fewest:",
            "if 4 * len(unfinished) <= 2 * len(self.members) and len(unfinished) >= fewest:",
        ): PACE,
        (
            "if 4 * len(unfinished) <= 3 * len(self.members) and len(unfinished) >= fewest:",
            "if 4 * len(unfinished) <= 4 * len(self.members) and len(unfinished) >= fewest:",
        ): PACE,
    },
    "harness/tables/survey.py": {
        ("PIECES_AT_ONCE = 512", "PIECES_AT_ONCE = 513"): TOGETHER,
        ("PIECES_AT_ONCE = 512", "PIECES_AT_ONCE = 511"): TOGETHER,
        ("runs = file.read(use_threads=False)", "runs = file.read()"): "by how many threads it is read changes nothing",
    },
    "harness/tables/gather.py": {
        ("if len(waiting) > AHEAD:", "if len(waiting) >= AHEAD:"): READS_AHEAD,
        ("if len(waiting) > AHEAD:", "if not len(waiting) > AHEAD:"): READS_AHEAD,
        ("AHEAD = 4", "AHEAD = 5"): READS_AHEAD,
        ("AHEAD = 4", "AHEAD = 3"): READS_AHEAD,
    },
    "harness/sweeping/packing.py": {
        (
            "packed = {name: len(values) for name, values in choices.items() "
            "if packs(name, cells) and len(values) > 1}",
            "packed = {name: len(values) for name, values in choices.items() "
            "if packs(name, cells) and len(values) >= 1}",
        ): "a list of one value is none: it is looked at again where lists are made",
    },
    "harness/analysis/about_accuracy.py": {
        (
            'for cell, rows in groups[groups.memoryless].groupby("who", sort=False):',
            'for cell, rows in groups[groups.memoryless].groupby("who"):',
        ): "conditions stand in the order of their names already",
    },
    "harness/analysis/claims.py": {
        (
            'not_above(accuracies(runs, ["kind"]), runs.groupby("kind").chance.mean()).all()',
            'not_above(accuracies(runs, ["kind"]), runs.groupby("kind").chance.mean()).any()',
        ): "a kind is one group",
    },
    "harness/tables/jobs.py": {
        (
            'return (int(name), "") if name.isdecimal() else (1 << 62, name)',
            'return (int(name), "") if name.isdecimal() else (1 << 63, name)',
        ): "any number beyond those of jobs would do",
        (
            'return (int(name), "") if name.isdecimal() else (1 << 62, name)',
            'return (int(name), "") if name.isdecimal() else (1 << 61, name)',
        ): "any number beyond those of jobs would do",
    },
    "harness/tables/schemas.py": {
        (
            "@cache def common(one: pa.DataType, other: pa.DataType) -> pa.DataType:",
            "def common(one: pa.DataType, other: pa.DataType) -> pa.DataType:",
        ): CACHED,
    },
    "harness/tables/varied.py": {
        (
            "groups = runs.groupby(within, sort=False, dropna=False)",
            "groups = runs.groupby(within, dropna=False)",
        ): ANY_GROUP,
    },
    "harness/training/stopping.py": {
        (
            "if self._deadline is not None and time.monotonic() > self._deadline:",
            "if self._deadline is not None and time.monotonic() >= self._deadline:",
        ): CLOCK,
    },
    "harness/tasks/streams.py": {
        ("scored=own[0].scored.tolist(),", "scored=own[ -1].scored.tolist(),"): "they are the same for all seeds",
    },
    "harness/command_line/search/study.py": {
        (
            "(found,) = (each for each in study.get_trials(deepcopy=False) if each.number == number)",
            "(found,) = (each for each in study.get_trials(deepcopy=True) if each.number == number)",
        ): ONLY_READ,
        (
            "pruned = len(study.get_trials(deepcopy=False, states=[TrialState.PRUNED]))",
            "pruned = len(study.get_trials( states=[TrialState.PRUNED]))",
        ): ONLY_READ,
        (
            "pruned = len(study.get_trials(deepcopy=False, states=[TrialState.PRUNED]))",
            "pruned = len(study.get_trials(deepcopy=True, states=[TrialState.PRUNED]))",
        ): ONLY_READ,
    },
    "harness/measure/backwards.py": {
        (
            "before: State = Named({part: rows_at(values, row)[:, 0] for part, values in states.items()})",
            "before: State = Named({part: rows_at(values, row)[:, -1] for part, values in states.items()})",
        ): "there is one row",
    },
    "harness/measure/layer_step.py": {
        ("ROOM = 1 << 19", "ROOM = 0 << 19"): TOGETHER,
        ("ROOM = 1 << 19", "ROOM = 2 << 19"): TOGETHER,
        ("ROOM = 1 << 19", "ROOM = 1 << 20"): TOGETHER,
        ("ROOM = 1 << 19", "ROOM = 1 << 18"): TOGETHER,
    },
    "harness/cells/_of_torch.py": {
        (
            "h_r, h_z, h_n = linear(h, w_h, b_h).chunk(3, dim=-1)",
            "h_r, h_z, h_n = linear(h, w_h, b_h).chunk(3, dim=1)",
        ): TWO_AXES,
        (
            "i, f, g, o = (linear(x, w_x, b_x) + linear(h, w_h, b_h)).chunk(4, dim=-1)",
            "i, f, g, o = (linear(x, w_x, b_x) + linear(h, w_h, b_h)).chunk(4, dim=1)",
        ): TWO_AXES,
    },
    "harness/measure/products.py": {
        (
            "self._log = torch.zeros(count, size, dtype=torch.float64, device=like.device)",
            "self._log = torch.zeros(count, size, device=like.device)",
        ): "zeros are as exact in any precision, and what is added to them is double",
        (
            "self._log = torch.zeros(count, size, dtype=torch.float64, device=like.device)",
            "self._log = torch.zeros(count, size, dtype=torch.float64)",
        ): "where there is one device, it is that by default",
    },
    "harness/measure/signal.py": {
        ("size = scale[..., 0, 0]", "size = scale[..., -1, 0]"): "there is one row",
        ("size = scale[..., 0, 0]", "size = scale[..., 0, -1]"): "there is one column",
    },
    "harness/measure/attribution.py": {
        (
            "return (losses * own).where(own > 0, 0).sum(dim=-1)",
            "return (losses * own).where(own > 0, 1).sum(dim=-1)",
        ): "a constant has no derivative",
    },
    "harness/cells/_equations.py": {
        (
            "return value * (1 + 0.1 * drawn(*shape)) + 0.01 * drawn(*shape)",
            "return value * (1 - 0.1 * drawn(*shape)) + 0.01 * drawn(*shape)",
        ): "a number that is drawn is as likely as its negative",
    },
    "harness/cells/_tape.py": {
        (
            "if not all(isinstance(each, Tensor) for each in results):",
            "if not any(isinstance(each, Tensor) for each in results):",
        ): "no operation of torch that is one of formulas gives a tensor beside something else",
    },
    "harness/analysis/ranks.py": {
        ("PERMUTATIONS = 4999", "PERMUTATIONS = 4998"): AS_MANY,
        ("PERMUTATIONS = 4999", "PERMUTATIONS = 5000"): AS_MANY,
        ("RESAMPLES = 2000", "RESAMPLES = 1999"): AS_MANY,
        ("RESAMPLES = 2000", "RESAMPLES = 2001"): AS_MANY,
        (
            "p = np.mean(np.abs(exchanged) >= abs(rho) - 1e-12)",
            "p = np.mean(np.abs(exchanged) >= abs(rho) - 1.04e-12)",
        ): "any number between what rounding makes and what ranks can differ by would do",
    },
    "harness/analysis/conditions.py": {
        (
            "winners = winners[winners.accuracy > loser.accuracy + least]",
            "winners = winners[winners.accuracy >= loser.accuracy + least]",
        ): NEVER_EQUAL,
    },
    "harness/engine/scan/schedule.py": {
        ("return 0, 0", "return -1, 0"): "phases may be counted from any number",
        ("return 0, 0", "return  -1, 0"): "phases may be counted from any number",
    },
    "harness/probes/memory.py": {
        (
            "return LogisticRegression(tol=1e-3, max_iter=100).fit(fitted, classes).predict(held)",
            "return LogisticRegression(tol=1e-3, max_iter= 99).fit(fitted, classes).predict(held)",
        ): "where a fit has come after so many iterations is as good as any",
    },
    "harness/probes/gates.py": {
        (
            "mean, low, high = np.stack([over_units(own) for own in values.values()], axis=-1).reshape(3, -1)",
            "mean, low, high = np.stack([over_units(own) for own in values.values()], axis=-1).reshape(3, - 2)",
        ): ANY_NEGATIVE,
    },
    "harness/probes/signal.py": {
        (
            "by_unit = pd.DataFrame(found.by_unit.reshape(-1, vectors.shape[-1]).T)",
            "by_unit = pd.DataFrame(found.by_unit.reshape(- 2, vectors.shape[-1]).T)",
        ): ANY_NEGATIVE,
    },
    "harness/probes/log_gradient.py": {
        (
            "lags = torch.tensor(spread(range(int(answer.max())), self.lags), dtype=torch.int64, device=answer.device)",
            "lags = torch.tensor(spread(range(int(answer.max())), self.lags), device=answer.device)",
        ): "lags are whole numbers already",
    },
    "harness/engine/scan/derivative.py": {
        (
            '"log1p": lambda node: (binary("/", number(1.0), binary("+", number(1.0), node.args[0])),),',
            '"log1p": lambda node: (binary("/", number(1.0), binary("+", number(1.0), node.args[ -1])),),',
        ): ONE_ARGUMENT,
    },
    "harness/engine/scan/graphed.py": {
        (
            "kept = {name: value.clone(memory_format=torch.contiguous_format) for name, value in inputs.items()}",
            "kept = {name: value.clone() for name, value in inputs.items()}",
        ): "how a copy is laid out changes no number",
    },
    "harness/engine/scan/calling.py": {
        (
            "@cache def call_type(parts: int, weights: int) -> type[ctypes.Structure]:",
            "def call_type(parts: int, weights: int) -> type[ctypes.Structure]:",
        ): "a kernel keeps the type of its own calls",
    },
    "harness/engine/scan/compiled.py": {
        ("places = [-1] * steps", "places = [- 2] * steps"): "any negative number stands for none",
    },
    "harness/engine/scan/nodes.py": {
        ("@lru_cache(maxsize=4096)", "@lru_cache(maxsize= 4097)"): CACHED,
        ("@lru_cache(maxsize=4096)", "@lru_cache(maxsize= 4095)"): CACHED,
    },
    "harness/engine/scan/source.py": {
        ("CHUNK = 16", "CHUNK = 17"): TOGETHER,
        ("CHUNK = 16", "CHUNK = 15"): TOGETHER,
        ("BLOCK = 8", "BLOCK = 9"): TOGETHER,
        ("BLOCK = 8", "BLOCK = 7"): TOGETHER,
        (
            'LITERALS = {number: f"(real){number:g}" for number in (0.0, 1.0, -1.0, 0.5, 2.0)}',
            'LITERALS = {number: f"(real){number:g}" for number in (0.0, 1.04, -1.0, 0.5, 2.0)}',
        ): HANDED_OVER,
        (
            'LITERALS = {number: f"(real){number:g}" for number in (0.0, 1.0, -1.0, 0.5, 2.0)}',
            'LITERALS = {number: f"(real){number:g}" for number in (0.0, 1.0, -1.04, 0.5, 2.0)}',
        ): HANDED_OVER,
        (
            'LITERALS = {number: f"(real){number:g}" for number in (0.0, 1.0, -1.0, 0.5, 2.0)}',
            'LITERALS = {number: f"(real){number:g}" for number in (0.0, 1.0, -1.0, 0.52, 2.0)}',
        ): HANDED_OVER,
        (
            'LITERALS = {number: f"(real){number:g}" for number in (0.0, 1.0, -1.0, 0.5, 2.0)}',
            'LITERALS = {number: f"(real){number:g}" for number in (0.0, 1.0, -1.0, 0.5, 2.08)}',
        ): HANDED_OVER,
    },
    "harness/engine/scan/stepwise.py": {
        ("SPAN = 8", "SPAN = 9"): TOGETHER,
        ("SPAN = 8", "SPAN = 7"): TOGETHER,
        ("AHEAD = 32", "AHEAD = 33"): TOGETHER,
        ("AHEAD = 32", "AHEAD = 31"): TOGETHER,
    },
    "harness/engine/scan/compiler.py": {
        ("@cache def _processor() -> str:", "def _processor() -> str:"): CACHED,
    },
    "harness/measure/evaluation.py": {
        ("EVAL_CHUNK = 128", "EVAL_CHUNK = 129"): "how many samples are evaluated at once decides on memory alone",
    },
    "harness/engine/scan/formula.py": {
        (
            "@classmethod "
            "def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Vector:",
            "def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Vector:",
        ): "torch calls it on a vector, and what it is called on is not used",
        (
            "return self if times == 1 else Vector(tuple(make(node, times, stretch) for node in self.nodes))",
            "return self if times == 0 else Vector(tuple(make(node, times, stretch) for node in self.nodes))",
        ): ONCE,
    },
    "harness/training/record.py": {
        ("steps: int = 0", "steps: int = 1"): "the first measurement says how many they are, and there always is one",
    },
    "harness/training/rows.py": {
        (
            'lower = np.quantile(norms, list(QUANTILES.values()), axis=-1, method="lower")',
            'lower = np.quantile(norms, list(QUANTILES.values()), axis=1, method="lower")',
        ): TWO_AXES,
        ("counts = known[place].sum(axis=-1)", "counts = known[place].sum(axis=1)"): TWO_AXES,
    },
    "harness/measure/flow.py": {
        (
            "NOTHING = 1e-18",
            "NOTHING = 1.04e-18",
        ): "any number between what rounding makes and what a profile has would do",
        ("if rate < np.log(VANISHING_BELOW):", "if rate <= np.log(VANISHING_BELOW):"): NEVER_EQUAL,
        (
            'return "exploding" if rate > np.log(EXPLODING_ABOVE) else "stable"',
            'return "exploding" if rate >= np.log(EXPLODING_ABOVE) else "stable"',
        ): NEVER_EQUAL,
        (
            "line = r2 >= LINE_R2 or residual <= LINE_RESIDUAL or np.isneginf(rate)",
            "line = r2 > LINE_R2 or residual <= LINE_RESIDUAL or np.isneginf(rate)",
        ): NEVER_EQUAL,
        (
            "line = r2 >= LINE_R2 or residual <= LINE_RESIDUAL or np.isneginf(rate)",
            "line = r2 >= LINE_R2 or residual < LINE_RESIDUAL or np.isneginf(rate)",
        ): NEVER_EQUAL,
        (
            "return float(slope), 1 - off / varies if varies > NOTHING else 1.0, float(np.sqrt(off))",
            "return float(slope), 1 - off / varies if varies >= NOTHING else 1.0, float(np.sqrt(off))",
        ): NEVER_EQUAL,
    },
}
"""For each module the line before and with the fault, without indentation, and the reason."""
