"""A shell in which a test types what the README of an example says, as a reader of it would.

The reader's `echorator` and `python` are those that run the tests. Servers listen on free ports in place of the usual ones, which the
examples learn from their environment variables, and `echorator bootstrap` from an option.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.controller.xds_callers import PROTOS, built
from tests.examples.adapters import adapters
from tests.examples.pages import EXAMPLES

TIMEOUT_S = 150
_SET_UP = {"node": ("node", "node_modules"), "go": ("go-example", "ask")}  # what clients/build.sh made by the commands of the README
ADAPTERS = ("langchain", "llama-index")  # what adapters.sh made by the commands of the README
_PATH = os.pathsep.join(
    filter(None, (os.environ.get("PYTHONPATH"), str(EXAMPLES.parent / "client")))
)  # as if echorator-client was installed
_ECHORATOR = """\
#!/bin/sh
[ "$1" != bootstrap ] || set -- "$@" --controller "$CONTROLLER"
exec {python} -m echorator "$@"
"""


class Shell:
    """Runs commands in copies of the examples' folders, which lie in `folder` as they do in a clone."""

    def __init__(self, folder: Path, environment: Mapping[str, str], **programs: str) -> None:
        """`programs` are shell scripts by name, which come before all others of that name."""
        self._folder = folder
        bin_folder = folder / "bin"
        bin_folder.mkdir(parents=True)
        scripts = {"python": f'#!/bin/sh\nexec {sys.executable} "$@"\n', "echorator": _ECHORATOR.format(python=sys.executable), **programs}
        for name, script in scripts.items():
            (bin_folder / name).write_text(script, "utf-8")
            (bin_folder / name).chmod(0o755)
        (folder / "protos").symlink_to(PROTOS)
        self._environment = {
            **os.environ,
            "PATH": f"{bin_folder}:{os.environ['PATH']}",
            "COLUMNS": "100",
            "PYTHONPATH": _PATH,
            **environment,
        }

    def run(self, name: str, commands: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run shell commands in the folder of an example, until one of them fails; `environment` is added for them alone."""
        here = self._folder / "examples" / name
        if not here.exists():
            shutil.copytree(EXAMPLES / name, here, ignore=shutil.ignore_patterns("node_modules", "env", "echoratorv1", "ask", "xds.json"))
            if name in _SET_UP:
                client, made = _SET_UP[name]
                (here / made).symlink_to(built(client) / made)
            if name in ADAPTERS:
                (here / "env").symlink_to(adapters())
        command = ("bash", "-eu", "-c", commands)
        return subprocess.run(
            command, cwd=here, env=self._environment | environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
