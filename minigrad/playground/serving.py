"""`serve`: the built folder on this machine, for nobody else."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from minigrad.playground.runtime import PlaygroundError

HOST = "127.0.0.1"
TYPES = {
    ".mjs": "text/javascript",
    ".js": "text/javascript",
    ".wasm": "application/wasm",
}  #: which a system may not know, or know as others


#: for the worker, to which the page's own policy does not apply: what a program asks for stays on this machine
WORKER_POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"


class Handler(SimpleHTTPRequestHandler):
    """Sends files with the types and the headers that the page needs."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | TYPES

    def end_headers(self) -> None:
        """Isolate the page, so that it may share memory with its worker: that is how a program is stopped and keeps its Python."""
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        if self.path == "/worker.js":
            self.send_header("Content-Security-Policy", WORKER_POLICY)
        is_kept = self.path.startswith("/runtime-")  # named by its version, and checked by hash when it was built
        self.send_header("Cache-Control", "max-age=31536000, immutable" if is_kept else "no-cache")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of each request."""


def server(folder: Path, port: int) -> ThreadingHTTPServer:
    """Return a server of a folder, which begins when its ``serve_forever`` is called; port 0 takes any that is free.

    Raises
    ------
    PlaygroundError
        If the port is taken.
    """
    try:
        return ThreadingHTTPServer((HOST, port), partial(Handler, directory=str(folder)))
    except OSError as error:
        raise PlaygroundError(f"port {port} cannot be used ({error.strerror}); choose another with --port") from None


def address(of: ThreadingHTTPServer) -> str:
    """Return where a server is to be found."""
    return f"http://{HOST}:{of.server_port}/"
