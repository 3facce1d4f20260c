"""Folders served over HTTP, as the authors' repository serves the mosaics."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HALF_BYTES = 2**16


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files and writes nothing to the terminal."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Write nothing."""


class CutOffHandler(QuietHandler):
    """Announces more bytes than it sends."""

    def do_GET(self) -> None:
        """Send ten bytes."""
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        self.wfile.write(b"too little")


class SlowHandler(QuietHandler):
    """Sends the first bytes, and the next when it is told to go on."""

    go_on = threading.Event()

    def do_GET(self) -> None:
        """Send half of the bytes, wait, and send the rest."""
        self.send_response(200)
        self.send_header("Content-Length", str(2 * HALF_BYTES))
        self.end_headers()
        self.wfile.write(bytes(HALF_BYTES))
        self.go_on.wait(timeout=60)
        try:
            self.wfile.write(bytes(HALF_BYTES))
        except OSError:
            # Nobody listens any more.
            return


@contextmanager
def serving(folder: Path, handler: type[QuietHandler] = QuietHandler) -> Iterator[str]:
    """Serve a folder as long as the block runs, and give its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
