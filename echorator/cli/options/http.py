"""The options of the HTTP API of `echorator gateway` and `echorator up`; imports nothing heavy."""

from __future__ import annotations

import argparse
from dataclasses import fields

from echorator.errors import InvalidRequestError
from echorator.gateway.http.settings import MEMORY_BY, HttpSettings
from echorator.host.exits import CommandError, Exit
from echorator.ports import GATEWAY_PORT, HTTP_PORT

_LISTS = ("allowed_hosts", "allowed_origins", "memory_by")
_TEXTS = {
    "connections": "connections in all; a further one replaces the one that has waited longest for a request",
    "connections_of_one_address": "connections of one address",
    "head_bytes": "size of all header fields of a request together",
    "head_fields": "number of header fields of a request",
    "request_line_bytes": "size of a request line",
    "head_s": "longest time for the head of a request",
    "body_s": "longest time for the body of a request",
    "body_rate": "bytes/s below which a body is ended after --http-body-window",
    "body_window_s": "time over which --http-body-rate is measured",
    "keep_alive_s": "time for which a connection without a request is kept",
    "kept_responses_bytes": "size of the responses that are kept for `previous_response_id`, in each process; 0: none",
    "kept_responses_s": "time for which a response is kept",
    "unread_s": "time after which an answer that its client does not read is aborted",
}


def add_ports(parser: argparse.ArgumentParser) -> None:
    """Add the ports of a gateway, for gRPC and for the OpenAI API."""
    parser.add_argument(
        "--port", type=int, default=GATEWAY_PORT, metavar="N", help=f"port of gRPC; 0: any free one, which is printed [{GATEWAY_PORT}]"
    )
    parser.add_argument(
        "--http-port", type=int, default=HTTP_PORT, metavar="N", help=f"port of the OpenAI API and /metrics; -1: none [{HTTP_PORT}]"
    )


def add_http_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say who may use the OpenAI API, and the limits of one connection."""
    http = parser.add_argument_group("HTTP; times in seconds")
    http.add_argument(
        "--allowed-host",
        action="append",
        default=[],
        dest="allowed_hosts",
        metavar="NAME",
        help="name in Host, such as chat.example.com or *.example.com; may be repeated [localhost and its addresses on loopback, else any]",
    )
    http.add_argument(
        "--allowed-origin",
        action="append",
        default=[],
        dest="allowed_origins",
        metavar="ORIGIN",
        help="origin of web pages that may use the API, such as https://chat.example.com, or *; may be repeated [those of this machine]",
    )
    http.add_argument(
        "--memory-by",
        action="append",
        default=[],
        choices=MEMORY_BY,
        help="what may say whose memory a chat uses, besides its field `memory`: OpenAI's field `user`, or the header x-echorator-user; "
        "may be repeated [none]",
    )
    for field in fields(HttpSettings):
        if field.name not in _LISTS:
            flag = f"--http-{field.name.removesuffix('_s').replace('_', '-')}"
            kind = type(field.default)
            text = f"{_TEXTS.get(field.name, '')} [{field.default}]".strip()
            http.add_argument(flag, dest=f"http_{field.name}", type=kind, default=field.default, metavar="N", help=text)


def http_settings_of(arguments: argparse.Namespace) -> HttpSettings:
    """Return the settings of the options. Raises CommandError for a value that is out of its range."""
    numbers = {field.name: getattr(arguments, f"http_{field.name}") for field in fields(HttpSettings) if field.name not in _LISTS}
    try:
        lists = {name: tuple(getattr(arguments, name)) for name in _LISTS}
        return HttpSettings(**(numbers | lists))
    except InvalidRequestError as error:
        raise CommandError(str(error), Exit.USAGE) from error
