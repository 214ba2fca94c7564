"""Cells that follow a differential equation, or that know what time it is."""
