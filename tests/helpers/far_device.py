"""A device that is not here: it keeps its tensors to itself, and counts what crosses to it and back.

Tensors on it say that they are on torch's device "meta", and hold a tensor of the CPU that nobody gets at but by
asking, as with a GPU. Numbers are the CPU's, to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

FAR = torch.device("meta")

aten = torch.ops.aten


@dataclass
class Crossings:
    """What has crossed since `forget`.

    Attributes:
        waits: reads that the host waits for: a number, a copy, a shape that depends on values.
        late: reads that it does not wait for.
        sent: bytes of every tensor that was sent without waiting.
        sent_waiting: bytes of those for which the host waits.
    """

    waits: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    sent_waiting: list[int] = field(default_factory=list)

    def forget(self) -> None:
        for each in (self.waits, self.late, self.sent, self.sent_waiting):
            each.clear()


class Far(Tensor):
    """A tensor on the device."""

    here: Tensor

    @staticmethod
    def __new__(cls, here: Tensor) -> Far:
        made: Far = Tensor._make_wrapper_subclass(
            cls, here.size(), strides=here.stride(), storage_offset=here.storage_offset(), dtype=here.dtype, device=FAR
        )
        made.here = here
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError(f"{func} outside of `far_device`")

    def tolist(self) -> Any:
        return self.cpu().tolist()


class _Uploads(TorchFunctionMode):
    """Tensors made of lists on a device: torch makes them on the CPU and sends them, with no operation to be seen."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.tensor and kwargs.get("device") is not None:
            return torch.tensor(*args, **{**kwargs, "device": "cpu"}).to(kwargs["device"])
        if func is Tensor.new_tensor:
            return torch.tensor(*args[1:], **{"dtype": args[0].dtype, **kwargs}).to(args[0].device)
        if func in (Tensor.__getitem__, Tensor.__setitem__) and isinstance(args[0], Far):
            index = args[1] if isinstance(args[1], tuple) else (args[1],)
            there = tuple(torch.tensor(each).to(FAR) if isinstance(each, list) else each for each in index)
            args = (args[0], there, *args[2:])
        return func(*args, **kwargs)


class _Counting(TorchDispatchMode):
    """Runs on the CPU what is asked of the device, and counts what crosses."""

    def __init__(self, crossings: Crossings):
        super().__init__()
        self.crossings = crossings

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # torch would load its compiler, which takes seconds, to keep it out of here

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        far = [each for each in _leaves(args) if isinstance(each, Far)]
        wanted = None if kwargs.get("device") is None else torch.device(kwargs["device"])
        stays = bool(far) if wanted is None else wanted == FAR
        if func is aten.copy_.default:
            stays = isinstance(args[0], Far)
            self._copied(args[1], stays, non_blocking=args[2:3] == (True,) or kwargs.get("non_blocking", False))
        elif func is aten._to_copy.default:
            self._copied(args[0], stays, kwargs.get("non_blocking", False))
        elif far and func is aten._local_scalar_dense.default:
            self.crossings.waits.append("a number")
        elif far and _shape_depends_on_values(func, args):
            self.crossings.waits.append(f"the shape of {func}")
        kwargs = {**kwargs, "device": torch.device("cpu")} if wanted == FAR else kwargs
        found = func(*_mapped(_here, args), **kwargs)
        return _mapped(lambda each: _there(each, far), found) if stays else found

    def _copied(self, source: Tensor, to_far: bool, non_blocking: bool) -> None:
        if isinstance(source, Far) == to_far or (to_far and not source.ndim):
            return  # a single number goes along with what is to be done with it
        size = source.numel() * source.element_size()
        if to_far:
            (self.crossings.sent if non_blocking else self.crossings.sent_waiting).append(size)
        else:
            (self.crossings.late if non_blocking else self.crossings.waits).append(f"{size} bytes")


def _leaves(values: Any) -> list[Any]:
    """What is in lists and tuples."""
    return [leaf for each in values for leaf in _leaves(each)] if isinstance(values, list | tuple) else [values]


def _mapped(change: Callable[[Any], Any], values: Any) -> Any:
    return type(values)(_mapped(change, v) for v in values) if isinstance(values, list | tuple) else change(values)


def _here(value: Any) -> Any:
    return value.here if isinstance(value, Far) else value


def _there(found: Any, far: list[Far]) -> Any:
    """What an operation gives, on the device: the tensor that it was given, where it has changed that in place."""
    if not isinstance(found, Tensor):
        return found
    return next((each for each in far if each.here is found), Far(found))


def _shape_depends_on_values(func: Any, args: Any) -> bool:
    if func in (aten.nonzero.default, aten.masked_select.default):
        return True
    # An assignment of one number by a mask is a choice between two, and no shape depends on it.
    filled = func.__name__.startswith("index_put") and args[2].numel() == 1
    return func.__name__.startswith("index") and not filled and any(_is_mask(each) for each in _leaves(args[1]))


def _is_mask(index: Any) -> bool:
    return isinstance(index, Tensor) and index.dtype in (torch.bool, torch.uint8)


@contextmanager
def far_device() -> Iterator[Crossings]:
    """Torch's device "meta" is a device that computes, within this context."""
    crossings = Crossings()
    with _Uploads(), _Counting(crossings):
        yield crossings
