"""Oscillators: cells that are a discretised mechanical system, with a position and a velocity per unit."""
