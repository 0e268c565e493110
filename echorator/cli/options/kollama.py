"""The arguments of `kollama`; imports nothing heavy, so that `--help` and usage errors answer at once and without a cluster."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from echorator.cli.options.numbers import MOST_INT32, MOST_UINT32, replicas, seconds, whole
from echorator.cli.options.output import add_output
from echorator.cli.parsing import Parser
from echorator.kube.installation import SYSTEM_NAMESPACE

TOP_EXAMPLES = """\
examples:
  kollama deploy phi --wait                 serve it, and wait until it does
  kollama deploy chat --image hf://Qwen/Qwen2.5-7B-Instruct-GGUF:Q4_K_M --gpu 1 --limit memory=16Gi
  kollama chat phi "My dog is called Pixel."
  kollama list -A
  kollama status phi --watch
  kollama convert models.yaml | kubectl apply -f -
"""
DEPLOY_EXAMPLES = """\
examples:
  kollama deploy phi
  kollama deploy phi --expose --service-type LoadBalancer --wait
  kollama deploy big --image oci://registry.example.com/models/big:q4 --resource-class Large --storage-class fast
  kollama deploy phi --dry-run client -o yaml > phi.yaml

A model that is there becomes what the options say, and what changes is printed: what an earlier deploy said and this one does not
goes back to its default. What kubectl or others have set is theirs, without --force.
"""
PULL_EXAMPLES = """\
examples:
  kollama pull phi
  kollama pull hf://Qwen/Qwen2.5-7B-Instruct-GGUF:Q4_K_M --name qwen && kollama deploy qwen --image ...

It makes a Model with no replicas and waits until its file is in the cluster. The file stays as long as that Model is there;
`kollama deploy` of the same name, image and storage then starts at once.
"""
CONVERT_EXAMPLES = """\
examples:
  kollama convert models.yaml | kubectl apply -f -
  kubectl get models.ollama.ayaka.io -A -o yaml | kollama convert > models.yaml

Objects of other kinds are printed as they are. What has no counterpart is said on stderr.
"""
COMPLETION_EXAMPLES = """\
examples:
  source <(kollama completion bash)         for this shell; in ~/.bashrc for all
  source <(kollama completion zsh)
  kollama completion fish | source

Of the plugin, kubectl's own completion asks `kubectl_complete-echorator`, which is installed beside it.
"""
CHAT_NUMBERS = (
    ("--temperature", float, "T", "temperature of the sampling, 0..100; 0 is greedy"),
    ("--max-tokens", whole(0, MOST_INT32, "max_tokens"), "N", "length of the answer"),
    ("--seed", whole(0, MOST_UINT32, "seed"), "N", "seed of the sampling"),
)
CHAT_TEXTS = (
    ("--system", str, "TEXT", "the system message"),
    ("--user", str, "NAME", "remember what this user tells [nobody: nothing is remembered]"),
    ("--session", str, "NAME", "name of the dialogue [a new one]"),
)
CHAT_SWITCHES = (
    ("--no-memory", "with --user: neither recall nor remember"),
    ("--usage", "print token counts and times to stderr"),
    ("--plain", "neither colours nor drawn Markdown nor editing, as for a screen reader"),
)


def program() -> str:
    """Return the program's name as it was called: kubectl runs `kubectl-echorator` for `kubectl echorator`."""
    return "kubectl echorator" if Path(sys.argv[0]).name.startswith("kubectl") else "kollama"


def parser() -> Parser:
    """Build the parser of the whole command line."""
    top = Parser(
        prog=program(),
        description="Serve models in a Kubernetes cluster, and talk to them.",
        epilog=TOP_EXAMPLES.replace("kollama", program()),
    )
    top.add_argument("--version", action="store_true", help="print the version and exit")
    _add_cluster(top)
    commands = top.add_subparsers(dest="command", metavar="COMMAND")

    def command(name: str, module: str, text: str, examples: str = "") -> argparse.ArgumentParser:
        made: Parser = commands.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
            epilog=examples if name == "completion" else examples.replace("kollama", program()),
        )
        made.set_defaults(module=module)
        _add_cluster(made)
        return made

    _add_deploy(command("deploy", "deploy", "serve a model, or change how it is served", DEPLOY_EXAMPLES))
    _add_pull(command("pull", "deploy", "bring a model's file into the cluster, and serve nothing yet", PULL_EXAMPLES))
    _add_changes(command)
    listing = command("list", "show", "list the models")
    listing.add_argument("-A", "--all-namespaces", action="store_true", help="list the models of all namespaces [of one]")
    add_output(listing)
    status = command("status", "show", "show the state of a model and its reasons")
    status.add_argument("name", metavar="NAME", help="name of the model")
    status.add_argument("--watch", action="store_true", help="show the model until Ctrl-C; without a terminal print a line for each change")
    add_output(status)
    logs = command("logs", "logs", "print what the pods of a model log")
    logs.add_argument("name", metavar="NAME", help="name of the model")
    logs.add_argument("-f", "--follow", action="store_true", help="go on with new lines, also those of new pods")
    logs.add_argument(
        "--tail", type=whole(0, MOST_INT32, "tail"), default=100, metavar="N", help="number of the last lines of each pod [100]"
    )
    logs.add_argument("--puller", action="store_true", help="print the log of the pod that pulls the model's file [of its agents]")
    _add_chat(command("chat", "chat", "talk to a model of the cluster"))
    convert = command("convert", "convert", "convert Models of ollama-operator, from YAML to YAML", CONVERT_EXAMPLES)
    convert.add_argument("file", nargs="?", default="-", metavar="FILE", help="file to convert, - for stdin [-]")
    completion = command("completion", "completion", "print a script that completes commands, options and names", COMPLETION_EXAMPLES)
    completion.add_argument("shell", choices=("bash", "zsh", "fish"))
    return top


Command = Callable[..., argparse.ArgumentParser]


def _add_cluster(made: argparse.ArgumentParser) -> None:
    """Add the options of the cluster, which may stand before and after the command; those after it take precedence."""
    cluster = made.add_argument_group("cluster")
    absent = argparse.SUPPRESS
    cluster.add_argument("-n", "--namespace", default=absent, metavar="NAME", help="namespace of the model [the context's]")
    cluster.add_argument(
        "--kubeconfig", default=absent, metavar="FILE", help="kubeconfig to use [$KUBECONFIG, ~/.kube/config, the pod's service account]"
    )
    cluster.add_argument("--context", default=absent, metavar="NAME", help="context of the kubeconfig [its current one]")


def _add_wait(made: argparse.ArgumentParser, until: str) -> None:
    made.add_argument("--wait", action="store_true", help=f"wait until {until}")
    made.add_argument("--timeout", type=seconds, default=600.0, metavar="SECONDS", help="limit of --wait [600]")


def _add_storage(made: argparse.ArgumentParser) -> None:
    storage = made.add_argument_group("storage of the model's file")
    storage.add_argument("--storage-class", metavar="NAME", help="StorageClass of the claim [the cluster's default]")
    storage.add_argument("--storage-size", metavar="SIZE", help="size of the claim, such as 40Gi [20Gi, or by --resource-class]")
    storage.add_argument(
        "--pv-access-mode",
        metavar="MODE",
        help="access mode: ReadWriteOnce (RWO), ReadWriteMany (RWX), ReadWriteOncePod (RWOP) [ReadWriteOnce]",
    )


def _add_service(made: argparse.ArgumentParser) -> None:
    made.add_argument("--service-type", choices=("ClusterIP", "NodePort", "LoadBalancer"), help="type of the Service [NodePort]")
    made.add_argument("--service-name", metavar="NAME", help="name of the Service [model-NAME]")
    made.add_argument("--node-port", type=int, metavar="N", help="port of a NodePort [a free one]")


def _add_deploy(made: argparse.ArgumentParser) -> None:
    made.add_argument("name", metavar="NAME", help="name of the model, by which clients ask for it")
    made.add_argument(
        "--image", metavar="SOURCE", help="source: phi:latest, hf://..., oci://..., https://...#sha256=..., pvc://CLAIM/FILE [NAME]"
    )
    made.add_argument("--replicas", type=replicas, metavar="N", help="agents that serve it [1]")
    made.add_argument("--memory", action=argparse.BooleanOptionalAction, default=None, help="whether chats may be remembered [yes]")
    resources = made.add_argument_group("resources of a replica")
    resources.add_argument(
        "--limit",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="limit such as cpu=4, memory=8Gi, nvidia.com/gpu=1; may be repeated",
    )
    resources.add_argument(
        "--gpu", type=int, metavar="N", help="number of GPUs; agents with some run the CUDA image [by --resource-class, else 0]"
    )
    resources.add_argument(
        "--resource-class", choices=("Small", "Medium", "Large"), help="size of a replica: to 7B parameters, to 13B, above"
    )
    _add_storage(made)
    service = made.add_argument_group("how it is reached from elsewhere")
    service.add_argument("--expose", action="store_true", help="expose the model through a NodePort, or as the next options say")
    _add_service(service)  # type: ignore[arg-type]  # a group takes arguments too
    _add_wait(made, "it serves")
    made.add_argument("--force", action="store_true", help="take over fields that kubectl or others have set")
    made.add_argument(
        "--dry-run", choices=("none", "client", "server"), default="none", help="only check the model; client: without a cluster [none]"
    )
    add_output(made, text="print the object in this format; table: a line that says what happened")


def _add_pull(made: argparse.ArgumentParser) -> None:
    made.add_argument("image", metavar="IMAGE", help="source: phi:latest, hf://..., oci://..., https://...#sha256=...")
    made.add_argument("--name", metavar="NAME", help="name of the Model that keeps the file [as the image is called]")
    made.add_argument("--timeout", type=seconds, default=3600.0, metavar="SECONDS", help="time for the pull [3600]")
    _add_storage(made)


def _add_changes(command: Command) -> None:
    undeploy = command("undeploy", "change", "end models, and free their storage")
    undeploy.add_argument("names", nargs="+", metavar="NAME", help="names of the models")
    _add_wait(undeploy, "they and their pods are gone")
    expose = command("expose", "change", "make a model reachable from elsewhere")
    expose.add_argument("name", metavar="NAME", help="name of the model")
    _add_service(expose)
    scale = command("scale", "change", "change how many agents serve a model")
    scale.add_argument("name", metavar="NAME", help="name of the model")
    scale.add_argument("replicas", type=replicas, metavar="N", help="number of agents; 0: none until there is a request")
    _add_wait(scale, "all of them serve")


def _add_chat(made: argparse.ArgumentParser) -> None:
    made.add_argument("name", metavar="NAME", help="name of the model")
    made.add_argument("text", nargs="*", metavar="TEXT", help="prompt [a dialogue on a terminal, else stdin]")
    made.add_argument("--gateway", metavar="HOST:PORT", help="address of a gateway [the cluster's, through `kubectl port-forward`]")
    made.add_argument("--system-namespace", default=SYSTEM_NAMESPACE, metavar="NAME", help=f"namespace of the gateway [{SYSTEM_NAMESPACE}]")
    for flag, kind, metavar, text in (*CHAT_NUMBERS, *CHAT_TEXTS):
        made.add_argument(flag, type=kind, metavar=metavar, help=text)
    for flag, text in CHAT_SWITCHES:
        made.add_argument(flag, action="store_true", help=text)
