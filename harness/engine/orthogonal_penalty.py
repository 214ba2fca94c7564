"""The penalty that draws recurrent matrices towards orthogonal ones: the setting `train.orthogonal_penalty`.

    R = Σ ‖WᴴW - I‖²      over the matrices W by which a step multiplies the state (`Cell.recurrence`), in all layers

in the Frobenius norm; of a diagonal matrix Σ (|d|² - 1)². Its gradient is 4 W (WᴴW - I). R is 0 where every singular
value is 1: such a matrix passes a gradient on without making it longer or shorter.

Source: Vorontsov, Trabelsi, Kadoury, Pal, "On orthogonality and learning recurrent networks with long term
dependencies", ICML 2017: the soft constraint that they compare with bounds on singular values.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.cells.base import Cell, Named, Weights
from harness.engine.network import Network


def orthogonal_gradient(network: Network) -> Tensor:
    """The gradient of R of every member, (K, P); 0 for all that is no recurrent matrix."""
    shape, found = network.shape, []
    for layer in range(1, shape.num_layers + 1):
        leaves: Weights = Named({name: each.detach().requires_grad_() for name, each in network.layer(layer).items()})
        with torch.enable_grad():
            matrices = shape.cell.recurrence(leaves, shape.hidden_size)
        given = [_gradient(network, each.detach()) for each in matrices]
        grads = torch.autograd.grad(matrices, list(leaves.values()), given, materialize_grads=True)
        found.append(Named(zip(leaves, grads, strict=True)))
    return network.to_parameters(found)


def _gradient(network: Network, matrix: Tensor) -> Tensor:
    """dR/dW of matrices (K, n, n), or diagonals of such (K, n)."""
    if matrix.ndim == 2:
        return 4 * matrix * ((matrix * matrix.conj()).real - 1)
    # The network's own products round the same alone and packed.
    product = torch.bmm if matrix.is_complex() else network.scanners[0].product
    excess = product(matrix.mH, matrix) - torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    return 4 * product(matrix, excess)


def has_recurrent_matrices(cell: Cell, input_size: int, hidden_size: int) -> bool:
    """Whether a cell has matrices for R that are trained."""
    parameters = cell.parameters(input_size, hidden_size)
    with torch.enable_grad():
        like = Named({name: torch.ones(1, *p.shape, requires_grad=p.trained) for name, p in parameters.items()})
        made = Named(cell.weights(like))
        return any(matrix.requires_grad for matrix in cell.recurrence(made, hidden_size))
