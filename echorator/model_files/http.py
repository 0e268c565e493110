"""HTTP for pulls: redirects that do not pass a token on to another host, retries, and errors that say what to do.

`requests` does connections, TLS, proxies and CA bundles by the usual environment variables; this module decides on redirects and retries.
"""

from __future__ import annotations

import email.utils
import ipaddress
import random
import re
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from echorator import __version__
from echorator.backoff import Backoff
from echorator.errors import EchoratorError, InvalidRequestError
from echorator.model_files.json_text import whole_number

CONNECT_S, READ_S = 10.0, 30.0
MOST_REDIRECTS = 10
RETRY = Backoff(first_s=0.5, longest_s=30.0, jitter=(0.75, 1.25))
LONGEST_RETRY_AFTER_S = 300.0
REDIRECTS = (301, 302, 303, 307, 308)
AGAIN = (408, 425, 429, 500, 502, 503, 504)


class NetworkError(EchoratorError):
    """The server could not be reached, or broke off again and again; a later attempt may succeed."""

    retryable = True


class DeniedError(InvalidRequestError):
    """The server wants a token, or another one."""


class AbsentError(InvalidRequestError):
    """The server has no such model, file or digest."""


class AnswerError(InvalidRequestError):
    """The server's answer cannot be used."""


class TryAgainError(EchoratorError):
    """A failure that may pass after `after_s` seconds; None: at any time. `at_last` is the error to raise after the last attempt."""

    retryable = True

    def __init__(self, message: str, after_s: float | None = None, at_last: type[EchoratorError] = NetworkError) -> None:
        super().__init__(message)
        self.after_s = after_s
        self.at_last = at_last


@dataclass(frozen=True)
class Target:
    """A URL with the headers of its request; `Authorization` is sent to this host only."""

    url: str
    headers: Mapping[str, str]


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a URL, which decide who may see a token."""
    split = urlsplit(url)
    return split.scheme, split.hostname or "", split.port or (443 if split.scheme == "https" else 80)


def shown(url: str) -> str:
    """Return a URL for messages and logs: without user, password and the query, which may contain a signature."""
    try:
        split = urlsplit(url)
        host = split.netloc.rpartition("@")[2]
    except ValueError:
        return "a malformed URL"
    kept = f"{split.scheme}://{host}{split.path}" if host else split.path
    return "".join(c if c.isprintable() else "?" for c in kept)[:200]


def _own_host(host: str) -> bool:
    """Return whether a host is loopback, link-local (where clouds serve metadata) or no address at all, as a name or a number."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        try:
            address = ipaddress.ip_address(socket.inet_aton(name))  # 127.1, 2130706433, 0x7f.1
        except OSError:
            return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback or address.is_link_local or address.is_unspecified


def redirected(target: Target, location: str) -> Target:
    """Return the target of a redirect. Raises AnswerError for a redirect that no client should follow."""
    try:
        url = urljoin(target.url, location)
        before, after = origin(target.url), origin(url)
    except ValueError as error:
        raise AnswerError(f"{shown(target.url)} redirects to a malformed URL") from error
    if after[0] not in ("http", "https"):
        raise AnswerError(f"{shown(target.url)} redirects to {shown(url)}, which is not HTTP")
    if before[0] == "https" and after[0] != "https":
        raise AnswerError(f"{shown(target.url)} redirects from https to http; that is not followed")
    if _own_host(after[1]) and not _own_host(before[1]):
        raise AnswerError(f"{shown(target.url)} redirects to an address of this machine itself; that is not followed")
    headers = dict(target.headers)
    if origin(url) != origin(target.url):
        headers.pop("Authorization", None)
    return Target(url, headers)


def retry_after_s(headers: Mapping[str, str], now_s: float) -> float | None:
    """Return what Retry-After asks for in seconds, LONGEST_RETRY_AFTER_S at most; None where it asks for nothing."""
    given = headers.get("Retry-After", "").strip()
    if not given:
        return None
    seconds = whole_number(given)
    if seconds is not None:
        return min(float(seconds), LONGEST_RETRY_AFTER_S)
    try:
        at_s = email.utils.parsedate_to_datetime(given).timestamp()
    except (ValueError, TypeError, LookupError, ArithmeticError, OSError):
        return None
    return min(max(0.0, at_s - now_s), LONGEST_RETRY_AFTER_S)


def wait_s(attempt: int, after_s: float | None) -> float:
    """Return the seconds until the next attempt: what the server asks for, else exponential backoff and jitter. `attempt` counts from 1."""
    if after_s is not None:
        return after_s
    return RETRY.jittered_s(attempt, random.random())


class Http:
    """An HTTP client with one session per thread; `open` makes one request and follows redirects."""

    def __init__(self, read_s: float = READ_S) -> None:
        self._read_s = read_s
        self._local = threading.local()

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.headers["User-Agent"] = f"echorator/{__version__}"
            session.headers["Accept-Encoding"] = "identity"
        return session

    def open(self, target: Target, method: str = "GET") -> requests.Response:
        """Return a response whose body has not been read; its status may be any but a redirect.

        Raises:
            TryAgainError: there is no connection, or the status is one of AGAIN.
            NetworkError: the host does not exist, or its certificate is not valid.
            AnswerError: the redirects lead nowhere.
        """
        for _ in range(MOST_REDIRECTS):
            response = self._one(target, method)
            if response.status_code in REDIRECTS and "Location" in response.headers:
                location = response.headers["Location"]
                response.close()
                target = redirected(target, location)
                continue
            if response.status_code in AGAIN:
                after_s = retry_after_s(response.headers, time.time())
                response.close()
                raise TryAgainError(f"{shown(target.url)} answers {response.status_code} {response.reason}", after_s)
            return response
        raise AnswerError(f"{shown(target.url)}: more than {MOST_REDIRECTS} redirects")

    def _one(self, target: Target, method: str) -> requests.Response:
        host = _host_of(target.url)
        try:
            return self._session().request(
                method, target.url, headers=dict(target.headers), stream=True, allow_redirects=False, timeout=(CONNECT_S, self._read_s)
            )
        except requests.exceptions.SSLError as error:
            raise NetworkError(f"{host}: {_cause(error)}; set REQUESTS_CA_BUNDLE to the certificates to trust") from error
        except requests.exceptions.ProxyError as error:
            raise TryAgainError(f"the proxy for {host} does not answer: {_cause(error)}; see HTTPS_PROXY and NO_PROXY") from error
        except requests.exceptions.ConnectionError as error:
            if isinstance(_root(error), urllib3.exceptions.NameResolutionError):
                raise NetworkError(f"there is no host {host}, or no network: {_cause(error)}") from error
            raise TryAgainError(f"{host} cannot be reached: {_cause(error)}") from error
        except requests.exceptions.Timeout as error:
            raise TryAgainError(f"{host} does not answer within {self._read_s:g} s") from error
        except (requests.exceptions.RequestException, UnicodeError, ValueError) as error:
            raise AnswerError(f"{shown(target.url)} cannot be asked ({type(error).__name__})") from error


def read_into(response: requests.Response, view: memoryview) -> int:
    """Read the next bytes of a body into `view` and return their number; 0 at the end. Raises TryAgainError if the connection broke."""
    try:
        data: Any = response.raw.read1(len(view), decode_content=False)  # returns what has arrived instead of waiting for a full buffer
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise TryAgainError(f"{_host_of(response.url or '')} broke off ({type(error).__name__})") from error
    view[: len(data)] = data
    return len(data)


def small_body(response: requests.Response, most_bytes: int) -> bytes:
    """Return a whole body. Raises AnswerError if it is larger than `most_bytes`, TryAgainError if the connection broke."""
    view = memoryview(bytearray(most_bytes + 1))
    length = 0
    while length < len(view) and (count := read_into(response, view[length:])):
        length += count
    if length > most_bytes:
        raise AnswerError(f"{shown(response.url)}: more than {most_bytes >> 20} MiB are no manifest")
    return bytes(view[:length])


def _host_of(url: str) -> str:
    """Return HOST[:PORT] of a URL, without user and password."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _root(error: BaseException) -> BaseException | None:
    """Return urllib3's error inside an error of requests; None if there is none."""
    inner = error.args[0] if error.args else None
    return getattr(inner, "reason", inner) if isinstance(inner, BaseException) else None


def _cause(error: BaseException) -> str:
    """Return an error's cause as text without URLs, which may contain a password."""
    return re.sub(r"\S*(://|@)\S*", "...", str(_root(error) or error))[:300]
