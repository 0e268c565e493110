"""Ask a model with OpenAI's own client and print its answer while it is being written.

    python ask_openai.py [--url URL] [--model NAME] [TEXT]

URL ends with the path of OpenAI's API, as in http://127.0.0.1:8080/v1.
"""

from __future__ import annotations

import argparse
import os
import sys

from openai import APIConnectionError, APIStatusError, OpenAI


def ask(url: str, model: str, text: str) -> None:
    """Print the models that are served, then the answer piece by piece. Raises openai.APIError."""
    with OpenAI(base_url=url, api_key=os.environ.get("OPENAI_API_KEY", "none")) as client:
        served = [each.id for each in client.models.list()]
        print(f"models: {', '.join(served)}")
        chunks = client.chat.completions.create(
            model=model or served[0], messages=[{"role": "user", "content": text}], temperature=0, stream=True
        )
        for chunk in chunks:
            if chunk.choices:
                print(chunk.choices[0].delta.content or "", end="", flush=True)
        print()


def main() -> None:
    parser = argparse.ArgumentParser()
    default = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8080/v1")
    parser.add_argument("--url", default=default, help="[the variable OPENAI_BASE_URL, else http://127.0.0.1:8080/v1]")
    parser.add_argument("--model", default="", metavar="NAME", help="[the first one that is served]")
    parser.add_argument("text", nargs="?", default="Hello!", metavar="TEXT", help="[Hello!]")
    arguments = parser.parse_args()
    try:
        ask(arguments.url, arguments.model, arguments.text)
    except APIConnectionError:
        sys.exit(f"no server answers at {arguments.url}; is `echorator up` running?")
    except APIStatusError as error:
        sys.exit(f"{arguments.url} refused the request: {error.message}")


if __name__ == "__main__":
    main()
