"""Cells that show what remains when something is taken away: memory, or training."""
