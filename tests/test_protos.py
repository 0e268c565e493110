"""The committed generated code is what protoc makes of the .proto files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_generated_code_is_what_the_files_say() -> None:
    command = (sys.executable, str(ROOT / "protos/generate.py"), "--check")
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
