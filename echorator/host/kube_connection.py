"""Chooses the Kubernetes cluster by options and environment, with the same messages for `kollama` and `echorator operator`."""

from __future__ import annotations

import os

from echorator.host.exits import CommandError, Exit
from echorator.kube.api.client import Client, NoClusterError


async def connected(kubeconfig: str | None, context: str | None) -> Client:
    """Connect by a kubeconfig if there is one, else by a pod's service account. Raises CommandError, NoContextError."""
    try:
        return await Client.connect(_path(kubeconfig, context), context)
    except NoClusterError as error:
        raise CommandError(str(error), Exit.UNAVAILABLE) from error


def _path(kubeconfig: str | None, context: str | None) -> str | None:
    """Return the kubeconfig's path; None if this process is in a pod without one. Raises CommandError."""
    known = kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
    if any(os.path.exists(os.path.expanduser(path)) for path in known.split(os.pathsep)):
        return known
    if "KUBERNETES_SERVICE_HOST" in os.environ and not kubeconfig and not context:
        return None
    said = f"no cluster is known here: there is no {known}; set KUBECONFIG, or name a file with --kubeconfig"
    raise CommandError(said, Exit.UNAVAILABLE)
