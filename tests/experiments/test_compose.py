"""Melodies, heard again note by note; and their files, read by another library's rules."""

from __future__ import annotations

import io
import itertools
import sys
from pathlib import Path

import mido
import numpy as np
import pytest

from harness.base.errors import UserError
from harness.experiment import Tables
from harness.experiments import compose
from harness.experiments.compose import Compose
from harness.settings.members import members
from harness.training.pack import run
from tests.conftest import Config
from tests.helpers.claims import trained
from tests.helpers.tasks import draw, lookup


@pytest.mark.parametrize(("motif", "seq_len"), [(4, 32), (3, 20), (2, 2), (6, 13)])
def test_every_bar_repeats_the_motif_by_the_plan(motif: int, seq_len: int) -> None:
    batch = draw(Compose(motif=motif), 80, seq_len)
    for inputs, targets, judged in zip(batch.inputs.tolist(), batch.targets.tolist(), batch.judged, strict=True):
        melody = [inputs[0], *targets]
        assert melody[:-1] == inputs
        for place, note in enumerate(melody):
            degree, long = divmod(note, 2)
            first, as_long = divmod(melody[place % motif], 2)
            assert (degree - first, long) == ([0, 1, 2, 1][place // motif % 4], as_long)
            assert 0 <= degree < 15
            assert place == 0 or judged[place - 1] == (place >= motif)
        for one, other in itertools.pairwise(melody[:motif]):
            assert abs(one // 2 - other // 2) in (0, 1, 2)


def test_the_note_a_bar_ago_and_the_place_tell_the_next_one_and_a_table_does_not() -> None:
    task = Compose()
    batch = draw(task, 3000, 32)
    melody = np.concatenate([batch.inputs[:, :1], batch.targets], axis=1)
    ahead = [melody[:, t - 4] + 2 * (compose.PLAN[t // 4 % 4] - compose.PLAN[(t - 4) // 4 % 4]) for t in range(4, 33)]
    assert (np.stack(ahead, 1) == melody[:, 4:]).all()
    assert lookup(batch.inputs[:, 3:], batch.targets[:, 3:]).accuracy == pytest.approx(task.chance(32), abs=0.01)


def test_names_are_read_back() -> None:
    task = Compose()
    assert compose.spelled(task.heard(np.array([0, 1, 14, 29]))) == "C4 C4– C5 C6–"
    assert [compose.pitch(note) for note in task.heard(np.array([0, 4, 14, 28]))] == [60, 64, 72, 84]
    assert compose.read(compose.spelled(range(256))) == [*range(256)]
    assert compose.spelled([2 * 0, 2 * 61 + 1, 2 * 127]) == "C-1 C♯4– G9"


def test_midi_is_read_by_a_library() -> None:
    notes = [120, 129, 168, 135]
    file = mido.MidiFile(file=io.BytesIO(compose.midi(notes)))
    assert file.ticks_per_beat == 480
    on = [message.note for message in file.tracks[0] if message.type == "note_on"]
    off = [(message.note, message.time) for message in file.tracks[0] if message.type == "note_off"]
    assert on == [60, 64, 84, 67] == [note for note, _ in off]
    assert [time for _, time in off] == [240 * (1 + note % 2) for note in notes]


def test_each_cells_melody_is_a_file_and_a_row_of_the_picture(config: Config) -> None:
    made = run(members(config(experiment="compose", seq_len=12)))
    tables = Tables(made)
    files = Compose.artefacts(tables)
    assert list(files) == ["rnn.mid"]
    assert files["rnn.mid"].startswith(b"MThd\x00\x00\x00\x06\x00\x00\x00\x01")
    heard, wrote = compose.melodies(tables)["rnn"]
    assert (len(heard), len(wrote)) == (8, 32)
    (axis,) = compose.Melodies().draw(tables).axes
    assert len(axis.patches) == 40
    empty = Tables({**made, "samples": made["samples"][:0]})
    assert Compose.artefacts(empty) == {}
    assert compose.Melodies().draw(empty) is None


def written(folder: Path, name: str, notes: list[tuple[int, float]], channel: int = 0) -> None:
    """A MIDI file, by the library that owns the format: keys one after the other, and their lengths in eighths.

    A second track has a lower note with each of them, and a drum.
    """
    file = mido.MidiFile(ticks_per_beat=96)
    for shift, on in ((0, channel), (-12, channel), (30, 9)):
        track = mido.MidiTrack()
        for key, eighths in notes:
            track.append(mido.Message("note_on", note=key + shift, channel=on, time=0))
            track.append(mido.Message("note_on", note=key + shift, channel=on, velocity=0, time=int(48 * eighths)))
        file.tracks.append(track)
    file.save(folder / name)


def test_melodies_of_ones_own_are_the_highest_notes_of_midi_files(tmp_path: Path) -> None:
    tunes = [[(60 + (3 * note + 5 * tune) % 11, 1 + note % 2) for note in range(40)] for tune in range(3)]
    for number, tune in enumerate(tunes):
        written(tmp_path, f"{number}.mid", tune, channel=number)
    task = Compose(path=tmp_path)
    keys = {key for tune in tunes for key, _ in tune}
    assert task.input_size == task.outputs.size == 2 * (max(keys) - min(keys) + 1)
    sounds = [[2 * key + eighths - 1 for key, eighths in tune] for tune in tunes]
    for held_out, part in ((False, slice(36)), (True, slice(36, None))):
        batch, cuts = draw(task, 50, 3, held_out), set[tuple[int, ...]]()
        for inputs, targets in zip(task.heard(batch.inputs), task.heard(batch.targets), strict=True):
            cut = [*inputs, targets[-1]]
            assert any(cut == tune[part][place : place + 4] for tune in sounds for place in range(37))
            cuts.add(tuple(cut))
    assert cuts == {tuple(tune[36:]) for tune in sounds}  # of every tune all that is held out
    assert task.refuses(4) == "1 to 3, as the held-out parts of these files are long"
    shown = task.show_continued(np.array([0, 1]), np.array([2]))
    assert (shown.text, shown.answered) == ("C4 C4–", "C♯4")
    ends = [pair for tune in sounds for pair in itertools.pairwise(tune[36:])]
    best = sum(max(ends.count((one, other)) for _, other in ends) for one in {first for first, _ in ends})
    assert task.chance(3) == pytest.approx(best / len(ends))


def test_a_note_of_three_quarters_of_a_quarter_is_long(tmp_path: Path) -> None:
    written(tmp_path, "a.mid", [(60, 1), (61, 1.5), (62, 2), (63, 1.25)] * 5)
    batch = draw(Compose(path=tmp_path), 20, 1)
    assert {*batch.inputs.flat, *batch.targets.flat} == {0, 3, 5, 6}


def test_the_claim_is_about_the_drawn_melodies(config: Config) -> None:
    made = Tables(run(members(config(experiment="compose", seq_len=12))))
    assert Compose.bears_out(Tables({**made, "runs": made.runs.assign(**{"experiment.path": "my.mid"})})) is None


def test_wrong_midi_files_and_a_missing_library_are_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused() -> str:
        with pytest.raises(UserError) as error:
            Compose(path=tmp_path)
        (line,) = str(error.value).splitlines()
        return line

    assert refused() == f"experiment.path={tmp_path}: no MIDI file; valid: a file .mid or .midi, or a folder of them"
    written(tmp_path, "a.mid", [(60, 1)] * 5)
    assert refused() == f"experiment.path={tmp_path}: no melody of 8 notes; valid: one at least"
    (tmp_path / "b.mid").write_bytes(b"MThd\x00\x00")
    assert refused().startswith(f"experiment.path={tmp_path}: b.mid: no MIDI file, or a damaged one")
    monkeypatch.setitem(sys.modules, "mido", None)
    assert refused() == "experiment.path: MIDI files need mido; valid: pip install 'rnn-gradient-harness[midi]'"


@pytest.mark.slow
def test_a_plain_rnn_goes_on_with_the_motif_and_no_network_without_memory() -> None:
    runs = trained(Compose, ["feedforward", "rnn"], seq_len=32, hidden_size=64, train={"steps": 300})
    found = runs.groupby("cell").accuracy
    assert found.min()["rnn"] > 0.8
    assert found.max()["feedforward"] < Compose().chance(32) + 0.02
