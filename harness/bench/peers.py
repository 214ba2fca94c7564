"""The ways to train K small recurrent networks that are compared, each written as its users would write it.

All start from the same weights and see the same batch; a step is forward, loss, backward and Adam. Those that can
give per-step gradients return their norms, so that what is compared can be seen to be the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.bench.compiling import seconds_to_compile
from harness.bench.memory import peak_bytes, peak_on_gpu
from harness.bench.plain import plain_cells, run
from harness.bench.task import LR, Step, Task, cross_entropy, make_task
from harness.bench.ways import First, Problem
from harness.engine.network import Network
from harness.engine.optimizer import MemberOptimizer
from harness.engine.scan.plan import stored_per_step
from harness.engine.threads import torch_on_one_thread


def ours(task: Task, probing: bool) -> Step:
    """The harness: all members packed."""
    network = task.network.to(task.network.flat.dtype)
    members, steps, batch, _ = task.inputs.shape
    optimizer = MemberOptimizer(network.flat, "adam", [LR] * members, [None] * members)
    everyone = torch.ones(members, dtype=torch.bool, device=network.flat.device)
    keep = network.step_gradients(task.inputs) if probing else None

    @torch_on_one_thread()
    @torch.no_grad()
    def step() -> tuple[Any, Any]:
        loss, _ = network.gradients(
            task.inputs, [steps], lambda outputs: cross_entropy(outputs, task.targets), optimizer.grad, keep
        )
        optimizer.grad /= batch
        optimizer.step(everyone)
        return loss.mean(1), None if keep is None else keep[1].norms[task.network.shape.cell.parts[0]]

    return step


TORCH_BLOCKS = {"rnn": [0], "lstm": [0, 1, 3, 2], "gru": [1, 2, 0]}
"""For each block of torch's input weights (lstm i f g o, gru r z n) the place of its block among ours."""


def torch_weights(network: Network, member: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """``weight_ih, weight_hh, bias_ih, bias_hh`` of torch's layout for the first layer of one member of ours."""
    name, size, weights = network.shape.cell.name, network.shape.hidden_size, network.layer(1)
    # A gru's recurrent blocks are ours from the second on: r, z and the candidate's own, in torch's order.
    recurrent_order = [0, 1, 2] if name == "gru" else TORCH_BLOCKS[name]

    def rows(columns: Tensor, order: list[int]) -> Tensor:
        blocks = columns.split(size, dim=-1)
        return torch.cat([blocks[place].mT if columns.dim() == 2 else blocks[place] for place in order])

    bias_ih = rows(weights["bias"][member], TORCH_BLOCKS[name])
    bias_hh = torch.zeros_like(bias_ih)
    if name == "gru":
        bias_hh[2 * size :] = weights["bias"][member, 3 * size :]
    return (
        rows(weights["input"][member], TORCH_BLOCKS[name]),
        rows(weights["recurrent"][member], recurrent_order),
        bias_ih,
        bias_hh,
    )


def _readout(network: Network, member: int) -> nn.Linear:
    size = network.shape.cell.output_size(network.shape.hidden_size)
    made = nn.Linear(size, network.shape.output_size, device=network.flat.device)
    with torch.no_grad():
        made.weight.copy_(network.weights["readout.weight"][member].T)
        made.bias.copy_(network.weights["readout.bias"][member])
    return made


def _modules(task: Task, kinds: dict[str, Any], suffix: str) -> list[Any]:
    network = task.network
    made = []
    for member in range(len(network.flat)):
        sizes = network.shape.input_size, network.shape.hidden_size
        module = kinds[network.shape.cell.name](*sizes, device=network.flat.device)
        with torch.no_grad():
            for name, value in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), torch_weights(network, member),
                                   strict=True):  # fmt: skip
                getattr(module, name + suffix).copy_(value)
        made.append(module)
    return made


def _torch_step(
    task: Task, modules: Sequence[nn.Module], forward: Callable[[int, nn.Linear], tuple[Tensor, list[Tensor]]]
) -> Step:
    """Members one after another; ``forward`` gives a member's outputs and the states whose gradients it retains."""
    readouts = [_readout(task.network, member) for member in range(len(modules))]
    parameters = [each for module in (*modules, *readouts) for each in module.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=LR, foreach=True)

    def step() -> tuple[Any, Any]:
        optimizer.zero_grad(set_to_none=True)
        losses, norms = [], []
        for member, readout in enumerate(readouts):
            outputs, states = forward(member, readout)
            loss = functional.cross_entropy(outputs, task.targets[member])
            loss.backward()
            losses.append(loss.detach())
            if states:
                # The mean over the batch divides each sample's own gradient by the batch size.
                # What a later step does not read has no gradient.
                found = [torch.zeros_like(state) if state.grad is None else state.grad for state in states]
                norms.append(len(outputs) * torch.stack(found).norm(dim=-1))
        optimizer.step()
        return torch.stack(losses), torch.stack(norms) if norms else None

    return step


def cell_loop(task: Task) -> Step:
    """A loop with ``retain_grad`` on every state: what people write today, over a cell of ``torch.nn`` or their own."""
    if task.network.shape.cell.name not in TORCH_BLOCKS:
        own = plain_cells(task)

        def plain(member: int, readout: nn.Linear) -> tuple[Tensor, list[Tensor]]:
            seen, states = run(own[member], task.inputs[member])
            return readout(seen), states

        return _torch_step(task, own, plain)
    kinds = {"rnn": nn.RNNCell, "gru": nn.GRUCell, "lstm": nn.LSTMCell}
    cells = _modules(task, kinds, "")
    size, lstm = task.network.shape.hidden_size, task.network.shape.cell.name == "lstm"

    def forward(member: int, readout: nn.Linear) -> tuple[Tensor, list[Tensor]]:
        inputs = task.inputs[member]
        h = c = inputs.new_zeros(inputs.shape[1], size)
        states = []
        for x in inputs.unbind():
            if lstm:
                h, c = cells[member](x, (h, c))
                c.retain_grad()
            else:
                h = cells[member](x, h)
            h.retain_grad()
            states.append(h)
        return readout(h), states

    return _torch_step(task, cells, forward)


def fused(task: Task) -> Step:
    """The fused ``torch.nn.RNN/GRU/LSTM``, which cannot give per-step gradients."""
    modules = _modules(task, {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}, "_l0")

    def forward(member: int, readout: nn.Linear) -> tuple[Tensor, list[Tensor]]:
        return readout(modules[member](task.inputs[member])[0][-1]), []

    return _torch_step(task, modules, forward)


def floor(task: Task) -> Step:
    """The batched matmuls of a step and nothing else: what no way of this kind can go below."""
    network, inputs = task.network, task.inputs
    members, steps, batch, features = inputs.shape
    size, weights = network.shape.hidden_size, network.layer(1)
    w_x, w_h = weights["input"].contiguous(), weights["recurrent"].contiguous()
    x = inputs.reshape(members, steps * batch, features)
    wide_x, wide_h = (torch.randn(members, steps * batch, w.shape[-1]) for w in (w_x, w_h))
    h_all = torch.randn(members, steps * batch, size)
    h, delta = torch.randn(members, batch, size), torch.randn(members, batch, w_h.shape[-1])
    out_h, out_delta = torch.empty_like(h), torch.empty_like(delta)
    grad_x, grad_h, w_back = torch.empty_like(w_x), torch.empty_like(w_h), w_h.mT.contiguous()

    @torch.no_grad()
    def step() -> tuple[Any, Any]:
        torch.bmm(x, w_x, out=wide_x)
        for _ in range(steps):
            torch.bmm(h, w_h, out=out_delta)
        for _ in range(steps):
            torch.bmm(delta, w_back, out=out_h)
        torch.bmm(h_all.mT, wide_h, out=grad_h)
        torch.bmm(x.mT, wide_x, out=grad_x)
        return None, None

    return step


def jax_scan(task: Task) -> Step:
    """JAX, which need not be there."""
    from harness.bench.jax_scan import jax_scan

    return jax_scan(task)


BUILD: dict[str, Callable[[Task], Step]] = {
    "a": lambda task: ours(task, probing=True),
    "b": lambda task: ours(task, probing=False),
    "c": cell_loop,
    "d": fused,
    "e": jax_scan,
    "f": floor,
}
"""The code of every way in `harness.bench.ways.WAYS`."""


LONG = 0.5
"""Seconds from which on a step is itself what fills the caches."""


class Worker:
    """A way in the process that is its own.

    Args:
        way: its letter.
        threads: that torch may use; JAX goes by the cores that the process may use.

    Attributes:
        long: whether steps need no other step before them.
    """

    def __init__(self, way: str, threads: int, device: str):
        self.way = way
        self.device = device
        self.long = False
        torch.set_num_threads(threads)
        # What is compared computes the same: cuDNN would round the factors of its products to 10 bits.
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False

    def first(self, problem: Problem, own: Sequence[int]) -> First:
        """Build the way for some members of a problem and take its first step."""
        self._step: Step | None = None  # what the problem before needs is freed first
        self._step = BUILD[self.way](make_task(problem, own, self.device))
        begin = time.perf_counter()
        found = self._step()
        self.long = time.perf_counter() - begin > LONG
        return First(*(None if each is None else each.detach().double().cpu().numpy() for each in found))

    def step(self) -> None:
        """Take a step, to its end."""
        assert self._step is not None
        self._step()
        if self.device != "cpu":
            torch.cuda.synchronize()

    def compile(self, problem: Problem) -> float | None:
        """Seconds that the cell's kernel takes to make."""
        return seconds_to_compile(problem)

    def memory(self, problem: Problem) -> tuple[int, int]:
        """Bytes that torch takes in some steps above what it held before, and what the activations need.

        On a GPU the second step is captured as a graph, where there are graphs, and the third replays it.
        """
        task = make_task(problem, device=self.device)
        members, steps, batch, _ = task.inputs.shape
        stored = members * steps * batch * stored_per_step(task.network.shape.cell, task.network.shape.hidden_size)
        step, needed = BUILD[self.way](task), stored * task.inputs.element_size()
        if self.device == "cpu":
            return peak_bytes(step), needed
        return peak_on_gpu(lambda: [step() for _ in range(3)], self.device), needed
