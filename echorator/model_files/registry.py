"""The protocol of container registries, as Ollama's, Docker's and any OCI registry speak it: manifests, blobs by digest, and tokens.

Credentials come from Docker's own configuration, where `docker login` puts them. Source: OCI Distribution Specification 1.1.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from urllib.parse import urlencode

from echorator.model_files.docker_credentials import DOCKER_HUB, DockerCredentials
from echorator.model_files.http import AnswerError, DeniedError, Http, Target, TryAgainError, origin, shown, small_body
from echorator.model_files.json_text import parsed
from echorator.model_files.reference import Registry, is_local_host
from echorator.model_files.retrying import retried
from echorator.model_files.store import (
    MANIFEST_BYTES,
    MODEL,
    Layer,
    Manifest,
    manifest_of,
)
from echorator.model_files.tar_layers import is_tar
from echorator.model_files.transfer import Origin, refuse

ACCEPTED = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
INDEXES = ACCEPTED[2:]
GGUF_TYPES = (
    MODEL,
    "application/vnd.docker.ai.gguf.v3",
    "application/vnd.cncf.model.weight.v1.raw",
    "application/gguf",
    "application/x-gguf",
)
DOCKER_API = "registry-1.docker.io"


class RegistryClient:
    """A client for one repository of one registry."""

    def __init__(self, reference: Registry, http: Http, credentials: DockerCredentials, mirror: str = "") -> None:
        """Keep the repository; `mirror`, as HOST[:PORT][/PREFIX], is asked instead of the repository's registry."""
        self._reference = reference
        self._http = http
        self._credentials = credentials
        host, _, prefix = (mirror or reference.host).partition("/")
        self._host = host
        self._path = f"{prefix.strip('/')}/{reference.path}" if prefix else reference.path
        self._base = base_url(host, self._path)
        self._lock = threading.Lock()
        self._authorization = ""

    def manifest(self) -> Manifest:
        """Return the manifest that the reference means; of an index, the first manifest that has a model.

        Raises AbsentError, DeniedError, AnswerError, NetworkError.
        """
        return self._manifest(self._reference.version, 0)

    def _manifest(self, version: str, depth: int) -> Manifest:
        url = f"{self._base}/manifests/{version}"
        kind, text = retried(lambda: self._text(url))
        what = f"the manifest of {self._reference}"
        if kind in INDEXES:
            if depth:
                raise AnswerError(f"{what} is an index of indexes")
            return self._of_index(text, what)
        manifest = manifest_of(text, what)
        if version.startswith("sha256:") and manifest.digest != version:
            raise AnswerError(f"{what}: its content is {manifest.digest}, which is not what was asked for")
        return manifest

    def _of_index(self, text: bytes, what: str) -> Manifest:
        try:
            digests = [str(entry["digest"]) for entry in parsed(text)["manifests"]]
        except (ValueError, KeyError, TypeError) as error:
            raise AnswerError(f"{what}: not an index ({type(error).__name__})") from error
        for digest in digests[:16]:
            manifest = self._manifest(digest, 1)
            if any(is_model(layer) or is_tar(layer) for layer in manifest.layers):
                return manifest
        raise AnswerError(f"{what}: none of its {len(digests)} entries has a GGUF file")

    def _text(self, url: str) -> tuple[str, bytes]:
        response = self._http.open(self._target(url, {"Accept": ", ".join(ACCEPTED)}))
        with response:
            if response.status_code == 401 and self._ask_for_token(response.headers):
                raise TryAgainError(f"{shown(url)} wants a token", 0.0, DeniedError)
            refuse(url, response.status_code, response.reason)
            text = small_body(response, MANIFEST_BYTES)
            kind = response.headers.get("Content-Type", "").partition(";")[0].strip()
            if kind == "text/html":
                raise AnswerError(f"{shown(url)} answers with a web page: {self._host} is no registry")
            return kind, text

    def origin_of(self, layer: Layer) -> Origin:
        """Return where the blob of a layer can be fetched."""
        return Origin(lambda: self._target(f"{self._base}/blobs/{layer.digest}", {}), self._renew)

    # Tokens

    def _target(self, url: str, headers: Mapping[str, str]) -> Target:
        with self._lock:
            authorization = self._authorization
        return Target(url, {**headers, **({"Authorization": authorization} if authorization else {})})

    def _renew(self) -> bool:
        """Get a new token after a refusal. Return whether another attempt is worthwhile."""
        response = self._http.open(Target(f"{self._base}/manifests/{self._reference.version}", {}), "HEAD")
        with response:
            return response.status_code == 401 and self._ask_for_token(response.headers)

    def _ask_for_token(self, headers: Mapping[str, str]) -> bool:
        """Ask for a token by the registry's challenge. Return False where there is nothing new to try."""
        challenge = headers.get("WWW-Authenticate", "")
        credentials = self._credentials.of(self._host, self._path)
        scheme, _, rest = challenge.partition(" ")
        given = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        if scheme.lower() == "basic" and credentials:
            return self._use(f"Basic {credentials}")
        if scheme.lower() != "bearer" or "realm" not in given:
            return False
        asked = {name: given[name] for name in ("service", "scope") if name in given}
        url = f"{given['realm']}?{urlencode(asked)}" if asked else given["realm"]
        try:
            scheme, host, _ = origin(url)
        except ValueError as error:
            raise AnswerError(f"{self._host} sends its clients to a malformed URL for a token") from error
        if scheme != "https" and not is_local_host(host):
            raise AnswerError(f"{self._host} sends its clients to {shown(url)} for a token, without TLS; that is not followed")
        response = self._http.open(Target(url, {"Authorization": f"Basic {credentials}"} if credentials else {}))
        with response:
            refuse(url, response.status_code, response.reason)
            try:
                answer = parsed(small_body(response, MANIFEST_BYTES))
                token = answer.get("token") or answer["access_token"]
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise AnswerError(f"{shown(url)} answers without a token") from error
        return self._use(f"Bearer {token}")

    def _use(self, authorization: str) -> bool:
        with self._lock:
            new = authorization != self._authorization
            self._authorization = authorization
        return new


def base_url(host: str, path: str) -> str:
    """Return the URL of a repository in a registry's API. Docker's hub has its API elsewhere, and a namespace for names without one."""
    if host == DOCKER_HUB:
        host, path = DOCKER_API, path if "/" in path else f"library/{path}"
    return f"{'http' if is_local_host(host) else 'https'}://{host}/v2/{path}"


def is_model(layer: Layer) -> bool:
    """Return whether a layer is a GGUF file, by its type or by its title."""
    return layer.media_type in GGUF_TYPES or layer.title.endswith(".gguf")
