"""Translates the errors of an API server into the one line and the exit code with which a command of `kollama` ends."""

from __future__ import annotations

import re

from echorator.errors import EchoratorError, InvalidRequestError
from echorator.host.exits import CommandError, Exit, exit_of
from echorator.kube.api.client import AbsentError, ApiError, ForbiddenError, QuotaError, UnreachableError
from echorator.kube.api.resources import GROUP, MODEL

NOT_INSTALLED = "the Model resource is not installed; kubectl apply --server-side -f install.yaml"
NO_PATH = "404 page not found"  # what an API server says of a path that it does not have
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
        case AbsentError() if said.strip() == NO_PATH or "the server could not find the requested resource" in said:
            return CommandError(NOT_INSTALLED, Exit.UNAVAILABLE)
        case AbsentError() if found := re.match(r'namespaces "([^"]+)" not found', said):
            return CommandError(f"there is no namespace {found[1]!r}; kubectl create namespace {found[1]}")
        case AbsentError() if not error.reason:
            return CommandError(
                f"what answers is no API server of Kubernetes: {said[:100]!r}; is your kubeconfig's context the one that you mean?",
                Exit.UNAVAILABLE,
            )
        case ApiError() if error.status == UNAUTHORIZED:
            return CommandError("the API server does not know who you are; renew the credentials of your kubeconfig")
        case InvalidRequestError():
            return CommandError(said, Exit.USAGE)
    return CommandError(said, exit_of(error))


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
