from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.matrix._memory import MatrixCell, spread

if TYPE_CHECKING:
    from torch import Tensor


class RetNet(MatrixCell):
    """Retention, the recurrence of RetNet in its diagonal form: what a key holds decays and turns, by fixed amounts.

        q, k, v = x_t · W_q / √(2 key_size), x_t · W_k, x_t · W_v       q and k complex, ``key_size`` pairs
        S_t = γ exp(iθ) * S_{t-1} + k̄ᵀ v                of each head: the parts ``re`` and ``im``
        y_t = Re(q S_t)                                 what the next layer sees

    γ is 1 - 2^(-5-n) for the head n, θ of a head's pairs 10000^(-j/key_size), j = 0, 1, …; neither is learned. There
    are no recurrent weights, so `init` and `weight_scale` have nothing to act on.

    Source: Sun, Dong, Huang et al., "Retentive network: a successor to transformer for large language models",
    arXiv:2307.08621, 2023, section 2. Queries and keys are turned by nθ there, here the state is, by θ
    at each step: the same. Differences from the authors' code: its last angle is 1/10000 itself, and it divides outputs
    by numbers that the normalisation behind it cancels. Normalisation and gate are not the cell's.
    """

    name = "retnet"
    parts = ("re", "im")
    memory = "re"

    def widths(self, hidden_size: int) -> dict[str, int]:
        return dict.fromkeys(self.parts, self.key_size * hidden_size)

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        keys = self.heads * self.key_size
        return self.dense(input_size, hidden_size, q_re=keys, q_im=keys, k_re=keys, k_im=keys, x_v=hidden_size)

    def weights(self, p: Weights) -> dict[str, Tensor]:
        """With γ exp(iθ) for all units, and q divided."""
        import torch

        like, scale = p.x_v, (2 * self.key_size) ** -0.5
        pair, head = (torch.arange(each, dtype=like.dtype, device=like.device) for each in (self.key_size, self.heads))
        decay, angle = 1 - 2.0 ** (-5 - head[:, None]), 10000 ** (-pair / self.key_size)
        turned = {"a_re": decay * angle.cos(), "a_im": decay * angle.sin()}
        wide = {
            name: spread(each.flatten(), self.key_size * like.shape[-1]).expand(len(like), -1)
            for name, each in turned.items()
        }
        return {**p, "q_re": p.q_re * scale, "q_im": p.q_im * scale, **wide}

    def recurrence(self, w: Weights, hidden_size: int) -> list[Tensor]:
        """Its factors."""
        import torch

        return [torch.complex(w.a_re, w.a_im)]

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        v = x @ w.x_v
        return {
            "re": w.a_re * s.re - w.a_im * s.im + self.outer(x @ w.k_re, v),
            "im": w.a_re * s.im + w.a_im * s.re - self.outer(x @ w.k_im, v),
        }

    def output(self, w: Weights, x: Tensor, s: State) -> Tensor:
        width = s.re.shape[-1]
        return self.summed(spread(x @ w.q_re, width) * s.re - spread(x @ w.q_im, width) * s.im)
