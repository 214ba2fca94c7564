"""The way in from Python: what the command line does, with the same settings, as functions for scripts and notebooks.

In come settings as keywords and classes of one's own (`words` makes the words of a command line of them); out come
`harness.api.results.Results`, the tables of a results directory with their figures and report.
"""
