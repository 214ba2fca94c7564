"""Melodies of the user's own, from MIDI files, by the library mido (the extra ``midi``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.base.errors import UserError
from harness.datasets.own_file import Unreadable, files_of

ENDINGS = (".mid", ".midi")
DRUMS = 9
"""The channel of General MIDI whose notes are no pitches (the tenth, counted from 1)."""

Note = tuple[int, float]
"""A key of MIDI (60 is C4), and how long it sounds, in quarters."""


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
