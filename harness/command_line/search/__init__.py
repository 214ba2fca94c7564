"""Searching with Optuna: what is searched (`space`), where it is kept (`study`), and the sweeper that asks and tells.

Optuna is imported only where a search is wanted: it is an extra.
"""
