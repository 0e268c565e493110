"""The files by which clients find a control plane and say who they are."""

from __future__ import annotations

import base64
import json
from pathlib import Path


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def certificate_user(certificate: Path, key: Path) -> dict[str, str]:
    return {"client-certificate-data": _base64(certificate), "client-key-data": _base64(key)}


def token_user(token: str) -> dict[str, str]:
    return {"token": token}


def write_kubeconfig(path: Path, url: str, ca: Path, user: dict[str, str], namespace: str = "default") -> Path:
    """One cluster, one user, one context; JSON, which is YAML too."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "tests", "cluster": {"server": url, "certificate-authority-data": _base64(ca)}}],
        "users": [{"name": "user", "user": user}],
        "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "user", "namespace": namespace}}],
        "current-context": "tests",
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(content, indent=1), "utf-8")
    return path
