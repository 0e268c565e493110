"""Compares an installation of the wheel that carries llama.cpp with one that compiled it for this machine: tokens per second of one answer.

    python -m bench.carried_libraries CARRYING/bin/python COMPILED/bin/python --model MODEL.gguf [--rounds 8] [--tokens 128]

Both answer the same prompt in turns, greedily, each in a process of its own, so that what else the machine does falls on both alike. The
figure is the median of the ratios of neighbouring runs, with the smallest and the largest; a ratio of 1 means equally fast.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
from pathlib import Path

PROMPT = "Write down everything that comes to your mind about the sea."
_USAGE = re.compile(r"(\d+) new, first after ([\d.]+) ms, ([\d.]+) tokens/s")


def measured(python: Path, model: Path, tokens: int) -> tuple[float, float]:
    """Return the tokens per second of one answer, and the seconds to its first token. Raises CalledProcessError."""
    command = [str(python), "-P", "-m", "echorator", "--no-config", "chat", "--file", str(model), "--usage", "--temperature", "0"]
    command += ["--max-tokens", str(tokens), PROMPT]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    found = _USAGE.search(done.stderr)
    if found is None:
        raise RuntimeError(f"{python} did not say how fast it was: {done.stderr[-300:]}")
    return float(found[3]), float(found[2]) / 1000


def main() -> None:
    """Run both installations in turns, and print each pair of figures and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("carrying", type=Path, help="Python of the environment with the wheel that carries llama.cpp")
    parser.add_argument("compiled", type=Path, help="Python of the environment that compiled llama-cpp-python")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=128)
    given = parser.parse_args()
    speeds, firsts = [], []
    for number in range(given.rounds):
        pair = [given.carrying, given.compiled][:: 1 if number % 2 else -1]  # each of them is first as often as the other
        results = {python: measured(python, given.model, given.tokens) for python in pair}
        (speed, first), (own_speed, own_first) = results[given.carrying], results[given.compiled]
        print(f"{speed:8.1f} {own_speed:8.1f} tokens/s, first after {first:.3f} {own_first:.3f} s")
        speeds.append(speed / own_speed)
        firsts.append(first / own_first)
    for what, ratios in (("tokens per second", speeds), ("time to the first token", firsts)):
        print(f"{what}, carried to compiled: {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    main()
