"""Cells against second implementations, by family."""
