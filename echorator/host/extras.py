"""The packages that only some uses need, and the extras of Echorator that install them. Feeds the commands' errors and `doctor`."""

from __future__ import annotations

import importlib.util

from echorator.host.exits import CommandError, Exit

EXTRAS = {  # by the module that is imported
    "aiohttp": "kubernetes",
    "cryptography": "kubernetes",
    "kubernetes_asyncio": "kubernetes",
    "redis": "redis",
    "psycopg": "postgres",
    "mcp": "mcp",
    "safetensors": "minilm",
    "PIL": "map",
    "envoy._bin": "envoy",  # xds-protos, which is always there, has a package `envoy` too
}


def missing(error: ImportError) -> CommandError:
    """Return the command's error for a module that cannot be imported; it names the extra that has it, where one does."""
    module = (error.name or "").partition(".")[0]
    if not isinstance(error, ModuleNotFoundError) or module not in EXTRAS:
        return CommandError(str(error))
    return CommandError(f"this needs the package {module}, which is not installed: pip install 'echorator[{EXTRAS[module]}]'", Exit.USAGE)


def installed() -> dict[str, bool]:
    """Return for each extra whether all of its packages that are looked for are there."""
    there = {module: _there(module) for module in EXTRAS}
    return {extra: all(there[module] for module, of in EXTRAS.items() if of == extra) for extra in dict.fromkeys(EXTRAS.values())}


def _there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the package around it is absent
        return False
