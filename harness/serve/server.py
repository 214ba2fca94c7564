"""The server: who may ask, for what, and what an answer lets a browser do.

It listens on 127.0.0.1, knows GET and HEAD, and writes nothing. A page elsewhere on the web could have its own name
lead to 127.0.0.1 (DNS rebinding) and read what is served as if it were its own: so requests count only under the names
of this machine. Files come from anybody: a report's scripts run in a sandbox, as nobody's, and can ask for nothing.
"""

from __future__ import annotations

import errno
import os
import re
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from harness.base.errors import UserError
from harness.base.paths import check_is_directory
from harness.report.pages import TEMPLATES as OF_REPORTS
from harness.serve.pages import folder_page
from harness.serve.places import address, find, opened
from harness.serve.standing import Observer

HOST = "127.0.0.1"
OURS = re.compile(r"(127\.0\.0\.1|localhost)(:\d{1,5})?", re.IGNORECASE)
"""What this machine is called by its own browsers; the port may be another one, behind a tunnel."""

STATIC = Path(__file__).parent / "static"
OWN = {
    "/-/live.js": (STATIC / "live.js", "text/javascript; charset=utf-8"),
    "/-/folder.css": (STATIC / "folder.css", "text/css; charset=utf-8"),
    "/-/plain.css": (OF_REPORTS / "plain.css", "text/css; charset=utf-8"),
}
"""Files that come with the harness."""

TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
TYPES = {
    ".html": HTML, ".svg": "image/svg+xml", ".png": "image/png", ".json": "application/json",
    **dict.fromkeys([".md", ".txt", ".log", ".csv", ".yaml", ".yml"], TEXT),
}  # fmt: skip
"""What a browser shows; everything else is for it to save."""

PIECE = 1 << 18
"""Bytes of a file that are sent at once."""

ALWAYS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
NOBODY = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
PAGES = f"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; {NOBODY}"
"""What pages of folders may do: use the server's own script and style, and ask it for news."""

FILES = (
    "sandbox allow-scripts allow-popups allow-downloads; default-src 'none'; script-src 'unsafe-inline'; "
    f"style-src 'unsafe-inline'; img-src 'self' data:; font-src data:; {NOBODY}"
)
"""What files may do: a report runs the scripts in it and shows its pictures."""


class Server(ThreadingHTTPServer):
    """Serves a folder.

    Attributes:
        root: the folder, resolved.
    """

    daemon_threads = True

    def __init__(self, root: Path, port: int):
        self.root = root
        self.observer = Observer()
        super().__init__((HOST, port), Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A request that breaks off is no event."""


def serving(directory: Path, port: int) -> Server:
    """A server of a directory, which listens from now on.

    Args:
        port: 0: any that is free, see ``server_port``.

    Raises:
        UserError: there is no such directory, or the port is taken.
    """
    check_is_directory(directory, "a folder with results directories in it")
    try:
        return Server(directory.resolve(), port)
    except OSError as error:
        why = "already in use" if error.errno == errno.EADDRINUSE else error.strerror
        raise UserError(f"port={port}: {why}; valid: another one; port=0 takes any that is free") from None


class Handler(BaseHTTPRequestHandler):
    """Answers one connection's requests."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "harness", ""
    timeout = 60

    def do_GET(self) -> None:
        """Answer with a page, a file, or why not."""
        asked = self.path.partition("?")[0]
        if not asked.startswith("/"):  # a whole address, for whoever passes requests on
            self._refuse(HTTPStatus.BAD_REQUEST)
        elif not self._is_for_us():
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST)
        elif asked in OWN:
            path, kind = OWN[asked]
            self._send(path.read_bytes(), kind)
        elif (place := find(self.server.root, asked)) is None:
            self._refuse(HTTPStatus.NOT_FOUND)
        elif place.is_file():
            self._send_file(place)
        elif not asked.endswith("/"):
            self._head(HTTPStatus.FOUND, {"Location": address(self.server.root, place), "Content-Length": "0"})
        else:
            page = folder_page(self.server.root, place, self.server.observer)
            self._send(page.encode(), HTML)

    do_HEAD = do_GET

    def _is_for_us(self) -> bool:
        """Whether the request names this machine, once."""
        named = self.headers.get_all("Host") or []
        return len(named) == 1 and OURS.fullmatch(named[0]) is not None

    def _send(self, body: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK, **head: str) -> None:
        usual = {"Content-Type": kind, "Content-Length": str(len(body)), "Content-Security-Policy": PAGES}
        self._head(status, {**usual, **head})
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send_file(self, path: Path) -> None:
        handle = opened(self.server.root, path)
        if handle is None:
            self._refuse(HTTPStatus.NOT_FOUND)
            return
        with os.fdopen(handle, "rb") as file:
            size = os.fstat(handle).st_size
            kind = TYPES.get(path.suffix.lower(), "application/octet-stream")
            head = {"Content-Type": kind, "Content-Length": str(size), "Content-Security-Policy": FILES}
            if path.suffix.lower() not in TYPES:
                head["Content-Disposition"] = "attachment"
            self._head(HTTPStatus.OK, head)
            if self.command != "HEAD":
                self._copy(file, size)

    def _copy(self, file: Any, size: int) -> None:
        """Send as much of a file as was promised: it may be growing."""
        while size and (piece := file.read(min(size, PIECE))):
            self.wfile.write(piece)
            size -= len(piece)
        self.close_connection |= bool(size)

    def _refuse(self, status: HTTPStatus, **head: str) -> None:
        """Say in a line why there is no answer, and end the connection: what was sent with the request is not read."""
        self.close_connection = True
        self._send(f"{status.value} {status.phrase}\n".encode(), TEXT, status, Connection="close", **head)

    def _head(self, status: HTTPStatus, head: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**ALWAYS, **head}.items():
            self.send_header(name, value)
        self.end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """See `BaseHTTPRequestHandler.send_error`: of requests that are none, and of methods that there are not."""
        status = HTTPStatus(code)
        if status == HTTPStatus.NOT_IMPLEMENTED:
            self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, Allow="GET, HEAD")
        else:
            self._refuse(status)

    def handle(self) -> None:
        """Answer until the other side has gone."""
        with suppress(ConnectionError, TimeoutError):
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a page that looks at its news every two seconds would fill the terminal."""
