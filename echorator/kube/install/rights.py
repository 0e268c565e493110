"""The operator's account and rights, and the roles for users who may change or see Models. Pure; feeds `manifests`."""

from __future__ import annotations

from echorator.kube.api.resources import CHILDREN, GROUP, MUTATING, VALIDATING, Object
from echorator.kube.installation import OPERATOR, WEBHOOK_SECRET, Install


def rights(install: Install) -> list[Object]:
    """Return the operator's account with its roles and bindings, and the users' roles; no other part calls the API server."""
    rbac = "rbac.authorization.k8s.io"
    subject = {"kind": "ServiceAccount", "name": OPERATOR, "namespace": install.namespace}

    def role(kind: str, held: list[Object]) -> Object:
        return install.document(f"{rbac}/v1", kind, OPERATOR, {"rules": held})

    def bound(kind: str) -> Object:
        reference = {"apiGroup": rbac, "kind": kind.removesuffix("Binding"), "name": OPERATOR}
        return install.document(f"{rbac}/v1", kind, OPERATOR, {"roleRef": reference, "subjects": [subject]})

    made = [
        install.document("v1", "ServiceAccount", OPERATOR, {}),
        role("ClusterRole", _everywhere()),
        bound("ClusterRoleBinding"),
        role("Role", _in_own_namespace()),
        bound("RoleBinding"),
        *_aggregated(install),
    ]
    for document in made:
        if document["kind"].startswith("ClusterRole"):
            document["metadata"].pop("namespace")
    return made


def _everywhere() -> list[Object]:
    """Return what the operator may do in every namespace: read Models, write what they become, and keep its own webhooks."""
    rules: list[Object] = [
        {"apiGroups": [GROUP], "resources": ["models"], "verbs": ["get", "list", "watch", "patch"]},
        {"apiGroups": [GROUP], "resources": ["models/status"], "verbs": ["patch"]},
        {"apiGroups": [GROUP], "resources": ["models/finalizers"], "verbs": ["update"]},
        {"apiGroups": [""], "resources": ["pods", "persistentvolumeclaims"], "verbs": ["list", "watch"]},
        {"apiGroups": ["storage.k8s.io"], "resources": ["storageclasses"], "verbs": ["list", "watch"]},
        {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]},
    ]
    groups: dict[str, list[str]] = {}
    for kind in CHILDREN:
        groups.setdefault(kind.group, []).append(kind.plural)
    groups["gateway.networking.k8s.io"] = ["grpcroutes"]
    written = ["get", "list", "watch", "create", "patch", "delete"]
    rules += [{"apiGroups": [group], "resources": names, "verbs": written} for group, names in groups.items()]
    webhooks: Object = {"apiGroups": [VALIDATING.group], "resources": [VALIDATING.plural, MUTATING.plural]}
    return [*rules, {**webhooks, "resourceNames": [OPERATOR], "verbs": ["get", "patch"]}]


def _in_own_namespace() -> list[Object]:
    """Return what the operator may do only in its own namespace: elect a leader, and keep the webhooks' certificate."""
    return [
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "resourceNames": [OPERATOR], "verbs": ["get", "update"]},
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]},
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [WEBHOOK_SECRET], "verbs": ["get", "update"]},
    ]


def _aggregated(install: Install) -> list[Object]:
    """Return the roles that let users with `edit` in a namespace change its Models, and users with `view` see them."""
    made = []
    for name, verbs in (("edit", ["create", "update", "patch", "delete", "deletecollection"]), ("view", ["get", "list", "watch"])):
        resources = ["models", "models/scale", *(["models/status"] if name == "view" else [])]
        rules = [{"apiGroups": [GROUP], "resources": resources, "verbs": verbs}]
        document = install.document("rbac.authorization.k8s.io/v1", "ClusterRole", f"echorator-models-{name}", {"rules": rules})
        targets = ("admin", "edit") if name == "edit" else ("admin", "edit", "view")
        document["metadata"]["labels"] |= {f"rbac.authorization.k8s.io/aggregate-to-{target}": "true" for target in targets}
        made.append(document)
    return made
