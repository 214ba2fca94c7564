"""Plugins for rnn-gradient-harness: an experiment, a cell, a probe and a figure."""
