"""The networks: many of one shape at once, run over time, with the gradient of every step for nothing.

In: a cell (its formula), initial weights by seed, inputs. Out: outputs, gradients of weights and of every state.
It knows neither tasks nor settings. `scan` holds the ways to run one layer; `docs/engine.md` says why they are so.
"""
