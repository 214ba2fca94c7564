"""The scan as Triton kernels for NVIDIA's GPUs: made on the fly from what a cell's programs are asked for.

`source` writes them (`kernel.py.j2`, with the nodes as `tiles`, and `functions` that all kernels share), `kernels` says
whether a GPU can take them and calls them, `scanner` is the way to run a layer that `choice` takes.
"""
