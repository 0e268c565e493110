"""The private folder of dialogues, in the data folder of this user."""

from __future__ import annotations

from pathlib import Path

from echorator.host.folders import data_home
from echorator.host.running_file import FILES
from echorator.private_files import private_folder

HISTORY = "history"
PART = ".part"  # end of the name of a file that is being written


def chats() -> Path:
    """Return the folder of kept dialogues and of the history: $XDG_DATA_HOME/echorator/chats."""
    return data_home() / "chats"


def prepare() -> None:
    """Create the folder for its owner alone, and restrict what is in it. Raises OSError."""
    private_folder(data_home(), FILES)
    private_folder(chats(), (HISTORY, "*.json", f".*{PART}"))
