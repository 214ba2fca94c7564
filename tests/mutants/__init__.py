"""Mutation: small faults are put into the code, one at a time, and the tests run that could notice them.

``python -m tests.mutants`` (or ``make mutants``); see CONTRIBUTING.md. Cosmic Ray makes the faults; each is tried in a
fork of a process that has loaded the heavy libraries once.
"""
