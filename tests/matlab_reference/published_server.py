"""Small repositories on a server of this machine, which can fail in the ways that servers do."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from matlab_reference.registry import COMMITS, PUBLIC_NAME, PublishedFile

CONTENTS = {
    "AET-MetallicGlass/1_Data/angles.mat": b"angles" * 50,
    "AET-MetallicGlass/1_Data/with space.mat": b"space" * 70,
    "AET-MetallicGlass/2_Code/run.m": b"% code\n",
    "AET-AmorphousMaterials/1_Data/Ta_film/projections.mat": bytes(range(256)) * 400,
}
LARGE = "AET-AmorphousMaterials/1_Data/Ta_film/projections.mat"
NAMES = [name for name in CONTENTS if not name.endswith(".m")]


def published(name: str) -> PublishedFile:
    """Its row of a registry; the large file has no size and no SHA-256."""
    content = CONTENTS[name]
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    repository, _, path = name.partition("/")
    if name == LARGE:
        return PublishedFile(repository, path, None, blob, None)
    digest = hashlib.sha256(content).hexdigest()
    return PublishedFile(repository, path, len(content), blob, digest)


FILES = [published(name) for name in CONTENTS]


class Server:
    """What it holds, how it fails (by name), and how often each file was asked for.

    ``faults`` of a name: an answer such as 404, ``"wrong"`` content, ``"short"``: half of the
    content that was announced, or ``"stall"``: half of it, and nothing until ``go_on`` is set.
    ``times`` limits a fault to the first requests.
    """

    def __init__(self, host: str) -> None:
        self.host = host
        self.faults: dict[str, int | str] = {}
        self.times = 1_000
        self.asked: Counter[str] = Counter()
        self.stalled, self.go_on = threading.Event(), threading.Event()

    def answer(self, path: str) -> tuple[int, bytes, int, bool]:
        """Status, body, announced length, and whether to stall after the body."""
        owner, public, commit, rest = unquote(path).lstrip("/").split("/", 3)
        assert (public, commit) == (PUBLIC_NAME, COMMITS[owner])
        name = f"{owner}/{rest}"
        self.asked[name] += 1
        body = CONTENTS[name]
        fault = self.faults.get(name) if self.asked[name] <= self.times else None
        if isinstance(fault, int):
            return fault, b"", 0, False
        if fault == "wrong":
            body = body[::-1]
        sent = len(body) // 2 if fault in ("short", "stall") else len(body)
        return 200, body[:sent], len(body), fault == "stall"


@contextmanager
def serve() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body, length, stall = server.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)
            if stall:
                server.stalled.set()
                server.go_on.wait()

        def log_message(self, *words: object) -> None:
            """Nothing on standard error, which tests look at."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        server = Server(f"http://127.0.0.1:{httpd.server_port}")
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.go_on.set()
            httpd.shutdown()
            thread.join()
