"""A folder of results as a site on this machine: ``python -m harness.serve DIR [port=…]``.

In: a folder with results directories, of sweeps that are over or at work. Out: pages on 127.0.0.1, which list the
sweeps (`harness.serve.pages`), say how far each is (`harness.serve.standing`), and lead to its report and files
(`harness.serve.places`). Nothing is ever written, and nothing outside the folder is shown (`harness.serve.server`).
"""
