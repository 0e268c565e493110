"""Turns a source into files: looks into the stores, asks the registry, pulls what is missing, small layers first, the manifest last."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from echorator.errors import InvalidRequestError, ModelFileError
from echorator.model_files.docker_credentials import DockerCredentials
from echorator.model_files.first_look import first_look, room_for
from echorator.model_files.http import AbsentError, AnswerError, DeniedError, Http, NetworkError, Target, shown
from echorator.model_files.hub import HubClient, HubSettings
from echorator.model_files.json_text import whole_number
from echorator.model_files.partial import progress_of
from echorator.model_files.reference import File, Hub, Reference, Registry, Remote, Url, parse
from echorator.model_files.registry import RegistryClient, is_model
from echorator.model_files.retrying import retried
from echorator.model_files.store import (
    ADAPTER,
    MODEL,
    PARAMS,
    SOURCE,
    SYSTEM,
    TEMPLATE,
    UNPACKED,
    Layer,
    Manifest,
    NotPulledError,
    Store,
    Stored,
    made,
    meant_by,
    written_to,
)
from echorator.model_files.store_server import OtherStore
from echorator.model_files.tar_layers import is_tar, unpacked
from echorator.model_files.transfer import POLL_S, Origin, claim, fetch, refuse

MOST_FOLDERS = 1000  # folders searched below one that is named as a model: a volume has a few, a whole disk has no end
MOST_TEXT_BYTES = 1 << 20  # largest template, system message or set of parameters
_PART = re.compile(r"-\d{5}-of-\d{5}\.gguf$")


@dataclass(frozen=True)
class Progress:
    """The progress of a pull: `stage` is resolving, pulling, unpacking or ready. Bytes are those of all layers together."""

    stage: str
    done_bytes: int = 0
    total_bytes: int = 0
    detail: str = ""


OnProgress = Callable[[Progress], None]
OriginOf = Callable[[Layer], Origin]


@dataclass(frozen=True)
class Image:
    """The files of a model or adapter. `adapters`, `template`, `system` and `params` are the source's own, where it has them."""

    source: str
    path: Path
    digest: str = ""
    size_bytes: int = 0
    adapters: tuple[Path, ...] = ()
    template: str = ""
    system: str = ""
    params: str = ""  # JSON


@dataclass(frozen=True)
class PullSettings:
    """Where models may come from, and which ones are refused."""

    docker_configs: Sequence[Path] = ()  # files with the credentials of registries
    hub: HubSettings = field(default_factory=HubSettings)  # the address of Hugging Face's hub, and its token
    offline: bool = False  # nothing is pulled
    memory_bytes: int = 0  # larger models are refused; 0: none
    mirrors: Mapping[str, Sequence[str]] = field(default_factory=dict)  # HOST[:PORT][/PREFIX] to ask before a registry's host, by host
    upstream: str = ""  # the URL of another store (see `store_server`), which is asked first
    mounts: Mapping[str, Path] = field(default_factory=dict)  # files or folders that already hold the model of a source, by source


DEFAULTS = PullSettings()


class Puller:
    """The files of models by their source: `pull` and `have` may use the network, `find` does not."""

    def __init__(self, store: Store, others: Iterable[Store] = (), settings: PullSettings = DEFAULTS) -> None:
        """Pull into `store`; `others` are only read."""
        self.store = store
        self._stores = [store, *others]
        self._settings = settings
        self._credentials = DockerCredentials(settings.docker_configs)
        self._http = Http()

    def find(self, source: str) -> Image | None:
        """Return what is already here. Raises SourceError, StoreError, and ModelFileError for a local file that is absent."""
        reference = meant(source)
        if isinstance(reference, File):
            return _of_file(reference)
        stored = meant_by(self._stores, reference)
        return _image(reference, stored) if stored is not None else None

    def have(self, source: str, on_progress: OnProgress = lambda _: None) -> Image:
        """Return what is here, else pull it; for callers that need the model, but not its newest version. Raises what `pull` raises."""
        if source in self._settings.mounts:
            return _of_file(File(self._settings.mounts[source]))
        return self.find(source) or self.pull(source, on_progress)

    def pull(self, source: str, on_progress: OnProgress = lambda _: None) -> Image:
        """Pull a model so that it can be loaded. A tag is looked up again; if its registry is out of reach, the stored model is used.

        Raises SourceError, StoreError, ModelFileError, NotPulledError (offline), and what `transfer.fetch` raises.
        """
        reference = meant(source)
        if isinstance(reference, File):
            return _of_file(reference)
        there = meant_by(self._stores, reference)
        if self._settings.offline or (there is not None and _fixed(reference)):
            if there is None:
                raise NotPulledError(
                    f"{reference} is not in {self.store.folder}, and this machine is offline; pull it where there is a network"
                )
            return _image(reference, there)
        self.store.prepare()
        on_progress(Progress("resolving"))
        try:
            manifest, origin_of = self._resolve(reference)
        except NetworkError:
            if there is None:
                raise
            return _image(reference, there)
        if not any(is_model(layer) for layer in manifest.layers):
            stored = self._image_pulled(reference, manifest, origin_of, on_progress)
        else:
            self._fits(reference, manifest.layers)
            self._layers(reference, manifest.layers, origin_of, on_progress)
            stored = self.store.keep(reference, manifest)
        on_progress(Progress("ready", manifest.size_bytes, manifest.size_bytes))
        return _image(reference, stored)

    def _image_pulled(self, reference: Remote, manifest: Manifest, origin_of: OriginOf, on_progress: OnProgress) -> Stored:
        """Keep only the models of an image's file system. One process unpacks them; the others wait and find its result."""
        layers = [layer for layer in manifest.layers if is_tar(layer)]
        lock = self.store.lock(manifest.digest)
        while (held := claim(lock)) is None:
            there = sum(layer.size_bytes if self.store.has(layer) else progress_of(self.store.partial(layer.digest))[0] for layer in layers)
            on_progress(Progress("pulling", there, manifest.size_bytes, manifest.digest))
            time.sleep(POLL_S)
        try:
            return self._models_of(reference, manifest, layers, origin_of, on_progress)
        except OSError as error:
            raise written_to(self.store.folder, error) from error
        finally:
            with suppress(OSError):
                lock.unlink()
            os.close(held)

    def _models_of(
        self, reference: Remote, image: Manifest, layers: Sequence[Layer], origin_of: OriginOf, on_progress: OnProgress
    ) -> Stored:
        kept = self.store.find(reference)
        if kept is not None and kept.manifest.annotations.get(UNPACKED) == image.digest and self.store.whole(kept):
            return kept
        for last in (False, False, True):
            self._layers(reference, layers, origin_of, on_progress)
            on_progress(Progress("unpacking", image.size_bytes, image.size_bytes))
            try:
                models = unpacked(self.store, layers, str(reference))
                break
            except FileNotFoundError:  # a pull of another image with the same layer has finished and removed it
                if last:
                    raise
        self._fits(reference, models)
        kept = self.store.keep(reference, made(models, {UNPACKED: image.digest}))
        for layer in layers:
            self.store.blob(layer.digest).unlink(missing_ok=True)
        return kept

    def _resolve(self, reference: Remote) -> tuple[Manifest, OriginOf]:
        if self._settings.upstream:
            other = OtherStore(self._settings.upstream, self._http)
            with suppress(AbsentError):
                return other.manifest(reference), other.origin_of
        if isinstance(reference, Url):
            return self._of_url(reference)
        if isinstance(reference, Hub):
            hub = HubClient(reference, self._http, self._settings.hub)
            return hub.manifest(), lambda layer: hub.origin_of(layer.digest)
        client, manifest = self._of_registry(reference)
        if not any(is_model(layer) or is_tar(layer) for layer in manifest.layers):
            kinds = ", ".join(sorted({layer.media_type for layer in manifest.layers})) or "none"
            raise AnswerError(f"{reference} has no GGUF file; its layers are: {kinds}")
        return manifest, client.origin_of

    def _of_registry(self, reference: Registry) -> tuple[RegistryClient, Manifest]:
        """Ask the first mirror that has the model, else the registry itself."""
        for mirror in self._settings.mirrors.get(reference.host, ()):
            client = RegistryClient(reference, self._http, self._credentials, mirror)
            with suppress(NetworkError, AbsentError, DeniedError):
                return client, client.manifest()
        client = RegistryClient(reference, self._http, self._credentials)
        return client, client.manifest()

    def _of_url(self, reference: Url) -> tuple[Manifest, OriginOf]:
        """Make a manifest for a file that has none."""

        def size() -> int:
            response = self._http.open(Target(reference.url, {"Range": "bytes=0-0"}))
            with response:
                refuse(reference.url, response.status_code, response.reason)
                ranged = response.headers.get("Content-Range", "").rpartition("/")[2]
                total = ranged if response.status_code == 206 else response.headers.get("Content-Length", "")
                size_bytes = whole_number(total)
                if size_bytes is None:
                    raise AnswerError(f"{shown(reference.url)}: the server does not say how large the file is")
                return size_bytes

        layer = Layer(MODEL, reference.digest, retried(size), Path(reference.url.partition("?")[0]).name)
        return made([layer], {SOURCE: str(reference)}), lambda _: Origin(lambda: Target(reference.url, {}))

    def _fits(self, reference: Remote, layers: Sequence[Layer]) -> None:
        """Check that the layers are one model of a possible size. Raises InvalidRequestError, ResourceError."""
        room_for(str(reference), sum(layer.size_bytes for layer in _weights(reference, layers)), self._settings.memory_bytes)

    def _layers(self, reference: Remote, layers: Sequence[Layer], origin_of: OriginOf, on_progress: OnProgress) -> None:
        """Fetch the layers, small ones first: they may refuse the model before its weights are pulled."""
        done, total = 0, sum(layer.size_bytes for layer in layers)
        for layer in sorted(set(layers), key=lambda layer: (is_model(layer), layer.size_bytes)):
            before = done

            def told(now: int, _total: int, before: int = before, layer: Layer = layer) -> None:
                on_progress(Progress("pulling", before + now, total, layer.digest))

            check = first_look(str(reference), layer.size_bytes) if is_model(layer) or layer.media_type == ADAPTER else None
            fetch(self.store, layer, origin_of(layer), self._http, told, check)
            done += layer.size_bytes


def meant(source: str) -> Reference:
    """Return the reference that `parse` finds, except that the name of an existing file means that file. Raises SourceError."""
    reference = parse(source)
    return File(Path(source)) if isinstance(reference, Registry) and os.path.isfile(source) else reference


def _fixed(reference: Reference) -> bool:
    """Return whether a reference can never mean anything else."""
    return (
        isinstance(reference, Url)
        or (isinstance(reference, Registry) and reference.version.startswith("sha256:"))
        or (isinstance(reference, Hub) and re.fullmatch(r"[0-9a-f]{40}", reference.revision) is not None)
    )


def _of_file(reference: File) -> Image:
    if reference.embedded:
        return Image(str(reference), Path())
    try:
        if reference.path.is_dir():
            return _of_folder(reference)
        if not reference.path.is_file():
            raise ModelFileError(f"{reference.path}: no such file; correct the name, or put the file there")
        return Image(str(reference), reference.path.absolute(), size_bytes=reference.path.stat().st_size)
    except OSError as error:
        raise ModelFileError(f"{reference.path}: {error.strerror or error}") from error


def _of_folder(reference: File) -> Image:
    """Return the image of a folder that contains one model, as a mounted volume may."""
    files = []
    for seen, (folder, _, names) in enumerate(os.walk(reference.path)):
        if seen >= MOST_FOLDERS:
            raise ModelFileError(f"{reference.path} has more than {MOST_FOLDERS} folders below it; name the model's file or its own folder")
        files += [path for name in names if name.endswith(".gguf") and (path := Path(folder, name)).is_file()]
    files.sort()
    if not files or (len(files) > 1 and not all(_PART.search(path.name) for path in files)):
        there = ", ".join(str(path.relative_to(reference.path)) for path in files[:8]) or "none"
        raise ModelFileError(f"{reference.path} is a folder, and should have one GGUF file in it; it has: {there}")
    return Image(str(reference), files[0].absolute(), size_bytes=sum(path.stat().st_size for path in files))


def _image(reference: Remote, stored: Stored) -> Image:
    store = Store(stored.folder)
    manifest = stored.manifest
    models = _weights(reference, manifest.layers)
    texts = {kind: _text(store, manifest.of(kind)) for kind in (TEMPLATE, SYSTEM, PARAMS)}
    path = store.blob(models[0].digest) if len(models) == 1 else store.joined(manifest, models)
    adapters = tuple(store.blob(layer.digest) for layer in manifest.of(ADAPTER))
    return Image(str(reference), path, models[0].digest, manifest.size_bytes, adapters, texts[TEMPLATE], texts[SYSTEM], texts[PARAMS])


def _weights(reference: Remote, layers: Sequence[Layer]) -> list[Layer]:
    """Return the one file of weights, or the parts of a split one in their order. Raises InvalidRequestError."""
    models = sorted((layer for layer in layers if is_model(layer)), key=lambda layer: layer.title)
    if len(models) != 1 and not all(_PART.search(layer.title) for layer in models):
        names = ", ".join(layer.title or layer.digest[:19] for layer in models)
        raise InvalidRequestError(
            f"{reference} has {len(models)} model files that are not parts of one: {names}; name a source that has one"
        )
    return models


def _text(store: Store, layers: tuple[Layer, ...]) -> str:
    parts = []
    for layer in layers:
        if layer.size_bytes > MOST_TEXT_BYTES:
            raise InvalidRequestError(f"a layer of type {layer.media_type} has {layer.size_bytes} bytes; that is no text of a model")
        parts.append(store.blob(layer.digest).read_bytes().decode("utf-8", "replace"))
    return "\n".join(parts)
