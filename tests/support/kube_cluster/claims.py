"""A dynamic provisioner: claims of the storage class `process` become folders of the node, and end as folders."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from tests.support.kube_cluster.api_client import ApiClient, Json

STORAGE_CLASS = "process"
PROVISIONER = "echorator.dev/process"
_SELECTED_NODE = "volume.kubernetes.io/selected-node"
_PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"


class Provisioner:
    """Told of claims and volumes as they change."""

    def __init__(self, api: ApiClient, folder: Path) -> None:
        self._api = api
        self._folder = folder
        self._claims: dict[str, Json] = {}
        self._volumes: dict[str, Json] = {}
        self._lock = asyncio.Lock()

    async def start(self) -> None:
        storage_class = {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": STORAGE_CLASS, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
            "provisioner": PROVISIONER,
            "reclaimPolicy": "Delete",
            "volumeBindingMode": "WaitForFirstConsumer",
        }
        await self._api.create("/apis/storage.k8s.io/v1/storageclasses", storage_class)

    async def change(self, item: Json, gone: bool, claim: bool) -> None:
        """One event of a watch."""
        known = self._claims if claim else self._volumes
        if gone:
            known.pop(item["metadata"]["uid"], None)
        else:
            known[item["metadata"]["uid"]] = item
        async with self._lock:
            await self._release()
            await self._provision()

    def _own(self) -> list[Json]:
        volumes = self._volumes.values()
        return [item for item in volumes if item["metadata"].get("annotations", {}).get(_PROVISIONED_BY) == PROVISIONER]

    async def _release(self) -> None:
        for volume in self._own():
            metadata = volume["metadata"]
            if volume.get("status", {}).get("phase") == "Released" and "deletionTimestamp" not in metadata:
                await asyncio.to_thread(shutil.rmtree, volume["spec"]["hostPath"]["path"], ignore_errors=True)
                await self._api.delete(f"/api/v1/persistentvolumes/{metadata['name']}")
                metadata["deletionTimestamp"] = "now"

    async def _provision(self) -> None:
        """A claim whose folder still belongs to one of the same name waits for the end of that."""
        taken = {volume["spec"]["hostPath"]["path"] for volume in self._own()}
        for claim in list(self._claims.values()):  # events come in between
            metadata, spec = claim["metadata"], claim["spec"]
            wanted = _SELECTED_NODE in metadata.get("annotations", {}) and spec.get("storageClassName") == STORAGE_CLASS
            folder = self._folder / str(metadata["namespace"]) / str(metadata["name"])
            if wanted and not spec.get("volumeName") and "deletionTimestamp" not in metadata and str(folder) not in taken:
                await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
                await self._api.create("/api/v1/persistentvolumes", _volume(claim, folder))


def _volume(claim: Json, folder: Path) -> Json:
    metadata, spec = claim["metadata"], claim["spec"]
    reference = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **{key: metadata[key] for key in ("namespace", "name", "uid")}}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"pvc-{metadata['uid']}", "annotations": {_PROVISIONED_BY: PROVISIONER}},
        "spec": {
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": spec["accessModes"],
            "volumeMode": spec.get("volumeMode", "Filesystem"),
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": STORAGE_CLASS,
            "claimRef": reference,
            "hostPath": {"path": str(folder)},
        },
    }
