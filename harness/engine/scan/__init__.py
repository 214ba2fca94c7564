"""The scan: one layer of K members run over time, forward, and the gradient carried back.

The carry of the backward scan is dL/ds_t, the per-step gradient that this project is about. `formula` reads a cell's
step into `nodes`, `derivative` differentiates it, `schedule` puts both into order and `plan` ties them together.
`interface` says what all ways to run that have in common, `choice` takes one of `compiled` (with `source`,
`calling`, `compiler`), `triton`, `stepwise`, `graphed`, and `general` for a step that is no formula.
"""
