"""Which Kubernetes cluster is meant, by the options and the environment: for `kollama` and `echorator operator`, in the same words."""

from __future__ import annotations

import os

from echorator.cli.exits import CommandError, Exit
from echorator.kube.client import Client, NoClusterError


async def connected(kubeconfig: str | None, context: str | None) -> Client:
    """By the kubeconfig that there is, else by the service account of a pod. Raises CommandError, NoContextError."""
    try:
        return await Client.connect(_path(kubeconfig, context), context)
    except NoClusterError as error:
        raise CommandError(str(error), Exit.UNAVAILABLE) from error


def _path(kubeconfig: str | None, context: str | None) -> str | None:
    """None: this is a pod. Raises CommandError."""
    known = kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
    if any(os.path.exists(os.path.expanduser(path)) for path in known.split(os.pathsep)):
        return known
    if "KUBERNETES_SERVICE_HOST" in os.environ and not kubeconfig and not context:
        return None
    said = f"no cluster is known here: there is no {known}; set KUBECONFIG, or name a file with --kubeconfig"
    raise CommandError(said, Exit.UNAVAILABLE)
