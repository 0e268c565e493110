"""The arguments about where model files are kept; imports nothing heavy."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_store_options(parser: argparse.ArgumentParser) -> None:
    """Of commands that name models."""
    parser.add_argument(
        "--models", dest="models_folder", type=Path, metavar="DIR", help="where they are kept [~/.local/share/echorator/models]"
    )
