"""Tokens against the one-hot vectors that they stand for."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from harness.cells.functions import tanh
from harness.engine.network import Network
from harness.engine.scan.plan import planned_step
from harness.engine.weights import Architecture, MemberInit
from harness.plugins.registry import registry
from tests.engine.test_engine import FORMULAS, WAYS, by, make_data, make_network, measure
from tests.engine.test_formulas import cell_of
from tests.engine.test_graphed import graphed

TOKENS, STEPS, SCORED = 7, 19, [5, 19]


def tokens_and_vectors(network: Network, batch: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Tokens, the vectors that they stand for, and targets."""
    shape = (len(network.flat), STEPS, batch)
    tokens = torch.randint(TOKENS, shape, generator=torch.Generator().manual_seed(5))
    targets = make_data(network, STEPS, batch, SCORED)[1]
    return tokens, functional.one_hot(tokens, TOKENS).to(dtype), targets


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("hidden_size", [5, 40])
@pytest.mark.parametrize(("cell", "way"), WAYS)
def test_tokens_give_the_numbers_of_their_one_hot_vectors(
    cell: str, way: str, hidden_size: int, dtype: torch.dtype
) -> None:
    network = make_network(cell, 3, TOKENS, hidden_size, layers=2, way=way, dtype=dtype)
    tokens, vectors, targets = tokens_and_vectors(network, batch=18, dtype=dtype)
    one, other = (measure(network, inputs, targets, SCORED) for inputs in (tokens, vectors))
    assert torch.equal(one["loss"], other["loss"])
    assert torch.equal(one["inputs"], other["inputs"])
    for key, value in one["states"].items():
        assert torch.equal(value, other["states"][key])
    assert_same_weights(one, other, exact=way != "stepwise")


def assert_same_weights(one: dict[str, Any], other: dict[str, Any], exact: bool) -> None:
    for name, value in one["weights"].items():
        of_inputs = name.startswith("layer1.") and value.shape[1:-1] == (TOKENS,)
        if exact or not of_inputs:
            assert torch.equal(value, other["weights"][name]), name
        else:
            # The product sums in the order of the BLAS.
            bound = 100 * torch.finfo(value.dtype).eps * value.abs().max().item()
            torch.testing.assert_close(value, other["weights"][name], rtol=0, atol=bound)


@pytest.mark.parametrize("cell", FORMULAS)
def test_where_inputs_enter_products_alone_no_vectors_are_made_of_tokens(cell: str) -> None:
    planned = planned_step(registry().get("cell", cell)(), TOKENS, 5)
    assert planned is not None
    assert planned.takes_tokens


@pytest.mark.parametrize("way", ["compiled", "stepwise"])
def test_where_a_part_of_the_inputs_enters_a_product_vectors_are_made_of_tokens(way: str) -> None:
    cell = cell_of(lambda a, b, w, x, s: {"h": tanh(a + x[..., TOKENS - 5 :] @ w.h_b), "c": tanh(b)})
    inits = [MemberInit(cell, 0, "gaussian", 0.8)]
    network = by(Network.create(Architecture(cell, TOKENS, 5, 1, 3), inits, torch.float64, "cpu"), way)
    tokens, vectors, targets = tokens_and_vectors(network, batch=3, dtype=torch.float64)
    one, other = (measure(network, inputs, targets, SCORED) for inputs in (tokens, vectors))
    assert torch.equal(one["loss"], other["loss"])
    assert_same_weights(one, other, exact=True)


@pytest.mark.parametrize("cell", FORMULAS)
def test_in_graphs_too(cell: str) -> None:
    plain = make_network(cell, 2, TOKENS, hidden_size=5, way="stepwise")
    tokens, vectors, targets = tokens_and_vectors(plain, batch=3, dtype=torch.float64)
    network = graphed(plain)
    expected = measure(plain, vectors, targets, SCORED)
    for _ in range(3):
        found = measure(network, tokens, targets, SCORED)
        assert torch.equal(found["loss"], expected["loss"])
        assert_same_weights(found, expected, exact=False)


@pytest.mark.parametrize("way", ["compiled", "stepwise"])
def test_tokens_of_a_long_sequence_run_in_pieces(way: str) -> None:
    network = make_network("gru", 2, TOKENS, hidden_size=5, way=way)
    tokens, _, targets = tokens_and_vectors(network, batch=3, dtype=torch.float64)
    whole = measure(network, tokens, targets, SCORED)
    network.recompute = True
    pieces = measure(by(network, way), tokens, targets, SCORED)
    for key in ("loss", "inputs", "weights", "states"):
        torch.testing.assert_close(pieces[key], whole[key], rtol=0, atol=1e-12)


def test_a_members_numbers_with_tokens_do_not_depend_on_its_company_or_on_threads() -> None:
    network = make_network("lstm", 4, TOKENS, hidden_size=9, dtype=torch.float32)
    tokens, _, targets = tokens_and_vectors(network, batch=33, dtype=torch.float32)
    together = measure(network, tokens, targets, SCORED)
    try:
        torch.set_num_threads(3)
        apart = measure(network.only([2]), tokens[[2]], targets[[2]], SCORED)
    finally:
        torch.set_num_threads(1)
    for key in ("weights", "states"):
        for name, value in together[key].items():
            assert torch.equal(value[[2]], apart[key][name]), name


@pytest.mark.parametrize("way", ["compiled", "stepwise", "general"])
def test_what_is_no_token_is_refused(way: str) -> None:
    network = make_network("rnn", 1, TOKENS, hidden_size=4, way=way)
    tokens = torch.zeros(1, 3, 2, dtype=torch.int64)
    for wrong in (-1, TOKENS):
        tokens[0, 1, 1] = wrong
        with pytest.raises(ValueError, match=rf"tokens from .*{wrong}.*; valid: 0 to 6"):
            network.forward(tokens)
    with pytest.raises(ValueError, match=r"torch.int32; valid: torch.int64"):
        network.forward(torch.zeros(1, 3, 2, dtype=torch.int32))
