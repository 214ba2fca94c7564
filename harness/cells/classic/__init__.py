"""Recurrent networks without gates: the state is replaced, in full or in part, by a function of itself."""
