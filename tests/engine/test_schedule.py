"""Products that are joined, and sums that are added up where they lie: the same numbers, in as few products."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from harness.engine.scan.nodes import Block, Node, binary, product
from harness.engine.scan.schedule import Place, Product, Scheduler, Store, merged

SIZES = {"old": 12, "x": 12, "scratch": 24, "carry": 12}
W = np.random.default_rng(0).normal(size=(12, 12))


def after(products: list[Product]) -> dict[str, np.ndarray]:
    """What lies in the buffers after these products."""
    rng = np.random.default_rng(1)
    there = {buffer: rng.normal(size=size) for buffer, size in SIZES.items()}
    for each in products:
        block = each.block
        rows, columns = (block.columns, block.rows) if block.transposed else (block.rows, block.columns)
        factor = W[block.row : block.row + rows, block.column : block.column + columns]
        factor = factor.T if block.transposed else factor
        left = there[each.left.buffer][each.left.offset : each.left.offset + block.rows]
        dest = slice(each.dest.offset, each.dest.offset + block.columns)
        there[each.dest.buffer][dest] = left @ factor + (there[each.dest.buffer][dest] if each.add else 0)
    return there


def pair(left: int, dest: int, row: int, column: int, add: bool) -> list[Product]:
    """h · W, and a second product."""
    one = Product(Place("old"), Block("w", 0, 0, 4, 3), Place("scratch"), add=False)
    return [one, Product(Place("old", left), Block("w", row, column, 4, 3), Place("scratch", dest), add=add)]


beside = partial(pair, left=0, dest=3, row=0, column=3, add=False)
"""The second product's factor stands to the right of the first one's."""

below = partial(pair, left=4, dest=0, row=4, column=0, add=True)
"""The second product's factor stands below the first one's."""


def back(products: list[Product]) -> list[Product]:
    """The same with the factors transposed: rows are columns of the weight."""
    return [
        Product(each.left, Block("w", b.column, b.row, b.rows, b.columns, transposed=True), each.dest, each.add)
        for each in products
        for b in [each.block]
    ]


@pytest.mark.parametrize("turn", [list, back])
@pytest.mark.parametrize(
    ("products", "left"),
    [
        (beside(), 1),
        (beside()[::-1], 1),
        (beside(dest=4), 2),  # elsewhere in memory
        (beside(column=4), 2),  # a column between them
        (beside(row=1), 2),  # other rows
        (beside(left=1), 2),  # of another vector
        (beside(add=True), 2),
        (below(), 1),
        (below(left=5), 2),  # an entry between them
        (below(row=5), 2),  # a row between them
        (below(column=1), 2),  # other columns
        (below(dest=3), 2),  # another sum
        (below(add=False, dest=3), 2),
        ([*beside(), Product(Place("old"), Block("w", 0, 6, 4, 2), Place("scratch", 6), add=False)], 1),
        ([*below(), *(Product(e.left, Block("w", e.block.row, 3, 4, 3), Place("scratch", 3), e.add) for e in below())],
         1),
    ],
)  # fmt: skip
def test_products_are_joined_where_they_stand_side_by_side_and_nowhere_else(
    products: list[Product], left: int, turn: type[list[Product]]
) -> None:
    joined = merged(turn(products))
    assert len(joined) == left
    for buffer, values in after(turn(products)).items():
        np.testing.assert_allclose(after(joined)[buffer], values, rtol=1e-12, err_msg=buffer)


def test_what_begins_a_sum_comes_before_what_is_added_to_it() -> None:
    added = Product(Place("x"), Block("w", 0, 0, 3, 3), Place("scratch"), add=True)
    begun = Product(Place("old"), Block("v", 0, 0, 3, 3), Place("scratch"), add=False)
    assert merged([added, begun]) == [begun, added]


H, X = Node("state", 4, name="h"), Node("x", 4)
CARRY = Place("carry")


def test_a_product_is_added_to_the_rest_of_its_sum_where_that_lies() -> None:
    """h · W + x², of which nobody else reads anything: no room besides."""
    made = product(H, Block("w", 0, 0, 4, 4))
    rest = binary("*", X, X)
    program = Scheduler({}, {}).program([Store(binary("+", made, rest), CARRY)])
    assert (program.scratch, program.own) == (0, 0)
    (loop,) = (loop for phase in program.phases for each in phase.passes for loop in each.loops)
    assert [(store.node, store.dest) for store in loop.stores] == [(rest, CARRY)]
    (found,) = (each for phase in program.phases for each in phase.products)
    assert (found.dest, found.add) == (CARRY, True)
    at = [number for number, phase in enumerate(program.phases) if phase.products or phase.passes]
    assert [bool(program.phases[number].passes) for number in at] == [True, False]  # the rest first


def test_a_product_alone_is_computed_where_it_is_asked_for() -> None:
    program = Scheduler({}, {}).program([Store(product(H, Block("w", 0, 0, 4, 4)), CARRY)])
    assert (program.scratch, program.own) == (0, 0)
    assert [(each.dest, each.add) for phase in program.phases for each in phase.products] == [(CARRY, False)]


def test_what_stays_in_its_loop_is_stored_nowhere() -> None:
    made = binary("*", binary("+", X, H), X)
    program = Scheduler({}, {}).program([Store(made, Place("new"))])
    assert (program.scratch, program.own) == (0, 0)
    (loop,) = (loop for phase in program.phases for each in phase.passes for loop in each.loops)
    assert [(store.node, store.dest) for store in loop.stores] == [(made, Place("new"))]
    assert loop.nodes == [made.args[0], made]


@pytest.mark.parametrize("which", ["the sum", "the product", "the place", "two products"])
def test_a_sum_that_others_read_too_or_that_lies_elsewhere_has_room_of_its_own(which: str) -> None:
    made = product(H, Block("w", 0, 0, 4, 4))
    whole = binary("+", made, X)
    stores = {
        "the sum": [Store(whole, CARRY), Store(binary("*", whole, X), Place("grad_x"))],
        "the product": [Store(whole, CARRY), Store(binary("*", made, X), Place("grad_x"))],
        "the place": [Store(whole, Place("new"))],
        "two products": [Store(binary("+", whole, product(X, Block("v", 0, 0, 4, 4))), CARRY)],
    }[which]
    program = Scheduler({}, {}).program(stores)
    assert program.scratch == (8 if which == "two products" else 4)
    assert {each.dest.buffer for phase in program.phases for each in phase.products} == {"scratch"}
