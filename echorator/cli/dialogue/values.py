"""The values that `/set` sets: of the sampling, the bounds of an answer, and what is shown. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from echorator.cli.parsing import nearest
from echorator.errors import InvalidRequestError
from echorator.ranged import plain, within
from echorator.rpc.v1 import model_pb2 as pb
from echorator.settings import SAMPLING_RANGES, Sampling

Value = float | int | bool | tuple[str, ...]

MOST_TOKENS = (1 << 31) - 1
MOST_STOPS, LONGEST_STOP = 16, 256  # texts, and bytes of each, as Limits has them
_DEFAULTS = {f.name: f.default for f in fields(Sampling)}
NUMBERS = (*SAMPLING_RANGES, "mirostat", "seed", "max_tokens")
SWITCHES = ("usage", "markdown")
NAMES = (*sorted(NUMBERS), "stop", *SWITCHES)
RESET = "default"
_ESCAPED = {r"\n": "\n", r"\n\n": "\n\n", r"\t": "\t"}  # stop texts that cannot be typed as they are


def range_of(name: str) -> str:
    """Return what a value may be, in words."""
    if name in SAMPLING_RANGES:
        low, high, _ = SAMPLING_RANGES[name]
        return f"{plain(low)}..{plain(high)}"
    return {
        "mirostat": "0 or 2",
        "seed": "0..4294967295",
        "max_tokens": f"0..{MOST_TOKENS}",
        "stop": f"a text of 1..{LONGEST_STOP} bytes; each /set stop adds one",
    }.get(name, "on or off")


def default_of(name: str) -> str:
    """Return what holds where nothing is set, in words. The model's own parameters go before the numbers."""
    if name == "stop":
        return "none"
    if name in SWITCHES:
        return {"usage": "off", "markdown": "on"}[name]
    if name in ("seed", "max_tokens"):
        return {"seed": "random", "max_tokens": "to the end of the context"}[name]
    return f"the model's own, or {plain(_DEFAULTS[name])}"  # type: ignore[arg-type]


def changed(values: Mapping[str, Value], typed: str) -> dict[str, Value]:
    """Return the values after `/set typed`, which is a name and a value.

    Raises:
        InvalidRequestError: says what the name or the value may be.
    """
    name, *rest = typed.split(maxsplit=1)
    name = name.lower().replace("-", "_")
    if name not in NAMES:
        raise InvalidRequestError(f"there is no value {name} {nearest(name, NAMES) or '(/set lists them)'}")
    text = rest[0].strip() if rest else ""
    if not text:
        raise InvalidRequestError(f"{name} is {shown(values, name)}; it may be {range_of(name)}; /set {name} {RESET} takes it back")
    if text.lower() == RESET:
        return {known: value for known, value in values.items() if known != name}
    return {**values, name: _value(name, text, values)}


def _value(name: str, text: str, values: Mapping[str, Value]) -> Value:
    if name in SWITCHES:
        if text.lower() not in ("on", "off"):
            raise InvalidRequestError(f"{name} must be on or off, not {text}")
        return text.lower() == "on"
    if name == "stop":
        stops = values.get("stop", ())
        stop = _ESCAPED.get(text, text)
        return checked(name, (*(stops if isinstance(stops, tuple) else ()), stop))
    return _number(name, text)


def _number(name: str, text: str) -> float | int:
    try:
        number = int(text) if _is_whole(name) else float(text)
    except ValueError:
        raise InvalidRequestError(f"{name} must be a {'whole ' if _is_whole(name) else ''}number, {range_of(name)}, not {text}") from None
    checked(name, number)
    return number


def _is_whole(name: str) -> bool:
    return name in ("seed", "max_tokens") or isinstance(_DEFAULTS[name], int)


def checked(name: str, value: object) -> Value:
    """Return a value that was not typed, such as one of a file. Raises InvalidRequestError where it is of another type or out of range."""
    if name in SWITCHES and isinstance(value, bool):
        return value
    if name == "stop" and isinstance(value, list | tuple) and all(isinstance(stop, str) for stop in value):
        if len(value) > MOST_STOPS or not all(1 <= len(stop.encode()) <= LONGEST_STOP for stop in value):
            raise InvalidRequestError(f"stop: at most {MOST_STOPS} texts of 1..{LONGEST_STOP} bytes")
        return tuple(value)
    if name in NUMBERS and isinstance(value, int if _is_whole(name) else int | float) and not isinstance(value, bool):
        if name == "max_tokens":
            return within(value, 0, MOST_TOKENS, name)
        Sampling(**{name: value})  # type: ignore[arg-type]
        return value
    raise InvalidRequestError(f"{name} is no value of a dialogue, or of another type")


def shown(values: Mapping[str, Value], name: str) -> str:
    """Return a value in words."""
    value = values.get(name)
    if value is None:
        return default_of(name)
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ", ".join(map(repr, value))
    return plain(value)


def table(values: Mapping[str, Value]) -> str:
    """Return what `/set` prints: each value with what it may be."""
    return "\n".join(f"{name:<18} {shown(values, name):<28} {range_of(name)}" for name in NAMES)


def request_parts(values: Mapping[str, Value]) -> tuple[pb.Sampling, pb.Limits]:
    """Return the fields of a request that these values set."""
    sampling = pb.Sampling(**{name: value for name, value in values.items() if name in NUMBERS and name != "max_tokens"})  # type: ignore[arg-type]
    stop = values.get("stop", ())
    limits = pb.Limits(stop=stop if isinstance(stop, tuple) else ())
    if (most := values.get("max_tokens")) is not None:
        limits.max_tokens = int(most)  # type: ignore[arg-type]
    return sampling, limits
