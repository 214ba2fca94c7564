"""What the loops of a step over units rely on: no unit reads what another one of the same loop has written.

Compiled kernels say so to the compiler (`INDEPENDENT`), which computes several units at once; and a sample's vectors
may lie where those of another loop lay. Numbers show a mistake here in kernels alone that were vectorised, and not at
every width.
"""

from __future__ import annotations

import pytest

from harness.cells import Cell
from harness.engine.scan.nodes import Node
from harness.engine.scan.plan import planned_step
from harness.engine.scan.schedule import Loop, Place, Program, Store
from harness.plugins.registry import Plugin
from tests.engine.test_formulas import FORMULAS, cell_of
from tests.helpers.plugins import every

Stretch = tuple[str, str, int, int]
"""Of memory: the buffer, its name, the first unit, and the one after the last."""


def stretch(place: Place, width: int) -> Stretch:
    return place.buffer, place.name, place.offset, place.offset + width


def apart(one: Stretch, two: Stretch) -> bool:
    return one[:2] != two[:2] or one[3] <= two[2] or two[3] <= one[2]


def dependences(loop: Loop, program: Program) -> list[tuple[Stretch, Stretch]]:
    """What is written and what is read or written besides by a loop, where they are neither apart nor the same."""
    written = [stretch(store.dest, loop.width) for store in loop.stores]
    inside = set(loop.nodes)
    arguments = {argument for node in loop.nodes for argument in node.args}
    arguments |= {store.node for store in loop.stores}
    read = [
        stretch(program.places[each], each.width) for each in arguments if each not in inside and each.op != "number"
    ]
    return [
        (one, two)
        for place, one in enumerate(written)
        for two in [*read, *written[place + 1 :]]
        if not apart(one, two) and (one != two or two in written[place + 1 :])
    ]


def loops_are_free(cell: Cell) -> None:
    planned = planned_step(cell, 3, 5)
    for program in [] if planned is None else [planned.forward, planned.backward]:
        loops = [loop for phase in program.phases for each in phase.passes for loop in each.loops]
        assert loops
        assert [found for loop in loops for found in dependences(loop, program)] == []


@pytest.mark.parametrize("plugin", every("cell"))
def test_no_unit_reads_what_another_one_of_its_loop_has_written(plugin: Plugin) -> None:
    loops_are_free(plugin.target())


@pytest.mark.parametrize("name", FORMULAS)
def test_nor_does_it_in_any_formula(name: str) -> None:
    loops_are_free(cell_of(FORMULAS[name]))


@pytest.mark.parametrize(
    ("reads", "writes", "free"),
    [
        (Place("act", 2), Place("act", 2), True),
        (Place("act", 2), Place("act", 3), False),
        (Place("act", 0), Place("act", 3), True),
        (Place("old", 0, "h"), Place("old", 1, "c"), True),
        (Place("act", 0), Place("scratch", 1), True),
    ],
)
def test_what_overlaps_is_found(reads: Place, writes: Place, free: bool) -> None:
    node = Node("x", 3)
    made = Node("tanh", 3, (node,))
    loop = Loop(3, [made], [Store(made, writes)])
    program = Program([], [], {}, {node: reads}, 0, 0)
    assert (dependences(loop, program) == []) == free
