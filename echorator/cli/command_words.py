"""The commands of `echorator` by what they are for, and the words by which users of other programs ask for them; imports nothing heavy."""

from __future__ import annotations

GROUPS = {
    "models and chat": ("run", "chat", "embed", "models", "pull"),
    "this machine": ("up", "status", "top", "logs", "serve", "doctor", "service"),
    "resources of an `up`": ("apply", "get", "describe", "scale", "delete", "watch", "cluster"),
    "memory": ("memory", "mcp", "cognition"),
    "mesh": ("controller", "gateway", "mesh", "bootstrap"),
    "Kubernetes": ("operator", "manifests"),
    "this program": ("config", "completion"),
}

# By the package below `cli/echorator`: the modules that run its commands.
ROOMS = {
    "models": ("chat", "embed", "models", "pull", "stored_models", "suggested_models"),
    "machine": ("cluster", "doctor", "logs", "resources", "serve", "service", "status", "up"),
    "memory": ("cognition", "mcp", "memory"),
    "mesh": ("bootstrap", "controller", "gateway", "mesh"),
    "kube": ("manifests", "operator"),
    "program": ("completion", "config"),
}


def module_of(name: str) -> str:
    """Return the full name of the module that runs a command of `echorator`. Raises StopIteration for a name that is in no package."""
    return f"echorator.cli.echorator.{next(room for room, names in ROOMS.items() if name in names)}.{name}"


# By the command above, "" for none: what a word probably means.
MEANT = {
    "": {
        "ask": "chat",
        "complete": "completion",
        "create": "apply",
        "diagnose": "doctor",
        "daemon": "service",
        "download": "pull",
        "edit": "apply",
        "embeddings": "embed",
        "forget": "memory forget",
        "generate": "chat",
        "install": "service",
        "kill": "delete",
        "launch": "up",
        "list": "models",
        "load": "run",
        "log": "logs",
        "login": "pull",
        "ls": "models",
        "nodes": "mesh agents",
        "pods": "get containers",
        "ps": "status",
        "recall": "memory search",
        "remember": "memory add",
        "remove": "models remove",
        "rm": "models remove",
        "search": "memory search",
        "settings": "config",
        "show": "describe",
        "start": "up",
        "stop": "delete",
        "talk": "chat",
        "unload": "delete",
    },
    "memory": {
        "delete": "forget",
        "edit": "update",
        "find": "search",
        "get": "show",
        "ls": "list",
        "new": "add",
        "query": "search",
        "recall": "search",
        "remember": "add",
        "remove": "forget",
        "rm": "forget",
        "save": "export",
        "set": "update",
        "store": "add",
        "user": "profile",
    },
    "models": {"delete": "remove", "info": "show", "ls": "list", "rm": "remove", "check": "verify", "clean": "prune"},
    "config": {"show": "list", "get": "list", "ls": "list", "example": "template", "edit": "path", "file": "path"},
}
