"""Recurrences that are linear in their state: a factor per unit, from the input or fixed, and no H×H weights."""
