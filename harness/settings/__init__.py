"""What determines a run: its settings, typed and validated, and which of them may differ within a pack.

In: a configuration as plain containers. Out: `Settings` with plugins in place of names, or one line that says what is
wrong and what would be valid.
"""
