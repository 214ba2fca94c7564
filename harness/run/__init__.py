"""A pack of runs from start to end: build, train, measure, write down.

In: the settings of its members. Out: their tables as DataFrames. A checkpoint makes it go on where it was interrupted.
"""
