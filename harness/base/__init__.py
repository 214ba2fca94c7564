"""What every other room builds on: one-line errors, typed options, random streams, atomic files, what a plugin is.

In come plain values; out go errors that name key, value and what is valid. Imports no other room.
"""
