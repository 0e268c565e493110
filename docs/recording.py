"""Records the README's first five minutes as a picture: `python -m docs.recording` writes docs/images/five-minutes.svg.

The commands are the README's own blocks, and a question at their end; what they print is what they printed, on a free machine with the
default ports. `up` runs in a temporary folder with a data folder of its own, so that no memory of yours is read or written.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs/images/five-minutes.svg"
WIDTH = 84  # characters
BLOCKS = ("up", "tell", "kill")
QUESTION = '.venv/bin/echorator chat --user ann "What is my dog called?"'
END = "-- end of command --"


def commands_of(readme: str) -> list[str]:
    """Return the lines of the README's shell blocks that are recorded, and the question."""
    lines: list[str] = []
    for name in BLOCKS:
        block = re.search(rf"<!-- five minutes: {name} -->\n```sh\n(.*?)```", readme, re.DOTALL)
        if block is None:
            raise ValueError(f"README.md has no block <!-- five minutes: {name} -->")
        lines += block[1].splitlines()
    return [*lines, QUESTION]


def recorded(commands: list[str], folder: Path) -> list[tuple[str, str]]:
    """Run the commands in one shell, and return each with what it printed. Ends what they started."""
    (folder / ".venv").symlink_to(ROOT / ".venv")
    homes = {f"XDG_{name}_HOME": str(folder / name.lower()) for name in ("DATA", "CACHE", "STATE", "CONFIG")}
    script = "".join(f"{command}\necho '{END}'\n" for command in commands) + "kill $!\nwait\n"
    shell = ("bash", "-c", script)
    done = subprocess.run(
        shell, cwd=folder, env={**os.environ, **homes}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
    )
    return list(zip(commands, (said.strip("\n") for said in done.stdout.split(f"{END}\n")), strict=False))


def main() -> None:
    """Record the commands and write the picture."""
    with tempfile.TemporaryDirectory() as name:
        shown = recorded(commands_of((ROOT / "README.md").read_text("utf-8")), Path(name))
    console = Console(record=True, width=WIDTH, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115
    for command, said in shown:
        console.print(Text.assemble(("$ ", "green"), (command.removeprefix(".venv/bin/"), "bold")))
        if said:
            console.print(Text.from_ansi(said))
    picture = console.export_svg(title="Echorator", unique_id="five-minutes")
    picture = re.sub(r"@font-face \{.*?\}\n", "", picture, flags=re.DOTALL)  # they are downloaded, and a reader's browser has its own
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(picture, "utf-8")


if __name__ == "__main__":
    main()
