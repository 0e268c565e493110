"""HTTP for pulls: redirects that a token does not follow to another host, retries worth making, errors that say what to do.

`requests` does connections, TLS, proxies and CA bundles by the usual environment variables; where to go and when to try again is here.
"""

from __future__ import annotations

import email.utils
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from echorator import __version__
from echorator.errors import EchoratorError, InvalidRequestError

CONNECT_S, READ_S = 10.0, 30.0
MOST_REDIRECTS = 10
FIRST_RETRY_S, LONGEST_RETRY_S = 0.5, 30.0
LONGEST_RETRY_AFTER_S = 300.0
REDIRECTS = (301, 302, 303, 307, 308)
AGAIN = (408, 425, 429, 500, 502, 503, 504)


class NetworkError(EchoratorError):
    """The other side could not be reached, or broke off again and again; worth another try later."""

    retryable = True


class DeniedError(InvalidRequestError):
    """The other side wants a token, or another one."""


class AbsentError(InvalidRequestError):
    """There is no such model, file or digest there."""


class AnswerError(InvalidRequestError):
    """The other side answered with what cannot be used."""


class TryAgainError(EchoratorError):
    """The request may succeed after `after_s` seconds; None: whenever. `at_last`: what it is where it never does."""

    retryable = True

    def __init__(self, message: str, after_s: float | None = None, at_last: type[EchoratorError] = NetworkError) -> None:
        super().__init__(message)
        self.after_s = after_s
        self.at_last = at_last


@dataclass(frozen=True)
class Target:
    """Where to ask, and with which headers; `Authorization` goes to this host only."""

    url: str
    headers: Mapping[str, str]


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port: who gets to see a token."""
    split = urlsplit(url)
    return split.scheme, split.hostname or "", split.port or (443 if split.scheme == "https" else 80)


def redirected(target: Target, location: str) -> Target:
    """Where a redirect leads. Raises AnswerError for one that no client should follow."""
    url = urljoin(target.url, location)
    if urlsplit(url).scheme not in ("http", "https"):
        raise AnswerError(f"{target.url} redirects to {url[:200]}, which is not HTTP")
    if origin(target.url)[0] == "https" and origin(url)[0] != "https":
        raise AnswerError(f"{target.url} redirects from https to http; that is not followed")
    headers = dict(target.headers)
    if origin(url) != origin(target.url):
        headers.pop("Authorization", None)
    return Target(url, headers)


def retry_after_s(headers: Mapping[str, str], now_s: float) -> float | None:
    """What Retry-After asks for, at most LONGEST_RETRY_AFTER_S; None where it asks for nothing."""
    given = headers.get("Retry-After", "").strip()
    if not given:
        return None
    if given.isdigit():
        return min(float(given), LONGEST_RETRY_AFTER_S)
    try:
        at_s = email.utils.parsedate_to_datetime(given).timestamp()
    except ValueError:
        return None
    return min(max(0.0, at_s - now_s), LONGEST_RETRY_AFTER_S)


def wait_s(attempt: int, after_s: float | None) -> float:
    """Before the next try: what the other side asks for, else exponential with jitter. `attempt` counts from 1."""
    if after_s is not None:
        return after_s
    return min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(attempt - 1, 10)) * random.uniform(0.75, 1.25)


class Http:
    """One session a thread; `open` makes one request, redirects followed."""

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
        """A response whose body is not read yet; any status but redirects.

        Raises:
            TryAgainError: no connection, a status of AGAIN.
            NetworkError: a host that does not exist, a certificate that does not hold.
            AnswerError: redirects that lead nowhere.
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
                raise TryAgainError(f"{target.url} answers {response.status_code} {response.reason}", after_s)
            return response
        raise AnswerError(f"{target.url}: more than {MOST_REDIRECTS} redirects")

    def _one(self, target: Target, method: str) -> requests.Response:
        host = urlsplit(target.url).netloc
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
                raise NetworkError(f"there is no host {host.rpartition('@')[2]}, or no network: {_cause(error)}") from error
            raise TryAgainError(f"{host} cannot be reached: {_cause(error)}") from error
        except requests.exceptions.Timeout as error:
            raise TryAgainError(f"{host} does not answer within {self._read_s:g} s") from error
        except (requests.exceptions.RequestException, UnicodeError) as error:
            raise AnswerError(f"{target.url[:200]}: {error}") from error


def read_into(response: requests.Response, view: memoryview) -> int:
    """The next bytes of a body; 0 at its end. Raises TryAgainError where the connection broke."""
    try:
        data: Any = response.raw.read1(len(view), decode_content=False)  # what has come, not all that was asked for
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise TryAgainError(f"{urlsplit(response.url or '').netloc} broke off: {error}") from error
    view[: len(data)] = data
    return len(data)


def small_body(response: requests.Response, most_bytes: int) -> bytes:
    """All of it. Raises AnswerError where it is larger, TryAgainError where the connection broke."""
    view = memoryview(bytearray(most_bytes + 1))
    length = 0
    while length < len(view) and (count := read_into(response, view[length:])):
        length += count
    if length > most_bytes:
        raise AnswerError(f"{response.url}: more than {most_bytes >> 20} MiB are no manifest")
    return bytes(view[:length])


def _root(error: BaseException) -> BaseException | None:
    """What urllib3 said, below what requests makes of it."""
    inner = error.args[0] if error.args else None
    return getattr(inner, "reason", inner) if isinstance(inner, BaseException) else None


def _cause(error: BaseException) -> str:
    return str(_root(error) or error)[:300]
