"""Noise among the steps of tasks: without it they are the task's own, and everything else goes where its steps go."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from harness.base.errors import UserError
from harness.base.seeds import stream
from harness.experiment import Batch, Experiment, distracted
from harness.plugins.registry import registry
from harness.settings.resolve import resolve
from harness.tasks.distractors import Distracted, Distractors
from harness.testing import check_experiment
from harness.training.pack import run
from tests.helpers.counting import Counting
from tests.helpers.tasks import draw

TASKS: dict[str, tuple[dict[str, Any], int]] = {
    "adding": ({}, 9), "caption": ({}, 0), "copy": ({"length": 3}, 10), "delayed_match": ({}, 8), "dyck": ({}, 12),
    "flip_flop": ({"bits": 2}, 9), "induction": ({"tokens": 5}, 8), "latch": ({}, 7), "no_memory": ({}, 6),
    "parity": ({"running": False}, 7), "recall_dish": ({}, 8), "reverse_name": ({}, 0), "selective_copy": ({}, 12),
    "sine_to_cosine": ({"n_windows": 3}, 5), "temporal_order": ({}, 20), "translate": ({}, 17), "xor": ({}, 6),
}  # fmt: skip
"""Options and a length; 0: the shortest."""


@dataclass(frozen=True)
class _Only:
    """A registry of a few plugins."""

    plugins: dict[str, Any]

    def get(self, kind: str, name: str) -> Any:
        return self.plugins[name]


def task(name: str) -> tuple[Experiment, int]:
    """The task, and its length."""
    options, length = TASKS[name]
    made = registry().get("experiment", name)(**options)
    return made, length or next(each for each in range(made.min_seq_len(), 2000) if not made.refuses(each))


def own_steps(place: str, steps: int, length: int) -> list[bool]:
    """Of a short window with noise, which steps are the task's; between them it is spread as evenly as it can be."""
    noise = {"before": [0] * steps, "after": [length] * steps}.get(place)
    if noise is None:
        gaps = length - 1
        noise = [min(1 + int((number + 0.5) * gaps / steps), gaps) for number in range(steps)]
    found = []
    for step in range(length):
        found += [False] * noise.count(step) + [True]
    return found + [False] * noise.count(length)


@pytest.mark.parametrize("place", ["before", "between", "after"])
@pytest.mark.parametrize("kind", ["blank", "random"])
@pytest.mark.parametrize("name", TASKS)
def test_without_the_steps_of_noise_a_batch_is_the_tasks_own(name: str, kind: str, place: str) -> None:
    plain, length = task(name)
    noisy = distracted(plain, distractors=4, distractor_kind=kind, distractor_place=place)
    assert noisy.refuses(length + 4) is None
    for held_out in (False, True):
        one = draw(plain, 20, plain.windows * length, held_out)
        other = draw(noisy, 20, plain.windows * (length + 4), held_out)
        own = np.tile(own_steps(place, 4, length), plain.windows)
        if plain.feedback is not None and place == "between":
            own = np.array(own_steps(place, 4, int(one.scored[0])) + [True] * (length - int(one.scored[0])))
        where = np.flatnonzero(own) + 1
        assert (other.inputs[:, own] == one.inputs).all()
        assert (other.cue == where[one.cue - 1]).all() or not one.names_cue
        scores = {**dict.fromkeys(map(int, other.scored))}
        assert {*where[one.scored - 1].tolist()} <= {*scores}
        columns = [[*scores].index(step) for step in where[one.scored - 1]]
        assert (other.targets[:, columns] == one.targets).all()
        for mask in ("mask", "judged"):
            assert (getattr(other, mask)[:, columns] == getattr(one, mask)).all()
            assert getattr(other, mask).sum() == getattr(one, mask).sum(), "no step of noise counts"
        noise = other.inputs[:, ~own]
        if kind == "blank":
            assert (noise == (plain.input_size if noise.ndim == 2 else 0)).all()
            assert noisy.input_size == plain.input_size + (noise.ndim == 2)
        else:
            assert noise.std() > 0
            assert noisy.input_size == plain.input_size


def test_a_null_leaves_the_task_itself_and_no_steps_of_noise_its_numbers() -> None:
    plain, _ = task("copy")
    assert distracted(plain) is plain
    config = {"cell": {"name": "rnn"}, "seq_len": 10, "hidden_size": 6, "train": {"steps": 4, "batch_size": 8}}
    settings = [
        resolve({"experiment": {"name": "copy", "length": 3, **noise}, **config})
        for noise in ({}, {"distractors": None}, {"distractors": 0})
    ]
    assert settings[0].flat() == settings[1].flat()
    assert settings[2].flat() == settings[0].flat() | {
        "experiment.distractors": 0, "experiment.distractor_kind": "random", "experiment.distractor_place": "between",
    }  # fmt: skip
    one, other = (run([each])["runs"].iloc[0] for each in settings[1:])
    for column in ("accuracy", "loss", "chance", "chance_loss", "decay_rate", "grad_ratio", "cue_step", "answer_step"):
        assert one[column] == other[column]


@pytest.mark.parametrize("place", ["before", "between", "after"])
@pytest.mark.parametrize(("name", "options"), [("parity", {"running": False}), ("copy", {"length": 2})])
def test_rows_of_different_length_keep_their_own_steps_and_end_with_them(
    name: str, options: dict[str, Any], place: str
) -> None:
    plain = registry().get("experiment", name)(shortest=5, **options)
    noisy = distracted(plain, distractors=4, distractor_kind="blank", distractor_place=place)
    one, other = draw(plain, 30, 10), draw(noisy, 30, 14)
    where = np.flatnonzero(own_steps(place, 4, 10)) + 1
    assert one.lengths is not None
    assert (other.lengths == where[one.lengths - 1]).all()
    assert (other.answer == where[one.answer - 1]).all()
    for index in range(30):
        alone, among = one.alone(index), other.alone(index)
        own = where[: alone.length] - 1
        assert (among.inputs[0, own] == alone.inputs[0]).all()
        assert (np.delete(among.inputs[0], own) == plain.input_size).all()
        assert (among.targets == alone.targets).all()
        assert among.scored.tolist() == where[alone.scored - 1].tolist()
        said = np.zeros((len(other.scored), plain.outputs.size))
        before, after = (
            each.in_words(batch, index, said[: len(batch.scored)]) for each, batch in ((plain, one), (noisy, other))
        )
        assert before is not None
        assert after is not None
        assert [word for word in after.words if word != "~"] == list(before.words)
        assert after.expected == before.expected


def test_noise_between_steps_is_spread_evenly() -> None:
    plain, _ = task("parity")
    for steps, words in [(1, "1 1 ~ 1 1"), (3, "1 ~ 1 ~ 1 ~ 1"), (4, "1 ~ 1 ~ ~ 1 ~ 1"), (6, "1 ~ ~ 1 ~ ~ 1 ~ ~ 1")]:
        noisy = distracted(plain, distractors=steps, distractor_kind="blank")
        batch = noisy.sample(stream(0, "spread"), 1, 4 + steps)
        shown = noisy.show(batch, 0, np.zeros((1, 2)))
        assert shown is not None
        assert " ".join(shown.words).replace("0", "1") == words


def test_the_words_of_a_sample_stand_at_its_steps() -> None:
    plain, length = registry().get("experiment", "sentiment")(), 16
    noisy = distracted(plain, distractors=3, distractor_kind="blank")
    one, other = draw(plain, 5, length), draw(noisy, 5, length + 3)
    for index in range(5):
        before, after = (
            each.show(batch, index, np.zeros((len(batch.scored), each.outputs.size)))
            for each, batch in ((plain, one), (noisy, other))
        )
        assert before is not None
        assert after is not None
        assert [word for word in after.words if word != "~"] == list(before.words)
        assert len(after.words) == len(after.glosses) == other.answer[index]
        assert [gloss for gloss in after.glosses if gloss] == [gloss for gloss in before.glosses if gloss]
        assert (after.text, after.expected) == (before.text, before.expected)


def test_what_is_not_the_noises_is_the_tasks() -> None:
    for name in TASKS:
        plain, length = task(name)
        noisy = distracted(plain, distractors=5)
        assert (noisy.chance(length + 5), noisy.chance_loss(length + 5)) == (
            plain.chance(length), plain.chance_loss(length)
        )  # fmt: skip
        for same in ("name", "claim", "outputs", "feedback", "windows", "solved_at", "exact_chance"):
            assert getattr(noisy, same) == getattr(plain, same)
        shortest = next(each for each in range(1, 2000) if not noisy.refuses(each))
        assert not plain.refuses(shortest - 5)
        assert noisy.refuses(5)


@pytest.mark.parametrize(
    ("place", "steps", "shortest"),
    [("before", 3, 4), ("after", 3, 4), ("between", 3, 5), ("before", 0, 1), ("after", 0, 1), ("between", 0, 1)],
)
def test_noise_needs_two_steps_of_the_task_only_where_it_stands_between_them(
    place: str, steps: int, shortest: int
) -> None:
    """Of a task that can be posed in one step."""
    noisy = distracted(Counting(), distractors=steps, distractor_place=place)
    assert noisy.min_seq_len() == shortest
    assert (noisy.refuses(shortest), noisy.refuses(shortest - 1)) == (None, f"{shortest} or more")


def test_nothing_that_an_experiment_says_of_itself_is_forgotten() -> None:
    public = {name for name in vars(Experiment) if not name.startswith("_") and name != "abc"}
    classes = {"kind", "texts", "defaults", "sweep", "bears_out", "artefacts"}  # what is asked of the task's class
    # Nothing goes on by itself in noise; answers are the task\'s.
    inherited = {"continuation", "show_continued", "say", "in_words"}
    assert {name for name in public - classes - inherited if name not in vars(Distracted)} <= {"model_config"}


def test_what_cannot_be_is_refused_in_one_line() -> None:
    config = {"cell": {"name": "rnn"}, "seq_len": 12}
    for options, said in [
        ({"distractors": -1}, "experiment.distractors=-1: input should be greater than or equal to 0"),
        ({"distractor_kind": "loud"}, "experiment.distractor_kind=loud: input should be 'blank' or 'random'"),
        ({"distractors": 8, "length": 3}, "seq_len=12: not for experiment=copy; valid: 14 or more"),
        ({"distractor": 8}, "experiment.distractor: "),
    ]:
        with pytest.raises(UserError) as raised:
            resolve({"experiment": {"name": "copy", **options}, **config})
        assert str(raised.value).startswith(said)


def test_an_option_of_that_name_remains_the_tasks_own(monkeypatch: pytest.MonkeyPatch) -> None:
    copy = registry().get("experiment", "copy")

    class Own(copy):  # type: ignore[misc,valid-type]
        distractors: int = 3

    monkeypatch.setattr(
        "harness.settings.resolve.registry", lambda: _Only({"copy": Own, "rnn": registry().get("cell", "rnn")})
    )
    made = resolve(
        {"experiment": {"name": "copy", "distractors": 5}, "cell": {"name": "rnn"}, "seq_len": 20}
    ).experiment
    assert isinstance(made, Own)
    assert made.distractors == 5


@pytest.mark.parametrize("steps", [0, 7])
def test_settings_with_noise_are_made_again_from_their_configuration(steps: int) -> None:
    config = {"experiment": {"name": "copy", "length": 3, "distractors": steps}, "cell": {"name": "rnn"}, "seq_len": 20}
    settings = resolve(config)
    again = resolve(settings.configuration())
    assert again == settings
    assert again.run_id == settings.run_id
    assert isinstance(again.experiment, Distracted)


WITH_NOISE = [name for name in TASKS if name not in ("sine_to_cosine", "translate")]
BOTH_KINDS = ["adding", "copy"]
"""A task of vectors and one of tokens: noise depends on nothing else of a task."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kind"),
    dict.fromkeys(
        [*zip(WITH_NOISE, itertools.cycle(["blank", "random"])), *itertools.product(BOTH_KINDS, ["blank", "random"])]
    ),
)
def test_tasks_with_noise_keep_the_contract(name: str, kind: str) -> None:
    plain, length = task(name)
    place = {"adding": "before", "latch": "after"}.get(name, "between")
    # A class of its own, with the task's name and words: the check looks at classes.
    words = {"name": plain.name, "claim": plain.claim, "__doc__": type(plain).__doc__, "__module__": __name__}
    noisy = distracted(plain, distractors=5, distractor_kind=kind, distractor_place=place)
    assert isinstance(noisy, Distracted)
    check_experiment(type("Named", (Distracted,), words)(task=plain, noise=noisy.noise), length + 5)


def test_a_batch_says_that_its_noise_is_unscored_where_all_steps_of_the_task_are() -> None:
    plain, length = task("flip_flop")
    batch: Batch = draw(distracted(plain, distractors=4, distractor_place="before"), 3, length + 4)
    assert batch.scored.tolist() == [*range(5, length + 5)]


def test_every_option_says_what_it_is() -> None:
    assert all(option.description for option in Distractors.model_fields.values())
