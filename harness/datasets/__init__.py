"""Files of the user's own, read as arrays and checked before anything runs.

In comes a path: an npz or parquet or csv file, a folder of npy files or of MNIST's, a text, MIDI files. Out come arrays
that fit together (`harness.datasets.rows.Rows`), in a part to train on and one to evaluate on, or one line that says
what is wrong with the file and what would be valid. Nothing is ever unpickled. How much of the answers can be known
without memory is measured (`harness.datasets.memoryless`), since nobody can derive it.
"""

from harness.datasets.midi import OwnMelodies, own_melodies
from harness.datasets.own_data import Order, OwnData, Task, own_data
from harness.datasets.own_file import OwnFile, Unreadable, about
from harness.datasets.parts import parts
from harness.datasets.reading import arrays_of
from harness.datasets.rows import Rows, checked
from harness.datasets.text import text_of

__all__ = [
    "Order", "OwnData", "OwnFile", "OwnMelodies", "Rows", "Task", "Unreadable", "about", "arrays_of", "checked",
    "own_data", "own_melodies", "parts", "text_of",
]  # fmt: skip
