"""Cells whose state is a matrix, of keys by values, that each step writes an outer product to; and their kin."""
