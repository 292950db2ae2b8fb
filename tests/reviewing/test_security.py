"""Who may ask the page of this machine, and what he can make it do."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from contextlib import suppress
from html.parser import HTMLParser
from typing import Any

import pytest

from aet_port.reviewing.server import LONGEST_BODY, POLICY
from tests.reviewing.conftest import Served

STATE = json.dumps({"ask": "state"})


def send(
    served: Served, method: str, path: str, body: Any = None, headers: Mapping[str, str] = {}
) -> tuple[int, Mapping[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", served.gate.port, timeout=20)
    given = {key: value for key, value in headers.items() if value}
    connection.request(method, path, body, given)
    answer = connection.getresponse()
    found = (answer.status, dict(answer.getheaders()), answer.read())
    connection.close()
    return found


def own(served: Served, **changes: str) -> dict[str, str]:
    """Headers of the browser that has opened the link."""
    host = f"127.0.0.1:{served.gate.port}"
    return {
        "Host": host,
        "Origin": f"http://{host}",
        "Cookie": f"{served.gate.name}={served.gate.cookie}",
        "Content-Type": "application/json",
    } | {key.replace("_", "-"): value for key, value in changes.items()}


def test_the_link_is_good_for_one_browser(served: Served) -> None:
    path = served.gate.url.partition(str(served.gate.port))[2]
    for wrong in ("/", "/?token=", "/?token=x", "/review.js", "/review.css"):
        assert send(served, "GET", wrong)[0] == 403, wrong
    status, headers, _ = send(served, "GET", path)
    assert (status, headers["location"]) == (303, "/")
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert served.gate.token not in cookie
    assert send(served, "GET", path)[0] == 403  # somebody else with the same link
    word = cookie.partition(";")[0]
    for name in ("/", "/review.js", "/review.css"):
        status, headers, body = send(served, "GET", name, headers={"Cookie": word})
        assert (status, headers["content-security-policy"]) == (200, POLICY)
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert len(body) > 100
    # The same browser may open it in a second window.
    assert send(served, "GET", path, headers={"Cookie": word})[0] == 303
    assert send(served, "POST", "/api", STATE, own(served))[0] == 200


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"Cookie": ""}, 403),
        ({"Cookie": "aet_review_1=x"}, 403),
        ({"Origin": "https://example.org"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Host": "example.org"}, 421),
        ({"Host": "127.0.0.1"}, 421),
        ({"Host": "127.0.0.1.example.org:80"}, 421),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_from_elsewhere(served: Served, changes: dict[str, str], status: int) -> None:
    act = json.dumps(
        {"ask": "act", "action": "remove", "atom": 1, "version": served.session.log.version}
    )
    assert send(served, "POST", "/api", act, own(served, **changes))[0] == status
    assert served.session.log.rows == []


@pytest.mark.parametrize(
    "path",
    [
        "/../review.js", "/..%2f..%2fetc/passwd", "/%2e%2e/pyproject.toml", "/review.js/../../x",
        "/static/../../../etc/passwd", "//etc/passwd", "/api/../edits.csv", "/edits.csv",
        "/review.html", "/session.py", "/review.js%00.css", "/\\..\\x", "/docs", "/openapi.json",
    ],
)  # fmt: skip
def test_no_path_names_a_file(served: Served, path: str) -> None:
    assert send(served, "GET", path, headers=own(served))[0] == 404


def test_methods(served: Served) -> None:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        assert send(served, method, "/api", STATE, own(served))[0] == 405
        assert send(served, method, "/", STATE, own(served))[0] == 405
    assert send(served, "GET", "/api", headers=own(served))[0] == 405


def test_a_large_body_is_not_read(served: Served) -> None:
    stated = own(served, Content_Length=str(100_000_000))
    connection = http.client.HTTPConnection("127.0.0.1", served.gate.port, timeout=20)
    connection.putrequest("POST", "/api", skip_host=True)
    for key, value in stated.items():
        connection.putheader(key, value)
    connection.endheaders()  # refused before a byte of it is sent
    assert connection.getresponse().status == 413
    connection.close()

    def chunks() -> Any:
        for _ in range(100_000_000 // 2**16):
            yield b" " * 2**16

    # Without a length, 100 MB one piece after the other: cut off, by an answer or by the line.
    with suppress(BrokenPipeError, ConnectionResetError):
        assert send(served, "POST", "/api", chunks(), own(served))[0] == 413
    assert send(served, "POST", "/api", STATE, own(served))[0] == 200
    long = json.dumps({"ask": "state", "x": "y" * LONGEST_BODY})
    assert send(served, "POST", "/api", long, own(served))[0] == 413
    for odd in (b"", b"{", b"[" * 50_000, b"\xff\xfe", b'{"ask": NaN'):
        assert send(served, "POST", "/api", odd, own(served))[0] == 400


def test_the_page_is_only_what_the_policy_allows(served: Served) -> None:
    """No script or style in the page itself, and no address outside of it."""
    page = send(served, "GET", "/", headers=own(served))[2].decode()
    seen: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            for key, value in attrs:
                assert key != "style"
                assert not key.startswith("on")
                if key in ("src", "href"):
                    seen.append(str(value))

    Reader().feed(page)
    assert sorted(seen) == ["/review.css", "/review.js"]
    for name in seen:
        text = send(served, "GET", name, headers=own(served))[2].decode()
        assert "://" not in text
        assert "innerHTML" not in text
        assert "eval(" not in text
