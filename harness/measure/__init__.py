"""What is measured of a network: gradients by time step, what a profile says, accuracy, what it writes by itself.

In: a network and a batch. Out: numbers per member, step and sample. Nothing here trains or writes files.
"""
