"""The scan: one layer of K members run over time, forward, and the gradient carried back.

The carry of the backward scan is dL/ds_t, the per-step gradient that this project is about. `interface` says what all
ways have in common, `choice` takes one of `compiled` (with `symbolic`, `source`, `compiler`), `stepwise`, `graphed` and
`general`.
"""
