"""Translates the errors of an API server into the one line and the exit code with which a command of `kollama` ends."""

from __future__ import annotations

import re

from echorator.errors import EchoratorError, InvalidRequestError
from echorator.host.exits import CommandError, Exit
from echorator.kube.api.client import AbsentError, ApiError, ForbiddenError, QuotaError, UnreachableError
from echorator.kube.api.resources import GROUP, MODEL

NOT_INSTALLED = "the Model resource is not installed; kubectl apply --server-side -f install.yaml"
UNAUTHORIZED = 401
_REFUSED = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\w+) resource "(?P<resource>[^"]+)"(?: in API group "(?P<group>[^"]*)")?'
    r'(?: in the namespace "(?P<namespace>[^"]*)"| at the cluster scope)?'
)


def of_error(error: EchoratorError) -> CommandError:
    """Return the command's error, which says what to do about it."""
    said = str(error)
    match error:
        case UnreachableError():
            return CommandError(f"{said}; is the cluster up, and is it the one that your kubeconfig's context means?", Exit.UNAVAILABLE)
        case ForbiddenError():
            return CommandError(_forbidden(said))
        case QuotaError():
            return CommandError(f"{said}; ask for a larger quota, or free some", Exit.RESOURCE)
        case AbsentError() if error.reason != "NotFound":  # the API server has no such path: the resource is not installed
            return CommandError(NOT_INSTALLED, Exit.UNAVAILABLE)
        case AbsentError() if "the server could not find the requested resource" in said:
            return CommandError(NOT_INSTALLED, Exit.UNAVAILABLE)
        case AbsentError() if found := re.match(r'namespaces "([^"]+)" not found', said):
            return CommandError(f"there is no namespace {found[1]!r}; kubectl create namespace {found[1]}")
        case ApiError() if error.status == UNAUTHORIZED:
            return CommandError("the API server does not know who you are; renew the credentials of your kubeconfig")
        case InvalidRequestError():
            return CommandError(said, Exit.USAGE)
    return CommandError(said)


def _forbidden(said: str) -> str:
    found = _REFUSED.search(said)
    if found is None:
        return said
    resource = f"{found['resource']}.{found['group']}" if found["group"] else found["resource"]
    where = f" in namespace {found['namespace']}" if found["namespace"] else " of all namespaces"
    hint = ""
    if (found["group"], found["resource"]) == (GROUP, MODEL.plural):
        role = "view" if found["verb"] in ("get", "list", "watch") else "edit"
        hint = f" (the role {role!r} has that right)"
    return f"{found['user']} may not {found['verb']} {resource}{where}; ask whoever gives rights here{hint}"
