"""`python -m echorator` is `echorator`. The entry points catch Ctrl-C here, so that it also ends the import of their modules quietly."""

import sys

INTERRUPTED = 130  # 128 + SIGINT, the exit code of shells


def main() -> int:
    """Run `echorator` and return its exit code."""
    try:
        from echorator.cli.main import main as run

        return run()
    except KeyboardInterrupt:
        return INTERRUPTED


def kollama() -> int:
    """Run `kollama`, also `kubectl echorator`, and return its exit code."""
    try:
        from echorator.cli.kollama.program import main as run

        return run()
    except KeyboardInterrupt:
        return INTERRUPTED


def kollama_completion() -> int:
    """Run `kubectl_complete-echorator` and return its exit code."""
    try:
        from echorator.cli.kollama.complete import main as run

        return run()
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
