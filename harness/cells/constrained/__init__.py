"""Cells whose recurrent matrix is kept orthogonal, unitary, within singular values, or stable."""
