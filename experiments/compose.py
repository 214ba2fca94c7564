"""Write music: which note comes next in a melody that repeats its motif, higher and lower?"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from harness.analysis import finished
from harness.base.seeds import stream
from harness.claims import solves_where_it_guesses
from harness.datasets import OwnFile, OwnMelodies, about, own_melodies
from harness.experiment import Batch, Classes, Continuation, Experiment, Sample, Tables, Verdict
from harness.experiment import gettext as _
from harness.figures import Figure, canvas, grid, palette

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

SCALE = np.array([0, 2, 4, 5, 7, 9, 11])
NAMES = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"]
LOWEST = 60  # C4, a key of MIDI
DEGREES = 15  # two octaves of C major, from C4 to C6
PLAN = (0, 1, 2, 1)  # how many degrees higher each bar repeats the motif; and again from the start
STEPS = (-2, -1, 1, 2)  # from a note of the motif to its next one
LONG = "–"
TICKS = 480  # of MIDI, a quarter


class Compose(OwnFile, Experiment):
    """At every step of a melody the next note is asked for: its pitch and whether it is short or long.

        bar     1: the motif    2: one higher   3: two higher   4: one higher   5 = 1 …
        note    C4 E4 D4– F4    D4 F4 E4– G4    E4 G4 F4– A4    D4 F4 E4– G4    C4 E4 D4– F4 …

    A documented style, the sequence of tonal music: a motif of a few notes of C major is drawn at random (it goes up
    or down by one or two degrees from note to note, each short or long, an eighth or a quarter), and every further bar
    repeats it higher or lower, with the same rhythm. After the motif all is determined by the note one bar ago and by
    the place in the plan, and accuracy is about those notes; the loss is about all.

    Without memory one sees the last note alone. What is called chance is what the best table from a note to the
    next one gets right among 4000 melodies, counted, not derived (about 1/8: one of four steps, short or long).
    The report shows what every run goes on to write after a held-out beginning, and holds it as MIDI.

    ``path=FOLDER`` reads melodies of your own instead, MIDI files (the extra ``midi``): of the notes that begin
    together the highest, in any key, long where it is nearer to a quarter than to an eighth. The last tenth of each
    melody is held out, and the table is made of it. The claim is not about these.

    Source: the Chinese tutorial "什么是循环神经网络 RNN" (Morvan Zhou, 2016), let an RNN compose, and there Johnson,
    "Composing music with recurrent neural networks", hexahedria.com, 2015 (piano pieces of several voices,
    LSTMs along time and along the keyboard). Bundled scores of real music have no common licence; these are drawn.
    """

    name = "compose"
    claim = "Every recurrent cell, a plain RNN too, goes on with a motif heard once. None without memory does."
    exact_chance = False  # counted
    defaults = {"seq_len": 32}
    sweep = {"cell": "feedforward,rnn,gru,lstm", "seq_len": 32, "seed": "0,1", "hidden_size": 64, "train.steps": 1500,
             "train.lr": 0.01, "probe.every": 100}  # fmt: skip

    motif: int = Field(4, ge=2, le=16, description="notes of the motif, and of every bar")
    path: Path | None = Field(None, description="a MIDI file of your own, or a folder of them, to read instead")

    @model_validator(mode="after")
    def _readable(self) -> Compose:
        if self.path is not None:
            own(self.path, self.content)  # what is wrong with a file is said before anything runs
        return self

    @property
    def input_size(self) -> int:
        """The notes, each short and long."""
        return 2 * DEGREES if self.path is None else own(self.path, self.content).size

    @property
    def outputs(self) -> Classes:
        return Classes(self.input_size)

    @property
    def continuation(self) -> Continuation:
        return Continuation(length=8 * self.motif, temperature=0.5, prompt=2 * self.motif)

    def chance(self, seq_len: int) -> float:
        return best_table(self.motif, seq_len) if self.path is None else own(self.path, self.content).chance

    def min_seq_len(self) -> int:
        return self.motif if self.path is None else 1

    def refuses(self, seq_len: int) -> str | None:
        if self.path is None:
            return super().refuses(seq_len)
        longest = own(self.path, self.content).longest
        return None if 1 <= seq_len <= longest else f"1 to {longest}, as the held-out parts of these files are long"

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        if self.path is not None:
            return own(self.path, self.content).cut(rng, batch_size, seq_len, held_out=False)
        top = DEGREES - 1 - max(PLAN)
        degrees = np.empty((batch_size, self.motif), dtype=np.int64)
        degrees[:, 0] = rng.integers(top + 1, size=batch_size)
        for note in range(1, self.motif):
            degrees[:, note] = degrees[:, note - 1] + rng.choice(STEPS, size=batch_size)
            degrees[:, note] = top - np.abs(top - np.abs(degrees[:, note]))  # turned back at either end
        motif = 2 * degrees + rng.integers(2, size=degrees.shape)
        bars = -(-(seq_len + 1) // self.motif)
        higher = 2 * np.resize(PLAN, bars)
        notes = (motif[:, None, :] + higher[:, None]).reshape(batch_size, -1)
        determined = np.tile(np.arange(1, seq_len + 1) >= self.motif, (batch_size, 1))
        return Batch(notes[:, :seq_len], notes[:, 1 : seq_len + 1], judged=determined)

    def held_out(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        """Of one's own melodies the parts that training never sees; others are drawn anew."""
        if self.path is None:
            return self.sample(rng, batch_size, seq_len)
        return own(self.path, self.content).cut(rng, batch_size, seq_len, held_out=True)

    def heard(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """Tokens as notes: twice the key of MIDI, and 1 more where it is long."""
        if self.path is not None:
            return tokens + own(self.path, self.content).lowest
        degree, long = np.divmod(tokens, 2)
        return np.asarray(2 * (LOWEST + SCALE[degree % 7] + 12 * (degree // 7)) + long)

    def show_continued(self, prompt: NDArray[np.int64], continued: NDArray[np.int64]) -> Sample:
        """The notes by name; long ones with a dash."""
        return Sample(spelled(self.heard(prompt)), answered=spelled(self.heard(continued)))

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        if "experiment.path" in tables.runs and tables.runs["experiment.path"].notna().any():
            return None
        return solves_where_it_guesses(tables, able="cell in ['rnn', 'gru', 'lstm']", unable="cell == 'feedforward'")

    @classmethod
    def artefacts(cls, tables: Tables) -> dict[str, bytes]:
        """The melody of each cell's best run, as MIDI."""
        return {f"{cell}.mid": midi([*heard, *wrote]) for cell, (heard, wrote) in melodies(tables).items()}


class Melodies(Figure):
    """What the best run of each cell wrote, as a piano roll."""

    name = "melodies"
    title = "Melodies"
    caption = (
        "What the best run of each cell wrote after a beginning that it was given (grey). Pitch over time, a bar of "
        "the line for every note. A motif that was understood goes on in the same shape, higher and lower."
    )
    order = 60
    experiments = ("compose",)

    def draw(self, tables: Tables) -> Canvas | None:
        """A row per cell."""
        found = melodies(tables)
        if not found:
            return None
        drawn = tables.runs[tables.runs.cell.isin([*found])].assign(who=lambda each: each.cell)
        figure, colours = canvas(10, 1 + 1.6 * len(found)), palette(drawn)
        axes = figure.subplots(len(found), 1, squeeze=False, sharex=True, sharey=True)[:, 0]
        for axis, cell in zip(axes, colours, strict=True):
            start = 0
            for place, notes in enumerate(found[cell]):
                for note in notes:
                    axis.barh(
                        pitch(note), 0.94 * length(note), left=start, height=1, color=colours[cell] if place else "grey"
                    )
                    start += length(note)
            grid(axis)
            axis.set_title(cell)
            axis.set_yticks([60, 72, 84], ["C4", "C5", "C6"])
        axes[-1].set_xlabel(_("eighths"))
        return figure


@cache
def own(path: Path, content: str) -> OwnMelodies:
    """Melodies of the user's own, while the files have this content."""
    with about(path):
        return own_melodies(path)


@cache
def best_table(motif: int, seq_len: int) -> float:
    """The share of determined notes that the best table from one note to the next gets right."""
    batch = Compose(motif=motif).sample(stream(0, "compose", "table"), 4000, seq_len)
    pairs = np.zeros((2 * DEGREES, 2 * DEGREES))
    notes = batch.inputs[batch.judged].astype(np.int64)
    np.add.at(pairs, (notes, batch.targets[batch.judged]), 1)
    return float(pairs.max(axis=1).sum() / pairs.sum())


def melodies(tables: Tables) -> dict[str, tuple[list[int], list[int]]]:
    """For each cell the beginning that its best run was given, and what it wrote after it: first of its samples."""
    best = finished(tables.runs).query("experiment == 'compose'").sort_values("accuracy", ascending=False)
    samples = tables.samples[tables.samples["sample"] == 0].merge(best.drop_duplicates("cell")[["run_id", "cell"]])
    columns = (samples[name].astype(str) for name in ("cell", "text", "answered"))
    return {cell: (read(text), read(answered)) for cell, text, answered in zip(*columns, strict=True)}


def spelled(notes: Sequence[int] | NDArray[np.int64]) -> str:
    """Notes by name: ``C4 F♯4–``."""
    return " ".join(f"{NAMES[pitch(note) % 12]}{pitch(note) // 12 - 1}{LONG * (note % 2)}" for note in notes)


def read(names: str) -> list[int]:
    """The notes of names, `spelled` back."""
    found = re.findall(rf"([A-G]♯?)(-?\d+)({LONG}?)", names)
    return [2 * (NAMES.index(name) + 12 * (int(octave) + 1)) + bool(long) for name, octave, long in found]


def pitch(note: int) -> int:
    """The key of MIDI; 60 is C4."""
    return note // 2


def length(note: int) -> int:
    """In eighths."""
    return 1 + note % 2


def midi(notes: Sequence[int]) -> bytes:
    """A standard MIDI file of format 0 ("Standard MIDI Files 1.0"): one track, each note on and then off."""
    track = b""
    for note in notes:
        track += bytes([0, 0x90, pitch(note), 80]) + variable(TICKS // 2 * length(note)) + bytes([0x80, pitch(note), 0])
    track += bytes([0, 0xFF, 0x2F, 0])
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS) + b"MTrk" + struct.pack(">I", len(track)) + track


def variable(number: int) -> bytes:
    """A quantity of variable length below 2^14: seven bits a byte, all but the last marked."""
    return bytes([0x80 | number >> 7, number & 0x7F]) if number >= 0x80 else bytes([number])
