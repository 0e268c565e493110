"""The commands of examples/kubernetes/README.md, word for word, in a cluster that Echorator is installed in."""

from __future__ import annotations

from pathlib import Path

from tests.examples.pages import page
from tests.examples.shell import Shell
from tests.support.kube_cluster.in_cluster import answer, get, status
from tests.support.kube_cluster.process_cluster import ProcessCluster
from tests.support.waiting import until

KUBECTL = '#!/bin/sh\nexec {kubectl} --kubeconfig "$ADMIN" --cache-dir "$CACHE" --namespace "$NAMESPACE" "$@"\n'


def test_it_prints_what_its_readme_says(installed: ProcessCluster, cluster_namespace: str, tmp_path: Path) -> None:
    environment = {"ADMIN": str(installed.kubeconfig), "NAMESPACE": cluster_namespace, "CACHE": str(tmp_path / "cache")}
    shell = Shell(tmp_path, environment, kubectl=KUBECTL.format(kubectl=installed.bin / "kubectl"))
    said = page("kubernetes")
    *until_ready, delete = said.run.splitlines(keepends=True)

    done = shell.run("kubernetes", "".join(until_ready))
    assert (done.returncode, done.stderr) == (0, "")
    assert status(installed, cluster_namespace, "hello")["readyReplicas"] == 2
    assert answer(installed, "hello")

    deleted = shell.run("kubernetes", delete)
    assert (deleted.returncode, deleted.stderr) == (0, "")
    assert said.differs(done.stdout + deleted.stdout) == ""
    until(lambda: get(installed, cluster_namespace, "deployments")["items"] == [])
