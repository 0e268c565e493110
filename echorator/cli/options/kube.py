"""The arguments of the commands about Kubernetes; imports nothing heavy."""

from __future__ import annotations

import argparse
from pathlib import Path

from echorator.cli.options.memory import EMBEDDER_HELP, MEMORY_HELP
from echorator.cli.options.telemetry import add_metrics_port, add_telemetry_options
from echorator.kube.installation import OPERATOR, PROBE_PORT, Install
from echorator.ports import MEMORY_PORT

COGNITION_EXAMPLES = """\
examples:
  echorator cognition                                in the user's data folder
  echorator cognition --memory redis://redis:6379/0  shared by several
  echorator cognition --memory postgresql://db/echo  shared by several
  echorator serve --memory-server 127.0.0.1:50053    an agent that uses it
"""
OPERATOR_EXAMPLES = """\
examples:
  kubectl apply --server-side -f manifests/install.yaml  two of it, one leads

for a try of one on this machine, in place of those two; it shows no progress of downloads, and chats have no memory:
  kubectl scale deployment/echorator-operator -n echorator-system --replicas=0
  kubectl port-forward svc/echorator-controller -n echorator-system 50050 &
  echorator operator --controller-through 127.0.0.1:50050 --memory-server "" --namespace default
"""
MANIFESTS_EXAMPLES = """\
examples:
  echorator manifests                       print all that is to be installed
  echorator manifests manifests             write a file for each part
  echorator manifests manifests --check     fail where the folder differs
"""
_INSTALL = Install()


def add_cognition_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `echorator cognition`."""
    parser.add_argument("--memory", default="", metavar="DIR|URL", help=MEMORY_HELP)
    parser.add_argument("--embedder", default="hashed", metavar="NAME", help=EMBEDDER_HELP)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on [127.0.0.1]")
    parser.add_argument(
        "--port", type=int, default=MEMORY_PORT, metavar="N", help=f"port to listen on; 0: any free one, which is printed [{MEMORY_PORT}]"
    )
    parser.add_argument("--grace", type=float, default=30.0, metavar="SECONDS", help="time for running calls after a signal [30]")
    add_metrics_port(parser)
    add_telemetry_options(parser, "info")


def add_operator_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `echorator operator`."""
    parser.add_argument("--namespace", default="", metavar="NAME", help="watch the Models of this namespace only [all]")
    parser.add_argument(
        "--system-namespace", default=_INSTALL.namespace, metavar="NAME", help=f"namespace of the lease [{_INSTALL.namespace}]"
    )
    parser.add_argument(
        "--controller", default=_INSTALL.controller, metavar="HOST:PORT", help=f"address of the controller for pods [{_INSTALL.controller}]"
    )
    parser.add_argument(
        "--controller-through",
        default="",
        metavar="HOST:PORT",
        help="address of the controller for this process, such as a port-forward [as for pods]",
    )
    parser.add_argument(
        "--memory-server",
        default=_INSTALL.memory,
        metavar="HOST:PORT",
        help=f'address of the CognitionService; "": none [{_INSTALL.memory}]',
    )
    parser.add_argument("--image", default=_INSTALL.image, metavar="IMAGE", help=f"image of agents [{_INSTALL.image}]")
    parser.add_argument(
        "--gpu-image", default=_INSTALL.gpu_image, metavar="IMAGE", help=f"image of agents with GPUs [{_INSTALL.gpu_image}]"
    )
    parser.add_argument(
        "--grace",
        type=int,
        default=_INSTALL.grace_s,
        metavar="SECONDS",
        help=f"time for running answers of an agent that ends [{_INSTALL.grace_s}]",
    )
    _add_without_ids(parser)
    parser.add_argument("--resync", type=float, default=600.0, metavar="S", help="time after which all Models are reconciled again [600]")
    parser.add_argument("--workers", type=int, default=8, metavar="N", help="Models that are reconciled at the same time [8]")
    parser.add_argument("--identity", default="", metavar="NAME", help="name of this replica [HOSTNAME and a random part]")
    parser.add_argument("--host", default="127.0.0.1", help="address of /healthz, /readyz and /metrics [127.0.0.1]")
    parser.add_argument("--port", type=int, default=PROBE_PORT, metavar="N", help=f"port of /healthz, /readyz and /metrics [{PROBE_PORT}]")
    webhooks = parser.add_argument_group("admission webhooks")
    webhooks.add_argument(
        "--webhook-port", type=int, default=-1, metavar="N", help="port of the webhooks; 0: any free one; -1: no webhooks [-1]"
    )
    webhooks.add_argument(
        "--webhook-service", default=OPERATOR, metavar="NAME", help=f"name of the webhooks' Service and of both configurations [{OPERATOR}]"
    )
    election = parser.add_argument_group("leader election")
    election.add_argument("--lease", default="echorator-operator", metavar="NAME", help="name of the lease [echorator-operator]")
    election.add_argument("--lease-duration", type=int, default=15, metavar="S", help="time for which others wait for a silent leader [15]")
    election.add_argument(
        "--renew-deadline", type=float, default=10.0, metavar="S", help="time after which a leader that cannot renew gives up [10]"
    )
    election.add_argument("--retry-period", type=float, default=2.0, metavar="S", help="time between two tries [2]")
    cluster = parser.add_argument_group("cluster")
    cluster.add_argument("--kubeconfig", metavar="FILE", help="kubeconfig to use [$KUBECONFIG, ~/.kube/config, the pod's service account]")
    cluster.add_argument("--context", metavar="NAME", help="context of the kubeconfig [its current one]")
    add_telemetry_options(parser, "info", calls=False)


def add_manifests_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `echorator manifests`."""
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="folder to write the manifests into [print them]")
    parser.add_argument("--check", action="store_true", help="write nothing, and fail if the folder differs")
    parser.add_argument(
        "--namespace", default=_INSTALL.namespace, metavar="NAME", help=f"namespace of the installation [{_INSTALL.namespace}]"
    )
    parser.add_argument("--image", default=_INSTALL.image, metavar="IMAGE", help=f"image of all parts [{_INSTALL.image}]")
    parser.add_argument(
        "--gpu-image", default=_INSTALL.gpu_image, metavar="IMAGE", help=f"image of agents with GPUs [{_INSTALL.gpu_image}]"
    )
    _add_without_ids(parser)


def _add_without_ids(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--without-ids",
        action="store_true",
        help="leave user and group ids out of pods, for a cluster that assigns them, as OpenShift does",
    )
