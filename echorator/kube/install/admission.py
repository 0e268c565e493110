"""What API servers check before they store a Model: a CEL policy, which they evaluate themselves, and the operator's webhooks. Pure.

Feeds `manifests`. The webhooks' answers are made by `webhooks.admission`.
"""

from __future__ import annotations

from echorator.kube.api.resources import GROUP, MANAGED_BY, MANAGED_LABEL, MODEL, MUTATING, VALIDATING, VERSION, Kind, Object
from echorator.kube.installation import DEFAULT_PATH, OPERATOR, VALIDATE_PATH, WEBHOOK_PORT, Install, labels_of

WEBHOOK_S = 5  # limit for the webhook's answer


def admission_policy(install: Install) -> list[Object]:
    """Return the ValidatingAdmissionPolicy for rules that the schema of a Model cannot express, and its binding.

    A violation that an older Model has already does not block changes of its other fields.
    """
    name = "echorator-models"
    managed = f"'{MANAGED_LABEL}' in LABELS && LABELS['{MANAGED_LABEL}'] == '{MANAGED_BY}'"
    layers = "has(object.spec.engine.gpuLayers) && object.spec.engine.gpuLayers == 0"
    variables = {
        "labels": "has(object.metadata.labels) ? object.metadata.labels : {}",
        "labelsBefore": "request.operation == 'UPDATE' && has(oldObject.metadata.labels) ? oldObject.metadata.labels : {}",
        "specStays": "request.operation == 'UPDATE' && object.spec == oldObject.spec",
    }
    now, before = (managed.replace("LABELS", f"variables.{labels}") for labels in ("labels", "labelsBefore"))
    policy: Object = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "resourceRules": [
                    {"apiGroups": [GROUP], "apiVersions": [VERSION], "operations": ["CREATE", "UPDATE"], "resources": [MODEL.plural]}
                ]
            },
            "matchConditions": _conditions(install),
            "variables": [{"name": name, "expression": expression} for name, expression in variables.items()],
            "validations": [
                {
                    "expression": f"!({now}) || ({before})",
                    "message": f"metadata.labels: {MANAGED_LABEL}={MANAGED_BY} is for what the operator makes; remove it",
                },
                {
                    "expression": f"variables.specStays || !(has(object.spec.gpus) && object.spec.gpus > 0 && {layers})",
                    "message": "spec.gpus are of no use with spec.engine.gpuLayers 0; remove one of them",
                },
            ],
        },
    }
    binding: Object = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    }
    return [policy, binding]


def _conditions(install: Install) -> list[Object]:
    """Return the match conditions: requests of the operator, and of Models that are being deleted, are not checked."""
    account = f"system:serviceaccount:{install.namespace}:{OPERATOR}"
    conditions = {
        "not-the-operator": f"request.userInfo.username != '{account}'",
        "not-on-its-way-out": "!has(object.metadata.deletionTimestamp)",
    }
    return [{"name": name, "expression": expression} for name, expression in conditions.items()]


def webhooks(install: Install) -> list[Object]:
    """Return the webhooks' Service and their two configurations, for checks that CEL cannot express.

    API servers ignore a webhook that does not answer, since the schema and the policy hold anyway. The certificates' loop of the operator
    writes the caBundle. Requests of the operator itself, and updates that leave the spec unchanged, do not call the webhooks, so that they
    need no running operator.
    """
    port = {"name": "webhook", "port": 443, "targetPort": WEBHOOK_PORT, "protocol": "TCP"}
    return [
        install.document("v1", "Service", OPERATOR, {"spec": {"selector": {"app.kubernetes.io/name": OPERATOR}, "ports": [port]}}),
        _webhook(install, VALIDATING, "validate", VALIDATE_PATH),
        _webhook(install, MUTATING, "default", DEFAULT_PATH),
    ]


def _webhook(install: Install, kind: Kind, verb: str, path: str) -> Object:
    rule = {
        "apiGroups": [GROUP],
        "apiVersions": [VERSION],
        "operations": ["CREATE", "UPDATE"],
        "resources": [MODEL.plural],
        "scope": "Namespaced",
    }
    spec_changes = {"name": "spec-changes", "expression": "request.operation != 'UPDATE' || object.spec != oldObject.spec"}
    elsewhere = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": [install.namespace]}
    webhook = {
        "name": f"{verb}.{MODEL.plural}.{GROUP}",
        "admissionReviewVersions": ["v1"],
        "clientConfig": {"service": {"namespace": install.namespace, "name": OPERATOR, "port": 443, "path": path}},
        "rules": [rule],
        "failurePolicy": "Ignore",
        "matchPolicy": "Equivalent",
        "sideEffects": "None",
        "timeoutSeconds": WEBHOOK_S,
        "namespaceSelector": {"matchExpressions": [elsewhere]},
        "matchConditions": [*_conditions(install), spec_changes],
    }
    metadata = {"name": OPERATOR, "labels": labels_of(OPERATOR)}
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, "webhooks": [webhook]}
