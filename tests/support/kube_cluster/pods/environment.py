"""The environment and the command line of a container, as the process gets them that stands for it."""

from __future__ import annotations

import base64
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.kube_cluster.api_client import ApiClient, Json
from tests.support.kube_cluster.kubeconfigs import token_user, write_kubeconfig
from tests.support.kube_cluster.pods.fields import field_of, resource_of
from tests.support.kube_cluster.pods.texts import Localization, Resolve, expanded
from tests.support.kube_cluster.pods.volumes import TOKENS_AT, NotYet, PodVolumes

_REPOSITORY = Path(__file__).parents[4]
_ENTRY_POINTS = {
    "echorator": (sys.executable, "-P", "-m", "echorator"),
    "kollama": (sys.executable, "-P", "-m", "echorator.cli.kollama.program"),
}


class NoProgram(Exception):
    """The container's command names nothing that can be run."""


@dataclass(frozen=True)
class Launch:
    """What is to be run, and where."""

    command: tuple[str, ...]
    env: dict[str, str]
    cwd: Path
    localization: Localization


class PodEnvironment:
    """Of the containers of one pod, once its volumes are placed."""

    def __init__(self, api: ApiClient, pod: Json, folder: Path, address: str, sources: PodVolumes, resolve: Resolve) -> None:
        self._api = api
        self._pod = pod
        self._folder = folder
        self._address = address
        self._sources = sources
        self._resolve = resolve
        self.volumes: dict[str, Path] = {}
        self.home = folder / "home"
        for name in ("home", "data", "tmp", "termination"):
            (folder / name).mkdir(parents=True, exist_ok=True)

    def termination_message(self, container: Json) -> Path:
        """What stands for its terminationMessagePath."""
        return self._folder / "termination" / str(container["name"])

    async def launch(self, container: Json) -> Launch:
        await self._sources.refresh()
        own = await self._own(container)
        localization = self._localization(container, own)
        env = self._given(container)
        for name, value in own.items():
            env[name] = await localization.text(value)
        arguments = [await localization.text(expanded(text, own)) for text in container.get("args", ())]
        command = [expanded(text, own) for text in container.get("command", ())]
        program = await self._runnable(command, arguments, localization, env)
        return Launch(program, env, self._cwd(container, localization), localization)

    async def beside(self, launch: Launch, command: list[str]) -> Launch:
        """A command of a probe or hook, in the surroundings of a container that runs."""
        program = await self._runnable(command, [], launch.localization, launch.env)
        return Launch(program, launch.env, launch.cwd, launch.localization)

    async def _runnable(self, command: list[str], arguments: list[str], localization: Localization, env: dict[str, str]) -> tuple[str, ...]:
        if not command:
            return (*_ENTRY_POINTS["echorator"], *arguments)
        given = [await localization.text(text) for text in command[1:]] + arguments
        if command[0] in _ENTRY_POINTS:
            return (*_ENTRY_POINTS[command[0]], *given)
        name = localization.path(command[0])
        program = shutil.which(name, path=env["PATH"])
        if program is None:
            raise NoProgram(f'exec: "{name}": executable file not found')
        return (program, *given)

    def _given(self, container: Json) -> dict[str, str]:
        """What comes from the image and the node."""
        python_path = [
            str(_REPOSITORY),
            *(str(Path(path).absolute()) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path),
        ]
        env = {
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONPATH": os.pathsep.join(dict.fromkeys(python_path)),
            "PYTHONUNBUFFERED": "1",
            "HOME": str(self.home),
            "HOSTNAME": str(self._pod["spec"].get("hostname") or self._pod["metadata"]["name"]),
            "TMPDIR": str(self._folder / "tmp"),
            "XDG_DATA_HOME": str(self._folder / "data"),
        }
        kubeconfig = self._kubeconfig(container)
        return env if kubeconfig is None else {**env, "KUBECONFIG": str(kubeconfig)}

    def _kubeconfig(self, container: Json) -> Path | None:
        """With the token that a client inside a cluster would find mounted; none where the pod does not mount it."""
        for mount in container.get("volumeMounts", ()):
            if mount["mountPath"] == TOKENS_AT:
                tokens = self.volumes[mount["name"]]
                namespace = self._pod["metadata"]["namespace"]
                user = token_user((tokens / "token").read_text("utf-8"))
                return write_kubeconfig(self._folder / "kubeconfig", self._api.url, self._api.ca, user, namespace)
        return None

    async def _own(self, container: Json) -> dict[str, str]:
        """What the pod's spec says, before it is localized."""
        env: dict[str, str] = {}
        for source in container.get("envFrom", ()):
            prefix = source.get("prefix", "")
            for kind, key in (("configmaps", "configMapRef"), ("secrets", "secretRef")):
                if key in source:
                    values = await self._values(kind, source[key]["name"], source[key].get("optional", False))
                    env |= {prefix + name: value for name, value in values.items()}
        for item in container.get("env", ()):
            if "valueFrom" not in item:
                env[item["name"]] = expanded(item.get("value", ""), env)
                continue
            value = await self._value(container, item["valueFrom"])
            if value is not None:
                env[item["name"]] = value
        return env

    async def _values(self, kind: str, name: str, optional: bool) -> dict[str, str]:
        data = (await self._sources.object(kind, name, optional)).get("data", {})
        if kind == "configmaps":
            return dict(data)
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    async def _value(self, container: Json, source: Json) -> str | None:
        if "fieldRef" in source:
            return field_of(self._pod, source["fieldRef"]["fieldPath"], self._address)
        if "resourceFieldRef" in source:
            return resource_of(container, source["resourceFieldRef"])
        for kind, reference in (("configmaps", source.get("configMapKeyRef")), ("secrets", source.get("secretKeyRef"))):
            if reference is not None:
                optional = reference.get("optional", False)
                values = await self._values(kind, reference["name"], optional)
                if reference["key"] in values:
                    return values[reference["key"]]
                if not optional:
                    raise NotYet(f"couldn't find key {reference['key']} in {kind} {reference['name']}")
        return None

    def _localization(self, container: Json, own: dict[str, str]) -> Localization:
        mounts = {container.get("terminationMessagePath", "/dev/termination-log"): str(self.termination_message(container))}
        for mount in container.get("volumeMounts", ()):
            below = expanded(mount.get("subPathExpr", ""), own) or mount.get("subPath", "")
            local = self.volumes[mount["name"]] / below
            if below and not local.exists():
                local.mkdir(parents=True)
            mounts[mount["mountPath"]] = str(local)
        return Localization(mounts, self._address, self._resolve)

    def _cwd(self, container: Json, localization: Localization) -> Path:
        folder = Path(localization.path(container.get("workingDir", "")) or self.home)
        return folder if folder.is_dir() else self.home
