"""The scan as Triton kernels for NVIDIA's GPUs: made on the fly from what a cell's programs are asked for."""
