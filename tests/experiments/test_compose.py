"""Melodies, heard again note by note; and their files, read by another library's rules."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest

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
    assert compose.spelled([0, 1, 14, 29]) == "C4 C4– C5 C6–"
    assert compose.read(compose.spelled(range(30))) == [*range(30)]
    assert [compose.pitch(note) for note in (0, 4, 14, 28)] == [60, 64, 72, 84]


def test_midi_is_read_by_a_library() -> None:
    mido = pytest.importorskip("mido")
    notes = [0, 5, 28, 9]
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


@pytest.mark.slow
def test_a_plain_rnn_goes_on_with_the_motif_and_no_network_without_memory() -> None:
    runs = trained(Compose, ["feedforward", "rnn"], seq_len=32, hidden_size=64, train={"steps": 500})
    found = runs.groupby("cell").accuracy
    assert found.min()["rnn"] > 0.8
    assert found.max()["feedforward"] < Compose().chance(32) + 0.02
