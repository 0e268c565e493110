"""The bodies of llama-server's own endpoints. Pure; read by `handlers`."""

from __future__ import annotations

from echorator.gateway.http.bodies import Body, TokenIds


class Tokenize(Body):
    """The body of POST /tokenize."""

    content: str
    model: str = ""
    add_special: bool = False
    parse_special: bool = True
    with_pieces: bool = False


class Detokenize(Body):
    """The body of POST /detokenize."""

    tokens: TokenIds
    model: str = ""
