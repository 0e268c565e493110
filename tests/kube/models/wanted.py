"""The objects that the operator makes of a spec, without an operator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from echorator.kube.installation import Install
from echorator.kube.models.children import Wanted, wanted_of
from echorator.kube.models.source import source_of
from echorator.model_resource.kube_spec import KubeModelSpec
from echorator.model_resource.schema import check

EVERYTHING = yaml.safe_load((Path(__file__).parents[1] / "data/everything.yaml").read_text("utf-8"))


INSTALL = Install(image_volumes=True, gpu_metrics=True)


def wanted(spec: Any, install: Install = INSTALL, namespace: str = "default") -> Wanted:
    model = {"metadata": {"namespace": namespace, "name": "m", "uid": "0b1c"}, "spec": spec}
    parsed = check(KubeModelSpec, spec)
    return wanted_of(model, parsed, source_of(parsed, install), install, [model])
