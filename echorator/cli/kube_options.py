"""The arguments of the commands about Kubernetes; imports nothing heavy."""

from __future__ import annotations

import argparse
from pathlib import Path

from echorator.cli.memory_options import EMBEDDER_HELP
from echorator.cli.telemetry_options import add_metrics_port, add_telemetry_options
from echorator.kube.install import MEMORY_PORT, OPERATOR, PROBE_PORT, Install

COGNITION_EXAMPLES = """\
examples:
  echorator cognition                                       in ~/.local/share/echorator/memory
  echorator cognition --memory redis://redis:6379/0         shared by several
  echorator serve --memory-server 127.0.0.1:50053           an agent whose chats may name a memory
"""
OPERATOR_EXAMPLES = """\
examples:
  kubectl apply --server-side -f manifests/install.yaml     it runs in the cluster, two of it, one leads

for a try of one on this machine, in place of those two; it shows no progress of downloads, and chats have no memory:
  kubectl scale deployment/echorator-operator -n echorator-system --replicas=0
  kubectl port-forward svc/echorator-controller -n echorator-system 50050 &
  echorator operator --controller-through 127.0.0.1:50050 --memory-server "" --namespace default
"""
MANIFESTS_EXAMPLES = """\
examples:
  echorator manifests                       print all that is to be installed
  echorator manifests manifests             write them into a folder, one file for each part
  echorator manifests manifests --check     fail where the folder differs
"""
_INSTALL = Install()


def add_cognition_options(parser: argparse.ArgumentParser) -> None:
    """Of `echorator cognition`."""
    parser.add_argument(
        "--memory", default="", metavar="DIR|URL", help="its folder, or redis://HOST:PORT/0 [~/.local/share/echorator/memory]"
    )
    parser.add_argument("--embedder", default="hashed", metavar="NAME", help=EMBEDDER_HELP)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on [127.0.0.1]")
    parser.add_argument("--port", type=int, default=MEMORY_PORT, metavar="N", help=f"0: any free one, printed [{MEMORY_PORT}]")
    parser.add_argument("--grace", type=float, default=30.0, metavar="SECONDS", help="for running calls after a signal [30]")
    add_metrics_port(parser)
    add_telemetry_options(parser, "info")


def add_operator_options(parser: argparse.ArgumentParser) -> None:
    """Of `echorator operator`."""
    parser.add_argument("--namespace", default="", metavar="NAME", help="watch the Models of this one only [all]")
    parser.add_argument("--system-namespace", default=_INSTALL.namespace, metavar="NAME", help=f"of its lease [{_INSTALL.namespace}]")
    parser.add_argument("--controller", default=_INSTALL.controller, metavar="HOST:PORT", help=f"of the mesh [{_INSTALL.controller}]")
    parser.add_argument(
        "--controller-through", default="", metavar="HOST:PORT", help="where this process reaches it, by a port-forward [as pods do]"
    )
    parser.add_argument(
        "--memory-server", default=_INSTALL.memory, metavar="HOST:PORT", help=f'the CognitionService; "": none [{_INSTALL.memory}]'
    )
    parser.add_argument("--image", default=_INSTALL.image, metavar="IMAGE", help=f"of agents [{_INSTALL.image}]")
    parser.add_argument("--gpu-image", default=_INSTALL.gpu_image, metavar="IMAGE", help=f"of agents with GPUs [{_INSTALL.gpu_image}]")
    parser.add_argument("--grace", type=int, default=_INSTALL.grace_s, metavar="SECONDS", help=f"for running answers [{_INSTALL.grace_s}]")
    parser.add_argument("--resync", type=float, default=600.0, metavar="S", help="look at all Models again after it [600]")
    parser.add_argument("--workers", type=int, default=8, metavar="N", help="Models reconciled at the same time [8]")
    parser.add_argument("--identity", default="", metavar="NAME", help="among its like [HOSTNAME and a random part]")
    parser.add_argument("--host", default="127.0.0.1", help="of /healthz, /readyz and /metrics [127.0.0.1]")
    parser.add_argument("--port", type=int, default=PROBE_PORT, metavar="N", help=f"of them [{PROBE_PORT}]")
    webhooks = parser.add_argument_group("admission webhooks")
    webhooks.add_argument("--webhook-port", type=int, default=-1, metavar="N", help="of HTTPS, 0: any free one, -1: no webhooks [-1]")
    webhooks.add_argument(
        "--webhook-service", default=OPERATOR, metavar="NAME", help=f"of the Service that leads there and both configurations [{OPERATOR}]"
    )
    election = parser.add_argument_group("leader election")
    election.add_argument("--lease", default="echorator-operator", metavar="NAME", help="[echorator-operator]")
    election.add_argument(
        "--lease-duration", type=int, default=15, metavar="S", help="others wait this long for a leader that is silent [15]"
    )
    election.add_argument(
        "--renew-deadline", type=float, default=10.0, metavar="S", help="a leader that cannot renew gives up after it [10]"
    )
    election.add_argument("--retry-period", type=float, default=2.0, metavar="S", help="between two tries [2]")
    cluster = parser.add_argument_group("cluster")
    cluster.add_argument("--kubeconfig", metavar="FILE", help="[$KUBECONFIG, ~/.kube/config, the pod's service account]")
    cluster.add_argument("--context", metavar="NAME", help="of the kubeconfig [its current one]")
    add_telemetry_options(parser, "info")


def add_manifests_options(parser: argparse.ArgumentParser) -> None:
    """Of `echorator manifests`."""
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="write them there [print them]")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where the folder differs")
    parser.add_argument("--namespace", default=_INSTALL.namespace, metavar="NAME", help=f"of the installation [{_INSTALL.namespace}]")
    parser.add_argument("--image", default=_INSTALL.image, metavar="IMAGE", help=f"of all parts [{_INSTALL.image}]")
    parser.add_argument("--gpu-image", default=_INSTALL.gpu_image, metavar="IMAGE", help=f"of agents with GPUs [{_INSTALL.gpu_image}]")
