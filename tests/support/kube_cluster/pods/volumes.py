"""The volumes of a pod as folders of this machine."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

from tests.support.kube_cluster.api_client import ApiClient, ApiError, Json
from tests.support.kube_cluster.pods.fields import field_of

_DEFAULT_MODE = 0o644
TOKENS_AT = "/var/run/secrets/kubernetes.io/serviceaccount"


class NotYet(Exception):
    """What a pod needs is not there: it waits, and says for what."""


class NoImage(NotYet):
    """A volume's."""


class PodVolumes:
    """`place` fills `folder` with those that a pod has of its own; claims and images are its node's."""

    def __init__(self, api: ApiClient, pod: Json, folder: Path, images: Path, address: str) -> None:
        self._api = api
        self._pod = pod
        self._namespace = f"/api/v1/namespaces/{pod['metadata']['namespace']}"
        self._folder = folder
        self._images = images
        self._address = address

    async def place(self) -> dict[str, Path]:
        """Their folders by name."""
        volumes = self._pod["spec"].get("volumes", ())
        return {volume["name"]: await self._place(volume) for volume in volumes}

    async def refresh(self) -> None:
        """What ConfigMaps and Secrets say by now, as a kubelet brings it into pods that run."""
        for volume in self._pod["spec"].get("volumes", ()):
            if {"configMap", "secret", "projected"} & volume.keys():
                await self._place(volume)

    async def object(self, kind: str, name: str, optional: bool = False) -> Json:
        """A ConfigMap or Secret; an optional one that is absent is empty."""
        try:
            return await self._api.call("GET", f"{self._namespace}/{kind}/{name}")
        except ApiError as error:
            if error.status != 404:
                raise
            if optional:
                return {}
            raise NotYet(f'{kind.removesuffix("s")} "{name}" not found') from None

    async def _place(self, volume: Json) -> Path:
        folder = self._folder / str(volume["name"])
        if "hostPath" in volume:
            return _host_path(volume["hostPath"])
        if "persistentVolumeClaim" in volume:
            return await self._claim(volume["persistentVolumeClaim"]["claimName"])
        if "ephemeral" in volume:
            return await self._claim(f"{self._pod['metadata']['name']}-{volume['name']}")
        if "image" in volume:
            reference = str(volume["image"]["reference"])
            folder = self._images / re.sub(r"[/:]", "_", reference)
            if not folder.is_dir():
                raise NoImage(f"no image {reference}: {folder} is absent")
            return folder
        folder.mkdir(parents=True, exist_ok=True)
        if "configMap" in volume:
            await self._config_map(folder, volume["configMap"], volume["configMap"])
        elif "secret" in volume:
            source = {**volume["secret"], "name": volume["secret"]["secretName"]}
            await self._secret(folder, source, source)
        elif "downwardAPI" in volume:
            self._downward(folder, volume["downwardAPI"], volume["downwardAPI"])
        elif "projected" in volume:
            for source in volume["projected"].get("sources", ()):
                await self._project(folder, source, volume["projected"])
        elif "emptyDir" not in volume:
            raise NotYet(f"a process has no volume of this kind: {sorted(volume)}")
        return folder

    async def _claim(self, name: str) -> Path:
        claim = await self._api.call("GET", f"{self._namespace}/persistentvolumeclaims/{name}")
        if claim.get("status", {}).get("phase") != "Bound":
            raise NotYet(f'persistentvolumeclaim "{name}" is not bound')
        volume = await self._api.call("GET", f"/api/v1/persistentvolumes/{claim['spec']['volumeName']}")
        return Path(volume["spec"]["hostPath"]["path"])

    async def _config_map(self, folder: Path, source: Json, modes: Json) -> None:
        found = await self.object("configmaps", source["name"], source.get("optional", False))
        files = {key: value.encode() for key, value in found.get("data", {}).items()}
        files |= {key: base64.b64decode(value) for key, value in found.get("binaryData", {}).items()}
        _write_files(folder, files, source, modes)

    async def _secret(self, folder: Path, source: Json, modes: Json) -> None:
        found = await self.object("secrets", source["name"], source.get("optional", False))
        _write_files(folder, {key: base64.b64decode(value) for key, value in found.get("data", {}).items()}, source, modes)

    def _downward(self, folder: Path, source: Json, modes: Json) -> None:
        for item in source.get("items", ()):
            if "fieldRef" in item:
                value = field_of(self._pod, item["fieldRef"]["fieldPath"], self._address)
                _write_file(folder, item["path"], value.encode(), item.get("mode", modes.get("defaultMode")))

    async def _project(self, folder: Path, source: Json, modes: Json) -> None:
        if "configMap" in source:
            await self._config_map(folder, source["configMap"], modes)
        elif "secret" in source:
            await self._secret(folder, source["secret"], modes)
        elif "downwardAPI" in source:
            self._downward(folder, source["downwardAPI"], modes)
        elif "serviceAccountToken" in source:
            token = await self._token(source["serviceAccountToken"])
            _write_file(folder, source["serviceAccountToken"]["path"], token.encode(), modes.get("defaultMode"))

    async def _token(self, source: Json) -> str:
        metadata = self._pod["metadata"]
        account = self._pod["spec"].get("serviceAccountName", "default")
        spec: dict[str, Any] = {
            "audiences": [source["audience"]] if source.get("audience") else [],
            "expirationSeconds": source.get("expirationSeconds", 3600),
            "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]},
        }
        answer = await self._api.call("POST", f"{self._namespace}/serviceaccounts/{account}/token", {"spec": spec})
        return str(answer["status"]["token"])


def _host_path(source: Json) -> Path:
    path = Path(source["path"])
    if source.get("type") == "DirectoryOrCreate":
        path.mkdir(parents=True, exist_ok=True)
    if source.get("type") and not path.exists():
        raise NotYet(f"hostPath {path} is absent")
    return path


def _write_files(folder: Path, files: dict[str, bytes], source: Json, modes: Json) -> None:
    items = source.get("items") or [{"key": key, "path": key} for key in files]
    for item in items:
        if item["key"] in files:
            _write_file(folder, item["path"], files[item["key"]], item.get("mode", modes.get("defaultMode")))
        elif not source.get("optional"):
            raise NotYet(f"references non-existent key: {item['key']}")


def _write_file(folder: Path, name: str, content: bytes, mode: int | None) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    path.chmod(_DEFAULT_MODE if mode is None else mode)
