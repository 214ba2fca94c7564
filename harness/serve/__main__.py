"""``python -m harness.serve DIR [port=…]``: a folder of results as a site on 127.0.0.1, with the progress of sweeps."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.base.errors import UserError
from harness.serve.server import HOST, Server, serving

PORT = "port="
DEFAULT_PORT = 8421
MOST = 65535


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m harness.serve``: serve until Ctrl-C; the first line printed is the address."""
    parser = argparse.ArgumentParser(
        prog="python -m harness.serve",
        description="Show a folder of results in a browser, on this machine alone; Ctrl-C ends it.",
    )
    parser.add_argument(
        "words",
        nargs="+",
        metavar="DIR",
        help="a folder with results directories in it, or one; port=NUMBER says where it is served "
        f"({DEFAULT_PORT}; 0: any port that is free)",
    )
    words = parser.parse_args(arguments).words
    try:
        directories = [word for word in words if not word.startswith(PORT)]
        if len(directories) != 1:
            raise UserError(f"{len(directories)} directories; valid: one, such as results")
        server = serving(Path(directories[0]), _port([word for word in words if word.startswith(PORT)]))
    except UserError as error:
        print(f"harness.serve: {error}", file=sys.stderr)
        return 1
    _until_interrupted(server)
    return 0


def _until_interrupted(server: Server) -> None:
    with server:
        try:
            print(f"http://{HOST}:{server.server_port}/ shows {server.root}; Ctrl-C ends it", flush=True)
            server.serve_forever()
        except KeyboardInterrupt:
            print(file=sys.stderr)  # behind the terminal's ^C


def _port(words: Sequence[str]) -> int:
    text = words[-1].removeprefix(PORT) if words else str(DEFAULT_PORT)
    if not text.isdecimal() or int(text) > MOST:
        raise UserError(f"port={text}: valid: a number up to {MOST}; 0 takes any port that is free")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
