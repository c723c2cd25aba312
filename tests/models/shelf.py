"""A server on loopback that gives a file away, and misbehaves as it is told."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Shelf:
    """data: the file. faults: one for each request, in order, then none: `stall:N`, `truncate:N` (after N bytes),
    `corrupt`, `whole` (ignores ranges), `shift` (another range than asked), or a status with `:SECONDS` to retry after.
    asked: the Range header of every request. linked: the hash that is named beside the file."""

    data: bytes
    faults: list[str] = field(default_factory=list)
    asked: list[str | None] = field(default_factory=list)
    tag: str = '"one"'
    linked: str | None = None
    address: str = ""
    released: threading.Event = field(default_factory=threading.Event)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    shelf: Shelf

    def do_GET(self) -> None:
        shelf = self.shelf
        shelf.asked.append(self.headers.get("range"))
        fault, _, number = (shelf.faults.pop(0) if shelf.faults else "").partition(":")
        if fault.isdigit():
            self.send_response(int(fault))
            if number:
                self.send_header("Retry-After", number)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        data = shelf.data if fault != "corrupt" else bytes(255 - byte for byte in shelf.data)
        start = 0
        asked = self.headers.get("range")
        if asked and fault != "whole" and self.headers.get("if-range") == shelf.tag:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(data):
                self.send_response(416)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
        told = start + 1 if fault == "shift" and start else start
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {told}-{len(data) - 1}/{len(data)}")
        if shelf.tag:
            self.send_header("ETag", shelf.tag)
        if shelf.linked:
            self.send_header("X-Linked-Etag", f'"{shelf.linked}"')
        body = data[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if fault in ("stall", "truncate"):
            self.wfile.write(body[:int(number)])
            self.wfile.flush()
            if fault == "stall":
                shelf.released.wait(20)
            self.close_connection = True
            return
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def serving(shelf: Shelf) -> Iterator[Shelf]:
    handler = type("Handler", (_Handler,), {"shelf": shelf})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    shelf.address = f"http://127.0.0.1:{server.server_port}/file.onnx"
    try:
        yield shelf
    finally:
        shelf.released.set()
        server.shutdown()
        server.server_close()
