"""Gated cells: values between 0 and 1, computed at every step, decide what is kept and what is written."""
