"""Triton kernels are compiled for GPUs that need not be here, and fit on them."""

from __future__ import annotations

import re
import subprocess
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.cells.gated.lstm import LSTM
from harness.engine.scan.plan import Plan, plan
from harness.engine.scan.triton.kernels import ON_CHIP, kernels, warps
from harness.engine.scan.triton.stages import stage_kernels
from tests.engine.test_formulas import FORMULAS, cell_of

pytest.importorskip("triton")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["forward", "backward"])
@pytest.mark.parametrize("capability", [80, 90])
def test_an_lstm_of_64_units_is_compiled_without_spilling_registers(capability: int, name: str, tmp_path: Path) -> None:
    made = compiled(plan(LSTM(), 3, 64), name, capability)
    registers, stack = resources(made, tmp_path)
    assert 32 < registers < 256
    assert stack <= 64  # a register or two a thread, at most
    assert made.metadata.shared <= ON_CHIP


@pytest.mark.slow
@pytest.mark.parametrize("capability", [80, 90])
def test_stages_of_a_step_are_compiled_without_spilling_registers(capability: int, tmp_path: Path) -> None:
    for cell in (LSTM(), cell_of(FORMULAS["repeated and added up"])):
        made, stages = stage_kernels(plan(cell, 3, 256), torch.float32)
        for stage in stages.values():
            types = {each: "i32" if each in stage.sizes else "*fp32" for each in made[stage.name].arg_names}
            found = built(made[stage.name], types, {}, capability, stage.warps)
            registers, stack = resources(found, tmp_path)
            assert 16 <= registers < 128
            assert stack == 0
            assert found.metadata.shared <= 48 * 1024


def resources(made: Any, folder: Path) -> tuple[int, int]:
    """Registers, and bytes on the stack, of each thread of a compiled kernel."""
    cubin = folder / "kernel.cubin"
    cubin.write_bytes(made.asm["cubin"])
    tools = Path(import_module("triton").__file__ or "").parent / "backends" / "nvidia" / "bin"
    command = [tools / "cuobjdump", "--dump-resource-usage", cubin]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"REG:(\d+) STACK:(\d+)", said)
    assert found is not None
    registers, stack = map(int, found.groups())
    return registers, stack


@pytest.mark.slow
@pytest.mark.parametrize("name", ["forward", "backward"])
@pytest.mark.parametrize("formula", ["cut and joined", "repeated and added up", "decisions", "a product of one column"])
def test_what_the_interpreter_runs_is_compiled(formula: str, name: str) -> None:
    """The interpreter takes types less strictly."""
    planned = plan(cell_of(FORMULAS[formula]), 3, 4)
    for tokens in {False, planned.takes_tokens}:
        assert compiled(planned, name, 80, tokens).asm["cubin"]


def compiled(planned: Plan, name: str, capability: int, tokens: bool = False) -> Any:
    """A kernel for a GPU that need not be here."""
    kernel = kernels(planned, torch.float32).module[name]
    flags = {"TOKENS": tokens, "LENGTHS": tokens, "NEED_X": True, "NORMS": True, "TOTALS": False}
    constants = {each: flags.get(each) for each in kernel.arg_names if each in flags or each.startswith("total_")}
    constants |= {"output": None} if name == "forward" else {}
    constants |= {} if tokens else {"lengths": None}
    types = {each: "constexpr" if each in constants else _type(each) for each in kernel.arg_names}
    types |= {"x": "*i64", "lengths": "*i64"} if tokens else {}
    aligned = {
        (place,): [["tt.divisibility", 16]] for place, each in enumerate(kernel.arg_names) if types[each][0] == "*"
    }
    return built(kernel, types, constants, capability, warps(planned, torch.float32), aligned)


def built(
    kernel: Any, types: dict[str, str], constants: dict[str, Any], capability: int, warps: int, attributes: Any = None
) -> Any:
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource, compile

    source = ASTSource(fn=kernel, signature=types, constexprs=constants, attrs=attributes or {})
    options = {"num_warps": warps, "enable_fp_fusion": True}
    return compile(source, target=GPUTarget("cuda", capability, 32), options=options)


def _type(argument: str) -> str:
    if argument in ("T", "batch", "begin", "end", "span") or re.search(r"_k$|^above_[tb]$", argument):
        return "i32"
    return {"above_at": "*i64"}.get(argument, "*fp64" if argument.startswith("norm_") else "*fp32")
