"""The names that Kubernetes accepts: a check of each kind of name with a message, and the same rule as a pattern for the API server. Pure.

Feeds `kube_spec`. Without these checks, a name that no object can have would be accepted in a Model and refused when its objects are made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}([.]{_LABEL})*"
_WORD = "[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
_QUALIFIED = re.compile(rf"(?:(?P<prefix>{_SUBDOMAIN})/)?(?P<name>{_WORD})")
MOST_LABEL, MOST_SUBDOMAIN = 63, 253  # characters


def _named(pattern: str, most: int, what: str) -> Any:
    """Return the type of a text that `pattern` matches as a whole; `what` describes it in the message."""
    said = f"must be {what}, of at most {most} characters"

    def checked(value: str) -> str:
        """Return `value`. Raises ValueError if the pattern does not match."""
        if len(value) > most or re.fullmatch(pattern, value) is None:
            raise ValueError(f"{said}, not {value[:80]!r}")
        return value

    extra: dict[str, Any] = {"maxLength": most, "x-kubernetes-validations": [{"rule": f"self.matches('^{pattern}$')", "message": said}]}
    return Annotated[str, AfterValidator(checked), Field(json_schema_extra=extra)]


ServiceName = _named("[a-z]([-a-z0-9]*[a-z0-9])?", MOST_LABEL, "a name of a Service: a-z, 0-9 and -, a letter first and no - at the end")
NamespaceName = _named(_LABEL, MOST_LABEL, "a name of a namespace: a-z, 0-9 and -, no - at either end")
ObjectName = _named(_SUBDOMAIN, MOST_SUBDOMAIN, "a name of an object: a-z, 0-9, - and ., a letter or digit at both ends of each part")
HostName = _named(
    rf"([*][.])?{_SUBDOMAIN}", MOST_SUBDOMAIN, "a host without scheme, port or path, in small letters, as chat.example.com or *.example.com"
)
ServedName = _named("[A-Za-z0-9][A-Za-z0-9._:/-]*", 128, "a name of letters, digits, ., _, :, / and -, a letter or digit first")
OBJECT_NAME_WORDS = f"write at most {MOST_SUBDOMAIN} of a-z, 0-9, - and ., a letter or digit at both ends of each part"


def is_object_name(name: str) -> bool:
    """Return whether most kinds of objects may have this name: a DNS subdomain (RFC 1123)."""
    return len(name) <= MOST_SUBDOMAIN and re.fullmatch(_SUBDOMAIN, name) is not None


def qualified(key: str) -> bool:
    """Return whether a label, an annotation or a resource may have this key: NAME or DNS.PREFIX/NAME."""
    found = _QUALIFIED.fullmatch(key) if len(key) <= MOST_SUBDOMAIN + 1 + MOST_LABEL else None
    return found is not None and len(found["prefix"] or "") <= MOST_SUBDOMAIN and len(found["name"]) <= MOST_LABEL


def checked_keys(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the mapping. Raises ValueError for a key that no label, annotation or resource can have."""
    for key in given:
        if not qualified(key):
            raise ValueError(
                f"{key[:80]!r} is no key; write NAME or PREFIX/NAME, as example.com/disk: the name of at most {MOST_LABEL} letters, "
                "digits, -, _ and ., a letter or digit at both ends, the prefix a DNS name in small letters"
            )
    return given


def checked_labels(given: Mapping[str, str]) -> Mapping[str, str]:
    """Return the labels. Raises ValueError for a key or a value that no label can have."""
    checked_keys(given)
    for key, value in given.items():
        if value and (len(value) > MOST_LABEL or re.fullmatch(_WORD, value) is None):
            raise ValueError(
                f"{value[:80]!r} is no value of the label {key}; write at most {MOST_LABEL} letters, digits, -, _ and ., "
                "a letter or digit at both ends"
            )
    return given
