"""The client of the API server, and the only file that knows the client library: JSON objects in and out.

Each call has a timeout and raises errors of this module. kubernetes-asyncio reads kubeconfigs and service accounts and keeps tokens fresh;
its typed objects are not used, since turning an event into one costs thirty times what reading its JSON does.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import re
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from types import TracebackType
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
import yaml
from kubernetes_asyncio import client as kubernetes
from kubernetes_asyncio import config as kubeconfig

from echorator import json_digits
from echorator.errors import EchoratorError, InvalidRequestError, ResourceError
from echorator.kube.api.resources import Kind, Object

CALL_S = 10.0
WATCH_S = 300, 600  # the server ends a watch after a random time between these
# A dead peer is found within 60 s; a watch of a kind that does not change sends nothing by which to find it.
VERSION_PATH = "/version"  # the only answer of an API server without a kind
KEEPALIVE = ((socket.TCP_KEEPIDLE, 30), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3))
LIST_PAGE = 500
MANAGER = "echorator"
_NO_CONTEXT = re.compile(r"Expected object with name (.*) in .*/contexts list$")  # the client library's message


class ApiError(EchoratorError):
    """The API server refused a call.

    `status` is the HTTP status, `reason` the one of Kubernetes; a retry should wait for `after_s`.
    """

    def __init__(self, message: str, status: int = 0, reason: str = "", after_s: float = 0.0) -> None:
        super().__init__(message)
        self.status, self.reason, self.after_s = status, reason, after_s


class AbsentError(ApiError):
    """There is no such object, or no such kind."""


class ConflictError(ApiError):
    """The object was changed since it was read, exists already, or another field manager owns a field."""

    retryable = True


class GoneError(ApiError):
    """The server no longer knows that resourceVersion: list again."""

    retryable = True


class ForbiddenError(ApiError):
    """RBAC or admission forbids the call; the message names the verb and the resource."""


class QuotaError(ApiError, ResourceError):
    """The call would exceed a ResourceQuota."""


class InvalidObjectError(ApiError, InvalidRequestError):
    """The object is not valid; the message names the field."""


class UnreachableError(ApiError):
    """The API server does not answer, or is too busy to answer."""

    retryable = True


class NoClusterError(EchoratorError):
    """The kubeconfig, or the pod's service account, does not lead to a cluster."""


class NoContextError(EchoratorError):
    """The kubeconfig has no context of that name."""


class Client:
    """A client of one API server; `connect` makes it, and `close` ends it."""

    def __init__(self, api: kubernetes.ApiClient, namespace: str) -> None:
        self._api = api
        self.namespace = namespace  # the default namespace: that of the context, or of the pod
        self.streams_lists: bool | None = None  # whether the server can send a list as a watch; None: not known yet
        self.asks_for_stream = asyncio.Lock()  # held by the informer that finds that out
        self.on_request: Callable[[str, int, str], None] = lambda _method, _status, _host: None

    @classmethod
    async def connect(cls, path: str | None, context: str | None = None) -> Client:
        """Connect to the cluster of a kubeconfig, or of several with ":" between their paths.

        None means the service account of the pod that this process runs in. Raises NoClusterError, NoContextError.
        """
        logging.getLogger("kubernetes_asyncio.config").setLevel(logging.CRITICAL)  # the errors that it logs are raised too
        settings = kubernetes.Configuration()
        settings.connection_pool_maxsize = 64
        try:
            if path is None:
                kubeconfig.load_incluster_config(settings)
                namespace = _pod_namespace()
            else:
                loaded = await kubeconfig.load_kube_config(path, context, settings)
                namespace = loaded.current_context["context"].get("namespace") or "default"
            return cls(kubernetes.ApiClient(settings), namespace)
        except (kubeconfig.ConfigException, OSError) as error:
            if found := _NO_CONTEXT.search(str(error)):
                raise NoContextError(f"the kubeconfig has no context {found[1]!r}; kubectl config get-contexts lists them") from error
            raise NoClusterError(f"{path or 'the service account of this pod'} does not lead to a cluster: {error}") from error
        except (yaml.YAMLError, AssertionError, AttributeError, TypeError, KeyError, ValueError) as error:
            raise NoClusterError(f"{path} is no kubeconfig; correct it, or name another one with --kubeconfig") from error

    async def close(self) -> None:
        """Close all connections; no call may run at that time, or follow."""
        await self._api.close()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    # Calls for one object

    async def get(self, kind: Kind, namespace: str, name: str) -> Object:
        """Return an object. Raises AbsentError and what every call raises: ForbiddenError, UnreachableError, ApiError."""
        return await self.call("GET", kind.path(namespace, name))

    async def create(self, kind: Kind, thing: Object) -> Object:
        """Create an object and return it. Raises ConflictError if it exists, InvalidObjectError, QuotaError."""
        query = {"fieldManager": MANAGER, "fieldValidation": "Strict"}
        return await self.call("POST", kind.path(thing["metadata"].get("namespace", "")), query, thing)

    async def apply(
        self, kind: Kind, thing: Object, manager: str = MANAGER, sub: str = "", dry_run: bool = False, force: bool = True
    ) -> Object:
        """Apply the fields of `thing` on the server (server-side apply) as `manager`, and return the object.

        Raises InvalidObjectError, QuotaError, and without `force` ConflictError for a field that another manager owns.
        """
        query = {
            "fieldManager": manager,
            "force": str(force).lower(),
            "fieldValidation": "Strict",
            **({"dryRun": "All"} if dry_run else {}),
        }
        metadata = thing["metadata"]
        path = kind.path(metadata.get("namespace", ""), metadata["name"], sub)
        return await self.call("PATCH", path, query, thing, "application/apply-patch+yaml")

    async def merge(self, kind: Kind, namespace: str, name: str, patch: Object, sub: str = "", manager: str = MANAGER) -> Object:
        """Apply a JSON merge patch and return the object. Raises ConflictError, AbsentError.

        A metadata.resourceVersion in the patch makes it fail with ConflictError if the object was changed since it was read.
        """
        path = kind.path(namespace, name, sub)
        query = {"fieldManager": manager, "fieldValidation": "Strict"}
        return await self.call("PATCH", path, query, patch, "application/merge-patch+json")

    async def replace(self, kind: Kind, thing: Object) -> Object:
        """Replace an object that was read and changed. Raises ConflictError if it was changed by another client since."""
        metadata = thing["metadata"]
        return await self.call("PUT", kind.path(metadata.get("namespace", ""), metadata["name"]), {"fieldManager": MANAGER}, thing)

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str = "", wait: bool = False) -> None:
        """Delete an object, only the one of `uid` if it is given; do nothing if it is absent.

        With `wait` the object stays until its dependents are gone; the call itself returns at once.
        """
        body: Object = {"propagationPolicy": "Foreground" if wait else "Background"}
        if uid:
            body["preconditions"] = {"uid": uid}
        try:
            await self.call("DELETE", kind.path(namespace, name), {}, body)
        except AbsentError:
            return

    async def logs(self, namespace: str, name: str, container: str, lines: int) -> str:
        """Return the last `lines` of a container's log. Raises AbsentError, and ApiError for a container without a log."""
        from_path = f"{Kind('Pod', 'pods').path(namespace, name, 'log')}?{urlencode({'container': container, 'tailLines': lines})}"
        response = await self._send("GET", from_path, None, {}, aiohttp.ClientTimeout(total=CALL_S))
        async with response:
            return (await response.read()).decode("utf-8", "replace")

    async def follow_logs(self, namespace: str, name: str, container: str, lines: int) -> AsyncIterator[str]:
        """Yield the last `lines` of a container's log, then each new one until the container ends. Raises AbsentError, UnreachableError."""
        query = urlencode({"container": container, "tailLines": lines, "follow": "true"})
        path = f"{Kind('Pod', 'pods').path(namespace, name, 'log')}?{query}"
        response = await self._send("GET", path, None, {}, aiohttp.ClientTimeout(total=None, sock_connect=CALL_S))
        async with response:
            try:
                async for line in response.content:
                    yield line.decode("utf-8", "replace").rstrip("\n")
            except (aiohttp.ClientError, TimeoutError) as error:
                raise UnreachableError(f"the log broke off: {error or type(error).__name__}") from error

    # Calls for many objects

    async def list(self, kind: Kind, namespace: str = "", selector: str = "") -> tuple[list[Object], str]:
        """Return all objects, read page by page, and the resourceVersion of the list. Raises what `get` raises."""
        found: list[Object] = []
        query: dict[str, Any] = {"limit": LIST_PAGE, **({"labelSelector": selector} if selector else {})}
        while True:
            page = await self.call("GET", kind.path(namespace), query)
            for item in page["items"]:
                item.setdefault("kind", kind.name)
                item.setdefault("apiVersion", kind.api_version)
                found.append(item)
            token = page["metadata"].get("continue", "")
            if not token:
                return found, page["metadata"]["resourceVersion"]
            query["continue"] = token

    async def watch(self, kind: Kind, namespace: str, selector: str, version: str, from_start: bool = False) -> AsyncGenerator[Object]:
        """Yield the events since a resourceVersion until the server ends the watch.

        `from_start` yields all objects first, then a bookmark. Raises GoneError, and UnreachableError if the connection broke.
        """
        length_s = random.randint(*WATCH_S)
        query = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(length_s), "resourceVersion": version}
        if selector:
            query["labelSelector"] = selector
        if from_start:
            query |= {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CALL_S, sock_read=length_s + CALL_S)
        response = await self._send("GET", f"{kind.path(namespace)}?{urlencode(query)}", None, {}, timeout)
        async with response:
            _keep_alive(response)
            try:
                async for line in response.content:
                    event: Object = json_digits.loads(line)
                    if event["type"] == "ERROR":
                        raise _refused(event["object"].get("code", 500), json.dumps(event["object"]).encode(), 0.0)
                    yield event
            except (aiohttp.ClientError, TimeoutError, ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
                raise UnreachableError(f"the watch of {kind.plural} broke: {error or type(error).__name__}") from error

    # All calls

    async def call(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Object | None = None,
        content: str = "application/json",
        timeout_s: float = CALL_S,
    ) -> Object:
        """Make any call and return the object of the answer. Raises ApiError; UnreachableError where a server of another kind answers."""
        url = f"{path}?{urlencode(query)}" if query else path
        response = await self._send(method, url, body, {"Content-Type": content}, aiohttp.ClientTimeout(total=timeout_s))
        async with response:
            try:
                answer: Object = json_digits.loads(await response.read())
            except (aiohttp.ClientError, TimeoutError, ValueError, RecursionError) as error:
                raise UnreachableError(f"the API server broke off: {error or type(error).__name__}") from error
        if path != VERSION_PATH and (not isinstance(answer, dict) or not isinstance(answer.get("kind"), str)):
            raise UnreachableError(f"{self._api.configuration.host} answers, but not as an API server of Kubernetes does")
        return answer

    async def _send(
        self, method: str, path: str, body: Object | None, headers: dict[str, str], times: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        """Send a request and return the response, whose body is not read yet. Raises ApiError for any status but success."""
        settings = self._api.configuration
        sent = {"Accept": "application/json", "User-Agent": MANAGER, **headers}
        status = 0
        try:
            await self._api.update_params_for_auth(sent, [], ["BearerToken"])
            response: aiohttp.ClientResponse = await self._api.rest_client.request(
                method, f"{settings.host}{path}", headers=sent, body=body, _preload_content=False, _request_timeout=times
            )
            status = response.status
            if 200 <= status < 300:
                return response
            async with response:
                text = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnreachableError(f"the API server {settings.host} does not answer: {error or type(error).__name__}") from error
        finally:
            self.on_request(method, status, urlsplit(settings.host).netloc)
        after = response.headers.get("Retry-After", "")
        raise _refused(status, text, float(after) if after.isdigit() else 0.0)


def _keep_alive(response: aiohttp.ClientResponse) -> None:
    """Make the kernel find out within a minute that the other side is gone."""
    transport = response.connection.transport if response.connection is not None else None
    opened = transport.get_extra_info("socket") if transport is not None else None
    if opened is not None:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEPALIVE:
            opened.setsockopt(socket.IPPROTO_TCP, option, value)


def _refused(status: int, text: bytes, after_s: float) -> ApiError:
    try:
        said: Object = json_digits.loads(text)
        message, reason = str(said.get("message") or said), str(said.get("reason") or "")
    except (ValueError, AttributeError, RecursionError):
        message, reason = text.decode("utf-8", "replace")[:500] or f"HTTP {status}", ""
    if status == 403 and message.endswith("is forbidden: "):  # all that Kubernetes 1.30 says of an apply that would create an object
        message += "the account that asks cannot create it"
    kinds: dict[int, type[ApiError]] = {
        400: InvalidObjectError,
        403: QuotaError if "exceeded quota" in message else ForbiddenError,
        404: AbsentError,
        409: ConflictError,
        410: GoneError,
        422: InvalidObjectError,
    }
    kind = kinds.get(status, UnreachableError if status in (408, 429) or status >= 500 else ApiError)
    return kind(message, status, reason, after_s)


def _pod_namespace() -> str:
    with open("/var/run/secrets/kubernetes.io/serviceaccount/namespace", encoding="utf-8") as file:
        return file.read().strip()
