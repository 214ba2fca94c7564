"""What the column ``reason`` of the table of runs says of runs that diverged while their loss was finite."""

OVERFLOWED = "the gradient overflowed float32 on the way back, while the loss was finite; dtype=float64 holds it"
"""Of a run in single precision whose same gradient is finite in double precision."""

NOT_FINITE = "the gradient was not finite on the way back, while the loss was; dtype=float64 does not hold it"
"""Of a run in double precision, or whose gradient is not finite there either."""
