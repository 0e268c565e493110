"""Decides who may use the API: checks `Host` and `Origin` before any route, and answers browsers' preflight requests.

A web page of any site can send requests to a server on its reader's own machine. Its `Origin` header reveals that. Where the page's own
name was made to resolve to the loopback address (DNS rebinding), the browser takes server and page for the same site, and only `Host`
reveals it. Ollama checks both headers; llama-server answers every origin. Here, by default:

- a server on a loopback address answers to localhost, *.localhost, loopback addresses and the address that it listens on;
- pages of this machine's own servers (http://localhost:3000) may use it, as they may use Ollama, and pages of the server itself;
- all other hosts and origins are refused with 403, unless --allowed-host and --allowed-origin name them.

Starlette's own middleware speaks the CORS protocol with allowed pages. Fed by `protocol`; feeds the routes of `api`.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import uuid
from typing import Any

from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from echorator.gateway.http.forms import form_of
from echorator.gateway.http.refusals import refused
from echorator.gateway.http.settings import HttpSettings

_log = logging.getLogger(__name__)

REQUEST_ID = "x-request-id"
IGNORED = "x-echorator-ignored"  # lists the fields of a body that were accepted but have no effect
_THIS_MACHINE = r"https?://(localhost|[a-z0-9-]+\.localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?"
_PORT = re.compile(r":\d*$")


def name_of(host: str) -> str:
    """Return the name or address of a `Host` header, without its port, in lower case."""
    return _PORT.sub("", host.strip()).rstrip(".").lower()


def _address_of(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


def is_loopback(name: str) -> bool:
    """Tell whether a name or an address can only be this machine."""
    address = _address_of(name)
    return name == "localhost" or name.endswith(".localhost") or (address is not None and address.is_loopback)


class Names:
    """The rules for the values of `Host` and `Origin`. Pure."""

    def __init__(self, settings: HttpSettings, listens_on: str) -> None:
        """Create the rules; `listens_on` is the address that the server is bound to, "0.0.0.0" for all addresses of the machine."""
        self._own = listens_on.lower()
        self._only_here = is_loopback(self._own)
        self._hosts = tuple(host.lower() for host in settings.allowed_hosts)
        self.origins = tuple(origin.lower() for origin in settings.allowed_origins)

    def _named(self, name: str) -> bool:
        return any(name == host or host == "*" or (host.startswith("*.") and name.endswith(host[1:])) for host in self._hosts)

    def _own_name(self, name: str) -> bool:
        """Tell whether nobody else can make the name resolve to this server: loopback, allowed by a setting, or its own address."""
        return is_loopback(name) or self._named(name) or name.removeprefix("[").removesuffix("]") == self._own

    def host_allowed(self, host: str) -> bool:
        """Tell whether a request for this `Host` is served; "" stands for an HTTP/1.0 request without the header."""
        return not host or not (self._only_here or self._hosts) or self._own_name(name_of(host))

    def origin_allowed(self, origin: str, host: str) -> bool:
        """Tell whether a page of `origin` may use this server, which the request addressed as `host`."""
        origin = origin.lower()
        if "*" in self.origins or origin in self.origins or re.fullmatch(_THIS_MACHINE, origin):
            return True
        name = name_of(host)
        itself = origin in (f"http://{host.lower()}", f"https://{host.lower()}")
        return itself and (self._own_name(name) or _address_of(name) is not None)  # an address cannot be rebound


class Door:
    """The outermost ASGI application, which refuses requests by `Host` and `Origin`."""

    def __init__(self, app: ASGIApp, settings: HttpSettings, listens_on: str) -> None:
        self._names = Names(settings, listens_on)
        self._app = CORSMiddleware(
            app,
            allow_origins=self._names.origins,
            allow_origin_regex=_THIS_MACHINE,
            allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
            allow_headers=("*",),
            expose_headers=(REQUEST_ID, IGNORED, "retry-after"),
            max_age=600,
            allow_private_network=True,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; every answer gets an x-request-id, and every failure is JSON."""
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = message.setdefault("headers", [])
                if all(name != REQUEST_ID.encode() for name, _ in headers):
                    headers.append((REQUEST_ID.encode(), uuid.uuid4().hex.encode()))
            await send(message)

        refusal = self._refusal(scope)
        try:
            if refusal is not None:
                refused(scope["method"], refusal.status_code, refusal.headers[REQUEST_ID])
                await refusal(scope, receive, answer)
            else:
                await self._app({**scope, "path": _without_slash(scope["path"])}, receive, answer)
        except Exception:
            _log.exception("a request over HTTP failed")
            if started:
                raise
            await form_of(scope["path"]).failed()(scope, receive, answer)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers: dict[bytes, Any] = dict(scope["headers"])
        host, origin = headers.get(b"host", b"").decode("latin-1"), headers.get(b"origin", b"").decode("latin-1")
        if not self._names.host_allowed(host):
            message = f"this server is not {name_of(host)[:80]!r}; `--allowed-host` of the server adds a name that it answers to"
            return form_of(scope["path"]).refusal(403, message, "host_not_allowed")
        if origin and not self._names.origin_allowed(origin, host):
            message = f"pages of {origin[:80]!r} may not use this server; `--allowed-origin` of the server allows them"
            return form_of(scope["path"]).refusal(403, message, "origin_not_allowed")
        return None


def _without_slash(path: str) -> str:
    return path.rstrip("/") or "/"
