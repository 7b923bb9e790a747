"""A publisher on this machine, over HTTP: it serves files, cuts connections and alters bytes, on request."""

import contextlib
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Publisher(ThreadingHTTPServer):
    """Serves ``files`` (path → bytes); ``ranges`` logs the Range header of every request, None where there is none."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.ranges = {}, []
        self.cuts = []  # bytes that the body of each successive reply is cut after; None: whole
        self.understands_ranges = True
        self.shift = 0  # a partial reply begins so many bytes away from where it was asked to
        self.stall = None  # an event: the reply waits for it after its first half
        self.sent_half = threading.Event()

    def url(self, path):
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server, content = self.server, self.server.files.get(self.path)
        asked = self.headers.get("Range")
        server.ranges.append(asked)
        if content is None:
            self.send_error(404)
            return
        first = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and server.understands_ranges else 0
        if first and first >= len(content):
            self.send_error(416)
            return
        if first:
            first += server.shift
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        body = content[first:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cut = server.cuts.pop(0) if server.cuts else None
        with contextlib.suppress(ConnectionError):  # a client may have enough
            if server.stall is not None:
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                server.sent_half.set()
                server.stall.wait(60)
                return
            self.wfile.write(body[:cut])
        if cut is not None:
            self.close_connection = True

    def log_message(self, *words):
        pass


@contextmanager
def publisher():
    server = Publisher()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
