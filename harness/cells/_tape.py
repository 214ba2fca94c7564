"""Writes down what a module does while it runs: torch's operations on its parameters and on what it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from harness.cells._operations import MATRICES, OPERATIONS

WORDS = {"_local_scalar_dense": "decides by a value, or takes one out of its tensor"}
"""What a module does that calls an operation, where its name does not say so."""

TURNED = ("t", "transpose", "permute")
"""What only turns a matrix: its name stays."""


class Unreadable(Exception):
    """The module does something that is no equation of the supported operations; says what."""


@dataclass(frozen=True)
class Value:
    """Stands for a tensor that was written down."""

    place: int


@dataclass(frozen=True)
class InUse:
    """Stands for a weight in use."""

    name: str


@dataclass(frozen=True)
class Operation:
    """One of torch's operations, with what stands for its tensors, and the places of its results."""

    function: Any
    args: Any
    options: Any
    made: tuple[int, ...]

    @property
    def name(self) -> str:
        """As in ``torch.<name>``."""
        return name_of(self.function)


class Tape(TorchDispatchMode):
    """A context that writes down the operations that read parameters or samples; what reads neither is a constant.

    Args:
        samples: tensors of a row for each sample.

    Attributes:
        kept: all tensors that were written down: while they live, their identity is theirs alone.
        places: by a tensor's identity the place of its latest value.
        given: the places of the samples.
        before, step: the operations that read parameters alone, and the others.
        used: by name what ``step`` reads of parameters and constants, the weights in use: the value, which may itself
            be a constant, and its units; None of a matrix.
    """

    def __init__(self, parameters: Mapping[str, Tensor], samples: Sequence[Tensor]):
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept = [*parameters.values(), *samples]
        self.places = {id(value): place for place, value in enumerate(self.kept)}
        self.given = list(range(len(parameters), len(self.kept)))
        self.before: list[Operation] = []
        self.step: list[Operation] = []
        self.used: dict[str, tuple[Any, int | None]] = {}
        self._names = dict(enumerate(parameters))
        self._of_samples = set(self.given)
        self._batch = len(samples[0])

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # which would load torch's compiler, for seconds

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = kwargs or {}
        read = [self.places[id(each)] for each in _leaves([args, *options.values()]) if id(each) in self.places]
        of_samples, name = any(place in self._of_samples for place in read), name_of(function)
        if of_samples:
            stands = self._in_step(name, args, options)
        elif read:
            stands = mapped(self._noted, args), mapped(self._noted, options)
        made = function(*args, **options)
        if read:
            results = several(made)
            if not all(isinstance(each, Tensor) for each in results):
                raise Unreadable(WORDS.get(name, f"torch.{name}"))
            places = tuple(self._new_place(each, name, read, of_samples) for each in results)
            (self.step if of_samples else self.before).append(Operation(function, *stands, places))
        return made

    def results(self, made: Sequence[Tensor]) -> list[int]:
        """The places of what the module has returned."""
        found = [self.places.get(id(each), -1) for each in made]
        if not self._of_samples.issuperset(found):
            raise Unreadable("a part of its new state depends on nothing that it is given")
        return found

    def _new_place(self, value: Tensor, name: str, read: Sequence[int], of_samples: bool) -> int:
        place = len(self.kept)
        self.kept.append(value)
        self.places[id(value)] = place
        if not of_samples:
            self._names[place] = self._names[read[0]] if name in TURNED else name
        elif value.ndim == 2 and len(value) == self._batch:
            self._of_samples.add(place)
        else:
            raise Unreadable(f"torch.{name} gives a tensor of {value.ndim} dimensions, or across samples")
        return place

    def _noted(self, each: Any) -> Any:
        if isinstance(each, Tensor):
            return Value(self.places[id(each)]) if id(each) in self.places else each.clone()
        return each

    def _in_step(self, name: str, args: Any, options: Any) -> tuple[Any, Any]:
        """What stands for the arguments of an operation of a step."""
        if name not in OPERATIONS:
            raise Unreadable(WORDS.get(name, f"torch.{name} is none of the operations of formulas"))

        def noted(each: Any, as_matrix: bool = False) -> Any:
            if not isinstance(each, Tensor):
                return each
            place = self.places.get(id(each))
            if place not in self._of_samples:
                return self._in_use(each, place, as_matrix)
            if as_matrix:
                raise Unreadable("multiplies samples by samples")
            return Value(place)

        matrix = MATRICES.get(name, len(args))
        stands = mapped(noted, args[:matrix]) + [noted(each, as_matrix=True) for each in args[matrix:]]
        return stands, mapped(noted, options)

    def _in_use(self, each: Tensor, place: int | None, as_matrix: bool) -> InUse:
        value = each.clone() if place is None else Value(place)
        units = each.shape[-1] if each.ndim else 1
        if not as_matrix and each.numel() not in (units, self._batch * units):
            raise Unreadable(f"a weight of {each.ndim} dimensions, unit by unit")
        entry = value, None if as_matrix else units
        for name, other in self.used.items():
            if place is not None and other == entry:
                return InUse(name)
        name = "constant" if place is None else self._names[place]
        name = name if name not in self.used else f"{name}_{len(self.used)}"
        self.used[name] = entry
        return InUse(name)


def name_of(function: Any) -> str:
    """As in ``torch.<name>``; an operation that works in place is called as the one that does not."""
    name: str = function.overloadpacket.__name__
    name = name.removesuffix("_") if function._schema.is_mutable else name
    return name if function.namespace == "aten" else f"ops.{function.namespace}.{name}"


def several(made: Any) -> Sequence[Any]:
    """An operation's results."""
    return made if isinstance(made, (tuple, list)) else (made,)


def mapped(function: Callable[[Any], Any], given: Any) -> Any:
    """What a function makes of all that is in a structure of lists and dictionaries."""
    if isinstance(given, (tuple, list)):
        return [mapped(function, each) for each in given]
    if isinstance(given, dict):
        return {name: mapped(function, each) for name, each in given.items()}
    return function(given)


def _leaves(given: Any) -> Iterator[Any]:
    for each in given:
        if isinstance(each, (tuple, list)):
            yield from _leaves(each)
        else:
            yield each
