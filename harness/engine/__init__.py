"""The engine: K small recurrent networks of one architecture, run and differentiated at once.

In come a cell, sizes, initial weights and inputs; out go losses, the gradients of all weights, and the gradient of
every step. `network` is what others use: `forward`, and the way back. `weights` says where its numbers lie, `optimizer`
moves them, `scan` runs a layer over time in one of four ways. `blocks` says what stands around a layer, `dropout` what
the next one does not see in training, `truncation` how far errors are carried back, `threads` how many cores all that
takes; `orthogonal_penalty` and `gradient_penalty` give the gradients of what is penalised besides the loss.
"""
