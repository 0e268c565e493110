"""`echorator manifests`: prints what is to be installed in a Kubernetes cluster, or writes it into a folder."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import yaml

from echorator.cli.output.yaml_text import WithoutAnchors
from echorator.host.exits import CommandError, Exit
from echorator.kube.api.resources import Object
from echorator.kube.install.manifests import ALL_IN_ONE, files_of
from echorator.kube.installation import Install
from echorator.ports import CONTROLLER_PORT, MEMORY_PORT

HEADER = "# Made by `echorator manifests`; change what makes it, not this file.\n"


def run(arguments: argparse.Namespace) -> int:
    """Print the manifests, write them, or with --check compare them; return the exit code. Raises CommandError."""
    namespace = arguments.namespace
    install = Install(
        namespace,
        f"echorator-controller.{namespace}.svc:{CONTROLLER_PORT}",
        f"echorator-cognition.{namespace}.svc:{MEMORY_PORT}",
        arguments.image,
        arguments.gpu_image,
        fixed_ids=not arguments.without_ids,
    )
    texts = {name: text_of(documents) for name, documents in files_of(install).items()}
    if arguments.folder is None:
        sys.stdout.write(texts[ALL_IN_ONE])
        return Exit.OK
    differing = []
    for name, text in texts.items():
        path = arguments.folder / name
        try:
            if path.is_file() and path.read_bytes() == text.encode():
                continue
            differing.append(name)
            if not arguments.check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, "utf-8")
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from error
    if arguments.check and differing:
        raise CommandError(f"{', '.join(differing)} in {arguments.folder} differ; run `echorator manifests {arguments.folder}`")
    return Exit.OK


class _Indented(WithoutAnchors):
    """A YAML writer that also indents the items of lists."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent one level more, always for lists too."""
        del indentless
        super().increase_indent(flow, False)


def text_of(documents: Sequence[Object]) -> str:
    """Return the documents as one YAML text with a header."""
    dumped = (yaml.dump(document, Dumper=_Indented, sort_keys=False, width=140, allow_unicode=True) for document in documents)
    return HEADER + "---\n".join(dumped)
