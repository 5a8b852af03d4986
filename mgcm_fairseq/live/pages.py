"""What the server answers to a browser that asks for a page, and whom it answers at all.

A page from elsewhere may neither read nor speak here: its Origin is not ours, and a name that was made to lead to this
machine (DNS rebinding) is not in Host.
"""

import json
import mimetypes
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

from websockets.datastructures import Headers
from websockets.http11 import Request, Response

NAMES = ("127.0.0.1", "localhost", "::1")  # of this machine, as a browser may spell them
TYPES = {".js": "text/javascript", ".svg": "image/svg+xml"}  # whatever the machine's own table says
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Connection": "close",
}


def refusal(request: Request) -> Response | None:
    """A response to who may not be answered; None for who may."""
    hosts = request.headers.get_all("Host")
    if len(hosts) != 1 or _hostname(hosts[0]) not in NAMES:
        return _response(403, "Forbidden", f"Host: expected a name of this machine, found {hosts}.")
    origins = request.headers.get_all("Origin")  # none: a program, and no page
    if origins and origins != [f"http://{hosts[0]}"]:
        return _response(403, "Forbidden", f"Origin: expected http://{hosts[0]}, found {origins}.")
    return None


def page(path: str, about: dict[str, Any]) -> Response:
    """A file of the page, or `about`, what this server is."""
    name = path.partition("?")[0].removeprefix("/") or "index.html"
    if name == "about.json":
        return _response(200, "OK", json.dumps(about), "application/json")
    body = _files().get(name)
    if body is None:
        return _response(404, "Not Found", "No such page.")
    kind = TYPES.get(name[name.rfind("."):]) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    return _response(200, "OK", body, kind)


def _hostname(host: str) -> str | None:
    """None where it is not even the form of one."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


@cache
def _files() -> dict[str, bytes]:
    """All that there is to ask for, by name: no path of a client's ever reaches the disk."""
    folder = resources.files("mgcm_fairseq.live") / "page"
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


def _response(status: int, phrase: str, body: str | bytes, kind: str = "text/plain") -> Response:
    content = body.encode() if isinstance(body, str) else body
    text = f"{kind}; charset=utf-8" if kind.startswith("text/") or kind == "application/json" else kind
    return Response(status, phrase, Headers({**HEADERS, "Content-Type": text, "Content-Length": str(len(content))}),
                    content)
