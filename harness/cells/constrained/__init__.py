"""Cells whose recurrent weights are held to a form: diagonal, antisymmetric, orthogonal, unitary, stable, …"""
