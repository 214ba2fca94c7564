"""What steps contribute to the gradient of the weights, against autograd with a copy of the weights for every step."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from harness.base.errors import UserError
from harness.cells.base import Named
from harness.engine.weights import views
from harness.measure.backwards import back_from_answers
from harness.probes import Moment
from harness.probes.weight_gradient import WeightGradient, compared
from tests.helpers.moments import moment


def measured(given: Moment, **options: list[str]) -> pd.DataFrame:
    with torch.no_grad():
        return WeightGradient(**options).measure(given)


def by_copies(given: Moment, member: int) -> torch.Tensor:
    """Of an rnn the contributions of every step to dl/dW_h, (T, H, H), each step with a copy of W_h of its own."""
    weights = {name: value[member] for name, value in given.network.layer(1).items()}
    tokens = given.data.inputs[member]
    copies = weights["recurrent"].repeat(len(tokens), 1, 1).requires_grad_()
    h = torch.zeros(tokens.shape[1], 4, dtype=torch.float64)
    with torch.enable_grad():
        for t, own in enumerate(copies):
            h = torch.tanh(weights["input"][tokens[t]] + h @ own + weights["bias"])
        said = h @ given.network.weights["readout.weight"][member] + given.network.weights["readout.bias"][member]
        loss = torch.nn.functional.cross_entropy(said, given.data.targets[member, :, 0])
        return torch.autograd.grad(loss, copies)[0]


def test_contributions_are_those_of_a_copy_of_the_weights_for_every_step() -> None:
    given = moment("rnn", samples=5, seed=[0, 1], seq_len=9)
    found = measured(given)
    for member in (0, 1):
        parts = by_copies(given, member).numpy()
        rows = found[(found.member == member) & (found.weight == "recurrent")].set_index("lag")
        whole = parts.sum(axis=0)
        for t, part in enumerate(parts, start=1):
            row = rows.loc[9 - t]
            assert row.norm == pytest.approx(np.linalg.norm(part), rel=1e-12, abs=1e-300)
            assert row.share == pytest.approx((part * whole).sum() / (whole**2).sum(), rel=1e-10, abs=1e-14)
            if t > 1:
                cosine = (part * whole).sum() / np.linalg.norm(part) / np.linalg.norm(whole)
                assert row.cosine == pytest.approx(cosine, rel=1e-10)


@pytest.mark.parametrize(
    ("cell", "experiment", "layers", "block"),
    [("lstm", "dyck", 2, "plain"), ("gru", "write_text", 1, "plain"), ("lru", "recall_dish", 2, "residual"),
     ("cayley_rnn", "copy", 1, "plain"), ("xlstm_m", "recall_dish", 1, "plain")],
)  # fmt: skip
@torch.no_grad()
def test_contributions_add_up_to_the_gradient_of_the_parameters(
    cell: str, experiment: str, layers: int, block: str
) -> None:
    """By way of the weights in use, where a cell makes these of its parameters."""
    given = moment(cell, experiment=experiment, num_layers=layers, block=block, seed=[0, 1], samples=4)
    network, data, flat = given.network, given.data, torch.zeros_like(given.network.flat)
    network.gradients(data.inputs, data.scored, data.answer_loss, flat, start=given.start)
    truth, parameters = views(network.shape, flat), views(network.shape, network.flat)
    steps = [*back_from_answers(given)]
    assert len(steps) == int(given.answer.max())
    for layer, own in enumerate(network.cells, start=1):
        names = [name for name in parameters if name.startswith(f"layer{layer}.")]
        with torch.enable_grad():
            leaves = {name.partition(".")[2]: parameters[name].clone().requires_grad_() for name in names}
            used = {name: value for name, value in own.weights(Named(leaves)).items() if value.requires_grad}
            summed = [sum(step.grad[layer - 1][name] for step in steps) for name in used]
            found = torch.autograd.grad([*used.values()], [*leaves.values()], summed, materialize_grads=True)
        for name, value in zip(names, found, strict=True):
            if network.shape.parameters()[name].trained:
                torch.testing.assert_close(value, truth[name], rtol=1e-12, atol=1e-15)


def test_shares_add_up_to_one() -> None:
    found = measured(moment("lstm", num_layers=2, seed=[0, 1]))
    shares = found.groupby(["member", "layer", "weight"]).share.sum()
    np.testing.assert_allclose(shares, 1, rtol=1e-12)
    # The first step's state before it is zero: its use of W_h contributes nothing.
    assert (found.cosine.abs() <= 1).tolist() == (found.norm > 0).tolist()
    assert set(found.weight) == {"input", "recurrent", "bias", "all"}


def test_samples_that_are_asked_early_have_no_part_in_longer_lags() -> None:
    given = moment("rnn", experiment="dyck", samples=4)
    rows = measured(given).query("weight == 'all'")
    assert rows.lag.tolist() == [*range(int(given.answer.max()))]
    lags = [int(step.known.sum()) for step in back_from_answers(given)]
    assert lags == [int((given.answer > lag).sum()) for lag in rows.lag]


def test_only_chosen_weights_are_told_of_and_unknown_ones_refused() -> None:
    found = measured(moment("gru"), weights=["recurrent"])
    assert set(found.weight) == {"recurrent", "all"}
    with pytest.raises(
        UserError, match=r"probes\.weight_gradient\.weights: there is no w; valid: bias, input, recurrent"
    ):
        measured(moment("gru"), weights=["recurrent", "w"])


def test_without_recurrence_the_answers_own_step_contributes_everything() -> None:
    found = measured(moment("feedforward")).query("weight == 'all'").set_index("lag")
    assert found.share[0] == pytest.approx(1)
    assert (found.share[1:] == 0).all()
    assert found.cosine[1:].isna().all()


def test_sizes_beyond_the_square_root_of_what_doubles_hold_are_compared() -> None:
    norm, cosine, share = compared(np.array([[3e-200, 4e-200]]), np.array([[3e-180, -4e-180]]))
    assert (norm[0], cosine[0], share[0]) == pytest.approx((5e-200, -0.28, -0.28e-20))


def test_a_cosine_is_no_more_than_one_whatever_the_rounding() -> None:
    vectors = np.random.default_rng(0).normal(size=(1000, 7))
    _, cosine, share = compared(vectors, vectors)
    assert cosine.max() == 1
    assert compared(-vectors, vectors)[1].min() == -1
    np.testing.assert_allclose(share, 1)


@pytest.mark.parametrize("value", [torch.inf, torch.nan])
def test_of_weights_that_are_no_numbers_it_is_none(value: float) -> None:
    given = moment("gru", num_layers=2)
    given.network.flat.fill_(value)
    assert measured(given).query("weight == 'all'").share.isna().all()
