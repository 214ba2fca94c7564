from harness.cells.rnn import RNN


class Feedforward(RNN):
    """No memory at all: an ordinary network that sees each input alone. The baseline of every memory task.

    h_t = tanh(x_t · W_x + b)
    """

    name = "feedforward"
    recurrent_gates = 0
    has_memory = False
