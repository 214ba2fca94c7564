"""The settings of a run: typed, validated, with their defaults.

``Settings(experiment=Copy(), cell=LSTM(), seq_len=8)`` makes them in Python; `harness.settings.resolve` from a
configuration. The defaults here are those of ``conf/config.yaml``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, SerializeAsAny, field_validator, model_validator

from harness.base.errors import UserError
from harness.base.hashes import short_hash
from harness.base.options import Options, one_of
from harness.cells.base import Cell
from harness.cells.initial import RECURRENT_INITS
from harness.engine.blocks import BLOCKS, cell_of_layer
from harness.engine.scan.plan import planned_step, stored_per_step
from harness.probes.base import Probe
from harness.settings import effect
from harness.settings.lengths import Evaluation, check_curriculum, check_evaluation
from harness.tasks.curriculum import CURRICULA, batch_lengths
from harness.tasks.experiment import Experiment
from harness.tasks.lengths import possible_lengths

COMPILING_PAYS = 1e5
"""From so many numbers stored for the backward pass, over all of a run's training, kernels are compiled: a shorter run
is over before the compiler is, and too short for differences of rounding to grow."""

RECOMPUTING_PAYS = 64 * 2**20
"""From so many numbers to store for the backward pass, in one training step of one run, they are computed again."""

HALF = 0.5
"""Share of the training in which a growing curriculum grows, where nobody says otherwise."""

Precision = Literal["float32", "float64"]


class Train(Options):
    """How a run trains."""

    steps: int = Field(300, ge=0, description="number of training steps; 0 probes the untrained network")
    batch_size: int = Field(32, ge=1, description="samples per training step")
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop"] = Field("adam", description="adam, adamw, sgd or rmsprop")
    lr: float = Field(0.003, gt=0, description="learning rate")
    clip_norm: float | None = Field(1.0, gt=0, description="largest norm of the weights' gradient; null: no clipping")
    clip_value: float | None = Field(
        None, gt=0, description="largest size of each weight's gradient, before clip_norm; null: no clipping"
    )
    momentum: float = Field(0.0, ge=0, lt=1, description="momentum of sgd, as torch's")
    weight_decay: float | None = Field(
        None, ge=0, description="weight decay, as torch's of that optimizer; null: 0.01 for adamw, none for others"
    )
    schedule: Literal["constant", "cosine", "step"] = Field(
        "constant", description="the learning rate over the training: constant, cosine (to 0), step (drops)"
    )
    warmup: int = Field(0, ge=0, description="steps in which the learning rate rises to its full size")
    step_size: int | None = Field(
        None, ge=1, description="steps between the drops of schedule=step; null: a third of those after the warm-up"
    )
    gamma: float | None = Field(None, gt=0, description="factor of each drop of schedule=step; null: 0.1")
    orthogonal_penalty: float | None = Field(
        None, gt=0, description="weight of ‖WᵀW - I‖² on the recurrent matrices (Vorontsov 2017); null: none"
    )
    gradient_penalty: float | None = Field(
        None,
        gt=0,
        description="weight of the penalty Ω on steps that change the gradient's length (Pascanu 2013); null: none",
    )
    stop_solved: bool = Field(False, description="end the training of a run at the first evaluation that it solves")
    curriculum: Annotated[str, one_of(CURRICULA)] = Field(
        "none",
        description="length of each training batch: none (seq_len), uniform (any from train.shortest to seq_len), "
        "growing (from the shortest to seq_len), growing_uniform (any that has been reached)",
    )
    shortest: int | None = Field(None, ge=1, description="shortest length of a curriculum; null: the task's shortest")
    growth: float | None = Field(
        None, gt=0, le=1, description="share of train.steps in which a growing curriculum grows; null: half"
    )
    k2: int | None = Field(
        None, ge=1, description="truncated backpropagation: steps that errors are carried back; null: all"
    )
    k1: int | None = Field(
        None, ge=1, description="steps whose errors are carried back together, from the last one; null: as many as k2"
    )


class ProbeSettings(Options):
    """When and how gradients are probed."""

    every: int = Field(30, ge=1, description="training steps between evaluations and probes")
    batch_size: int = Field(32, ge=1, description="samples in the fixed probe batch")
    dtype: Precision = Field("float64", description="precision of the probes; float64 keeps 0.9^1000 above zero")


class Engine(Options):
    """How the numbers are computed."""

    compile: bool | Literal["auto"] = Field(
        "auto",
        description="compiled scan kernels: true, false, or auto: where a run is long enough to pay for compiling",
    )
    recompute: bool | Literal["auto"] = Field(
        "auto",
        description="compute activations again in the backward pass, instead of storing them: a third more work, "
        "memory that grows with the root of seq_len; auto: where a run's activations would take hundreds of MB",
    )


class Settings(Options):
    """Everything that determines one run."""

    experiment: SerializeAsAny[Experiment]
    cell: SerializeAsAny[Cell]
    seq_len: int = Field(
        20, ge=1, description="length T of the sequences; null: that of the experiment's data, where they have one"
    )
    weight_scale: float = Field(1.0, description="factor g on the recurrent base matrix")
    input_scale: float = Field(1.0, ge=0, description="factor on the input weights of every layer, as they start")
    seed: int = Field(0, ge=0, description="seed of all randomness of the run")
    hidden_size: int = Field(32, ge=1, description="units per layer")
    embedding_size: int | None = Field(
        None, ge=1, description="length of a vector that is learned for every token; null: tokens are one-hot vectors"
    )
    num_layers: int = Field(1, ge=1, description="stacked recurrent layers")
    block: Annotated[str, one_of(BLOCKS)] = Field(
        "plain", description="what stands around each layer: " + ", ".join(BLOCKS) + " (as in state-space models)"
    )
    dropout: float = Field(
        0.0, ge=0, lt=1, description="share of each layer's outputs that the next layer does not see"
    )
    dropout_kind: Literal["each_step", "variational"] = Field(
        "each_step", description="what is dropped: each_step anew, or the same all along a sequence (variational)"
    )
    init: Annotated[str, one_of(RECURRENT_INITS)] = Field(
        "orthogonal", description="recurrent base matrix: " + ", ".join(RECURRENT_INITS)
    )
    device: str = Field("cpu", description="cpu, cuda or cuda:N, of the machine that the run is on")
    dtype: Precision = Field("float32", description="precision of the training")
    train: Train = Train()
    eval: Evaluation = Evaluation()
    probes: dict[str, SerializeAsAny[Probe]] = Field({})
    probe: ProbeSettings = ProbeSettings()
    engine: Engine = Engine()

    @model_validator(mode="before")
    @classmethod
    def _length_of_the_data(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("seq_len") is None:
            experiment = values.get("experiment")
            if isinstance(experiment, Experiment) and (own := experiment.own_length()) is not None:
                return {**values, "seq_len": own}
        return values

    @field_validator("device")
    @classmethod
    def _known_device(cls, value: str) -> str:
        # Whether it is there is asked where the run is to be: that may be another machine.
        if not re.fullmatch(r"cpu|cuda(:\d+)?", value):
            raise ValueError("no such device; valid: cpu, cuda, cuda:N")
        return value

    @model_validator(mode="after")
    def _possible(self) -> Settings:
        if self.weight_scale < 0 and self.init != "identity":
            raise UserError(
                f"weight_scale={self.weight_scale}: a negative scale means nothing with init={self.init}, whose "
                "matrices have no sign; valid: 0 or more (any number with init=identity)"
            )
        if flaw := self.cell.flaw_of_weights(self.hidden_size, self.embedding_size or self.experiment.input_size):
            raise UserError(f"cell={self.cell.name}: {flaw}")
        if valid := self.experiment.refuses(self.seq_len):
            raise UserError(f"seq_len={self.seq_len}: not for experiment={self.experiment.name}; valid: {valid}")
        check_evaluation(self.experiment, self.eval)
        for problem in self._without_effect():
            if problem:
                raise UserError(problem)
        check_curriculum(self.experiment, self.seq_len, self.train.curriculum, self.train.shortest or 1)
        return self

    def _without_effect(self) -> Iterator[str | None]:
        train, sizes = self.train, (self.experiment.input_size, self.hidden_size)
        yield effect.of_input_scale(self.input_scale, self.cell, self.hidden_size)
        yield effect.of_embedding(self.embedding_size, self.experiment, self.seq_len)
        yield effect.of_momentum(train.momentum, train.optimizer)
        yield effect.of_warmup(train.warmup, train.steps)
        yield effect.of_drops(train.step_size, train.gamma, train.schedule, train.steps - train.warmup)
        yield effect.of_growth(train.shortest, train.growth, train.curriculum)
        yield effect.of_orthogonal_penalty(train.orthogonal_penalty, self.cell, *sizes)
        yield effect.of_gradient_penalty(train.gradient_penalty, train.k2, self.cell, *sizes)
        yield effect.of_dropout(self.dropout, self.num_layers)
        yield effect.of_truncation(train.k1, train.k2, self.seq_len)

    def flat(self) -> dict[str, Any]:
        """All settings by dotted name, as they stand in the table of runs: ``cell`` is the cell's name."""
        flat: dict[str, Any] = {}
        for key, value in self.configuration().items():
            if key == "probes":
                flat.update({f"{key}.{name}": True for name in value})
                for name, options in value.items():
                    flat.update({f"{key}.{name}.{option}": each for option, each in options.items()})
            elif isinstance(value, dict):
                # A plugin is called by its name, beside its options.
                flat.update({key if option == "name" else f"{key}.{option}": each for option, each in value.items()})
            else:
                flat[key] = value
        return flat

    def configuration(self) -> dict[str, Any]:
        """All settings as plain containers, of which `harness.settings.resolve.resolve` makes the same settings."""
        found: dict[str, Any] = {}
        for key in type(self).model_fields:
            value = getattr(self, key)
            if key == "probes":
                found[key] = {name: options.model_dump(mode="json") for name, options in value.items()}
            elif isinstance(value, Cell | Experiment):
                found[key] = {"name": value.name, **value.model_dump(mode="json")}
            else:
                found[key] = value.model_dump(mode="json") if isinstance(value, Options) else value
        return found

    @property
    def compiled(self) -> bool:
        """Whether to compile. Never depends on what is cached, or on other runs: numbers must be repeatable."""
        if isinstance(self.engine.compile, bool):
            return self.engine.compile
        # No kernel is made for a step that is no formula, and only who asks for one by hand is told so.
        first = cell_of_layer(self.block, self.cell, 1, self.embedding_size)
        planned = planned_step(first, self.experiment.input_size, self.hidden_size)
        return planned is not None and self.train.steps * self.stored >= COMPILING_PAYS

    @property
    def batch_lengths(self) -> NDArray[np.int64]:
        """The length of every training batch, (train.steps,): the same for all seeds (`harness.tasks.curriculum`)."""
        train, possible = self.train, [self.seq_len]
        if train.curriculum != "none":
            possible = possible_lengths(self.experiment, train.shortest or 1, self.seq_len)
        return batch_lengths(train.curriculum, possible, train.steps, train.growth or HALF)

    @property
    def recomputed(self) -> bool:
        """Whether to compute activations again in the backward pass."""
        return self.stored >= RECOMPUTING_PAYS if self.engine.recompute == "auto" else self.engine.recompute

    @property
    def stored(self) -> int:
        """Numbers that one training step stores for the backward pass."""
        return self.seq_len * self.train.batch_size * self.stored_per_step

    @property
    def stored_per_step(self) -> int:
        """Numbers that a step of one sample stores for the backward pass, in all layers."""
        # Layers after the first: they are alike, and the first one's inputs are no question of memory.
        return self.num_layers * stored_per_step(cell_of_layer(self.block, self.cell, 2), self.hidden_size)

    @property
    def run_id(self) -> str:
        """Short hash of everything that determines the run's numbers."""
        text = json.dumps(self.flat(), sort_keys=True)
        return short_hash(text)


SECTIONS: dict[str, type[Options]] = {"train": Train, "eval": Evaluation, "probe": ProbeSettings, "engine": Engine}
"""Settings that stand in sections of the configuration."""


def described(model: type[Options], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Pairs of dotted name and description of all settings of a model that have one."""
    for key, field in model.model_fields.items():
        if field.annotation in SECTIONS.values():
            yield from described(SECTIONS[key], f"{prefix}{key}.")
        elif field.description:
            yield prefix + key, field.description
