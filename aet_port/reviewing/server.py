"""The page on this machine: who may ask, and what the browser may do with it."""

from __future__ import annotations

import hmac
import json
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from aet_port.core.interruption import asked_to_stop, held_back, was_the_end
from aet_port.reviewing.api import answer
from aet_port.reviewing.session import Session

HOST = "127.0.0.1"
LONGEST_BODY = 64 * 1024  # bytes of a question
PAGE = {
    "/": ("review.html", "text/html; charset=utf-8"),
    "/review.js": ("review.js", "text/javascript; charset=utf-8"),
    "/review.css": ("review.css", "text/css; charset=utf-8"),
}
# Nothing from outside, no plug-ins, no frames; pictures are drawn on canvases.
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
USED = (
    "This link has been used, or is not the one that `aet review` printed.\n"
    "Start `aet review` again and open the link that it prints.\n"
)


@dataclass
class Gate:
    """Who may ask: the browser that has opened the link with the token, and nobody else.

    Attributes
    ----------
    port
        Port of the server.
    token
        Word of the link, good for one use.
    cookie
        What the browser gets for it.
    """

    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    cookie: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    used: bool = False

    @property
    def name(self) -> str:
        """Name of the cookie, one for each port, as browsers don't tell ports apart."""
        return f"aet_review_{self.port}"

    @property
    def hosts(self) -> set[str]:
        """Names of this machine, with the port, by which it may be asked."""
        return {f"{HOST}:{self.port}", f"localhost:{self.port}"}

    @property
    def url(self) -> str:
        """The link to open."""
        return f"http://{HOST}:{self.port}/?token={self.token}"

    def refusal(self, request: Request) -> Response | None:
        """Why a request is refused; None if it is not."""
        if request.headers.get("host") not in self.hosts:
            return refused(421, "another host")
        origin = request.headers.get("origin")
        if origin is not None and origin not in {f"http://{host}" for host in self.hosts}:
            return refused(403, "another origin")
        if request.method == "POST" and origin is None:
            return refused(403, "no origin")
        if request.headers.get("sec-fetch-site") not in (None, "same-origin", "none"):
            return refused(403, "another site")
        known = request.cookies.get(self.name, "")
        if not hmac.compare_digest(known.encode(), self.cookie.encode()):
            return refused(403, USED)
        return None

    def enter(self, request: Request) -> Response | None:
        """The answer to the link with the token; None for any other request."""
        given = request.query_params.get("token")
        if given is None or request.method != "GET" or request.url.path != "/":
            return None
        if request.headers.get("host") not in self.hosts:
            return refused(421, "another host")
        known = request.cookies.get(self.name, "")
        if not hmac.compare_digest(known.encode(), self.cookie.encode()):
            if self.used or not hmac.compare_digest(given.encode(), self.token.encode()):
                return refused(403, USED)
            self.used = True
        response = RedirectResponse("/", status_code=303, headers=HEADERS)
        response.set_cookie(self.name, self.cookie, httponly=True, samesite="strict", path="/")
        return response


def refused(status: int, reason: str) -> Response:
    """A refusal in plain text."""
    return PlainTextResponse(reason, status_code=status, headers=HEADERS)


def make_app(session: Session, gate: Gate) -> Starlette:
    """The application that serves one session through a gate.

    There are four addresses, none of which names a file: the page, its script, its style, and
    ``/api``, to which all questions go.
    """
    folder = files("aet_port.reviewing").joinpath("page")
    contents = {path: folder.joinpath(name).read_bytes() for path, (name, _) in PAGE.items()}

    async def page(request: Request) -> Response:
        entered = gate.enter(request)
        if entered is not None:
            return entered
        no = gate.refusal(request)
        if no is not None:
            return no
        path = request.url.path
        return Response(contents[path], media_type=PAGE[path][1], headers=HEADERS)

    async def api(request: Request) -> Response:
        no = gate.refusal(request)
        if no is not None:
            return no
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return refused(415, "no JSON")
        body = await _body(request)
        if body is None:
            return refused(413, f"more than {LONGEST_BODY} bytes")
        try:
            question: Any = json.loads(body)
        except (ValueError, RecursionError):
            return refused(400, "no JSON")
        facts, data = await run_in_threadpool(answer, session, question)
        status = 409 if facts.get("conflict") else 422 if "error" in facts else 200
        return Response(packed(facts, data), status, HEADERS, media_type="application/octet-stream")

    async def nothing(request: Request) -> Response:
        return Response(status_code=204, headers=HEADERS)

    routes = [
        Route("/favicon.ico", nothing),
        *(Route(path, page, methods=["GET"]) for path in PAGE),
    ]
    return Starlette(routes=[*routes, Route("/api", api, methods=["POST"])])


def packed(facts: dict[str, Any], data: bytes) -> bytes:
    """An answer as bytes: length of the JSON (four bytes, little-endian), JSON, data.

    The JSON is filled up with blanks so that the data begin at a multiple of four.
    """
    text = json.dumps(facts, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    return len(text).to_bytes(4, "little") + text + data


async def _body(request: Request) -> bytes | None:
    """The body of a request; None if it is too long, of which no more is read."""
    stated = request.headers.get("content-length", "0")
    if not stated.isdigit() or int(stated) > LONGEST_BODY:
        return None
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_BODY:
            return None
    return body


def free_socket(port: int) -> socket.socket:
    """A socket that listens on this machine only; 0 for any free port.

    Raises
    ------
    OSError
        If the port is taken.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        # At once: the browser may be quicker than the server, and waits then.
        listening.listen(64)
    except OSError:
        listening.close()
        raise
    return listening


def serve(session: Session, gate: Gate, listening: socket.socket) -> None:
    """Serve until Ctrl-C or SIGTERM, which is the usual end."""
    import uvicorn

    class Quiet(uvicorn.Server):
        """A server that leaves signals to the command."""

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    config = uvicorn.Config(
        make_app(session, gate), log_level="error", access_log=False, server_header=False,
        date_header=False, lifespan="off", timeout_graceful_shutdown=1, limit_concurrency=64,
        ws="none",
    )  # fmt: skip
    server = Quiet(config)
    with held_back():
        with asked_to_stop(lambda: setattr(server, "should_exit", True)):
            server.run(sockets=[listening])
        was_the_end()
