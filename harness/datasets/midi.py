"""Melodies of the user's own, from MIDI files, by the library mido (the extra ``midi``)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.base.errors import UserError
from harness.datasets.own_file import Unreadable, files_of
from harness.tasks.batch import Batch

ENDINGS = (".mid", ".midi")
DRUMS = 9
"""The channel of General MIDI whose notes are no pitches (the tenth, counted from 1)."""

LONG = 0.75
"""Quarters from which a note is long: nearer to a quarter than to an eighth."""

HELD_OUT = 10
"""The last one of so many notes of a melody is for evaluation, and two at least."""

SHORTEST = 8
"""Notes of a melody; shorter ones are left out."""

Note = tuple[int, float]
"""A key of MIDI (60 is C4), and how long it sounds, in quarters."""


class OwnMelodies:
    """Melodies of the user's own.

    Args:
        melodies: their notes, twice the key of MIDI, and 1 more where it is long.

    Attributes:
        lowest: the note that is token 0.
        size: how many tokens there are.
    """

    def __init__(self, melodies: Sequence[NDArray[np.int64]]):
        whole = np.concatenate(melodies)
        self.lowest = int(whole.min()) // 2 * 2
        self.size = (int(whole.max()) // 2 + 1) * 2 - self.lowest
        apart = [np.split(each - self.lowest, [len(each) - max(2, len(each) // HELD_OUT)]) for each in melodies]
        self.parts = [[pieces[place] for pieces in apart] for place in (0, 1)]
        self.joined = [np.concatenate(part) for part in self.parts]
        self.longest = min(max(map(len, part)) for part in self.parts) - 1

    @cached_property
    def chance(self) -> float:
        """The share of held-out notes that the best table from one to the next gets right."""
        pairs = np.zeros((self.size, self.size))
        for piece in self.parts[1]:
            np.add.at(pairs, (piece[:-1], piece[1:]), 1)
        return float(pairs.max(axis=1).sum() / pairs.sum())

    def cut(self, rng: np.random.Generator, batch_size: int, seq_len: int, held_out: bool) -> Batch:
        """Cuts from anywhere, each within one melody."""
        starts = _starts(tuple(map(len, self.parts[held_out])), seq_len)
        cuts = self.joined[held_out][rng.choice(starts, size=(batch_size, 1)) + np.arange(seq_len + 1)]
        return Batch(cuts[:, :-1], cuts[:, 1:])


@lru_cache(maxsize=4)  # of every batch the same
def _starts(lengths: tuple[int, ...], seq_len: int) -> NDArray[np.int64]:
    """Where cuts may begin in pieces that are joined: each of them ends, with its last answer, in the same piece."""
    begins = np.cumsum([0, *lengths[:-1]])
    return np.concatenate(
        [begin + np.arange(max(length - seq_len, 0)) for begin, length in zip(begins, lengths, strict=True)]
    )


def own_melodies(path: Path) -> OwnMelodies:
    """The melodies of MIDI files.

    Raises:
        UserError, Unreadable: as of `notes_of`; or none is long enough.
    """
    found = [np.array([2 * key + (quarters >= LONG) for key, quarters in notes]) for notes in notes_of(path)]
    if max(map(len, found)) < SHORTEST:
        raise Unreadable(f"no melody of {SHORTEST} notes; valid: one at least")
    return OwnMelodies([each for each in found if len(each) >= SHORTEST])


def notes_of(path: Path) -> list[list[Note]]:
    """The melody of each MIDI file, or of the one: of notes that begin together the highest, drums left out.

    Raises:
        UserError: mido is not installed.
        Unreadable: there is no such file here, one is damaged, or none has two notes.
    """
    try:
        import mido
    except ImportError:
        raise UserError(
            "experiment.path: MIDI files need mido; valid: pip install 'rnn-gradient-harness[midi]'"
        ) from None
    files = [each for each in files_of(path) if each.suffix.lower() in ENDINGS]
    if not files:
        raise Unreadable(f"no MIDI file; valid: a file {' or '.join(ENDINGS)}, or a folder of them")
    found = []
    for file in files:
        try:
            melody = _melody(mido.MidiFile(file))
        except Exception as error:  # mido has no class of its own for files that are damaged
            raise Unreadable(f"{file.name}: no MIDI file, or a damaged one ({error or type(error).__name__})") from None
        if len(melody) > 1:
            found.append(melody)
    if not found:
        raise Unreadable("no file with two notes; valid: melodies")
    return found


def _melody(file: Any) -> list[Note]:
    """The highest note of each beginning, in the order in which they begin."""
    highest: dict[int, tuple[int, int]] = {}
    for track in file.tracks:
        now, sounding = 0, dict[tuple[int, int], int]()
        for message in track:
            now += message.time
            if message.type not in ("note_on", "note_off") or message.channel == DRUMS:
                continue
            key = (message.channel, message.note)
            if (began := sounding.pop(key, None)) is not None:
                highest[began] = max(highest.get(began, (-1, 0)), (message.note, now - began))
            if message.type == "note_on" and message.velocity:
                sounding[key] = now
    return [(note, ticks / file.ticks_per_beat) for _, (note, ticks) in sorted(highest.items())]
