"""Tell a user's memory something, and ask a model about it with the typed client.

python ask_client.py [--server TARGET] [TEXT]
"""

from __future__ import annotations

import argparse
import sys

from echorator_client import Client, Error


def ask(client: Client, text: str) -> None:
    """Print the answer piece by piece, then what it took. Raises Error."""
    memory = client.memory("ann")
    memory.remember("My dog is called Pixel.", key="dog")  # the same key again changes nothing
    stream = client.stream(text, user="ann", read_only=True, temperature=0.0)
    for piece in stream:
        print(piece.text, end="", flush=True)
    answer = stream.answer
    print(f"\n({answer.usage.completion_tokens} tokens in the answer, memories recalled: {len(answer.memory.recalled)})")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", default="", metavar="TARGET", help="[the variable ECHORATOR_SERVER, else the running `echorator up`]")
    parser.add_argument("text", nargs="?", default="What is my dog called?", metavar="TEXT", help="[What is my dog called?]")
    arguments = parser.parse_args()
    try:
        with Client(arguments.server) as client:
            ask(client, arguments.text)
    except Error as error:
        sys.exit(f"the server did not answer: {error}")


if __name__ == "__main__":
    main()
