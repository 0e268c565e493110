r"""The formats that are enforced, as patterns of texts that every usual reader accepts.

They are narrower than their standards where readers differ: an email address has no quoted part, a time names its zone and has no leap
second, a URI has a scheme, and only plain characters in its fragment. An unknown format is an annotation, as JSON Schema says.
"""

from __future__ import annotations

_DIGIT2 = r"[0-9]{2}"
_YEAR = r"(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
_LEAP_YEAR = r"(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_DATE = (
    rf"(?:{_YEAR}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    rf"|{_LEAP_YEAR}-02-29)"
)
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
_AMOUNT = "[0-9]{1,4}"
_CLOCK = rf"T(?:{_AMOUNT}H(?:{_AMOUNT}M)?(?:{_AMOUNT}S)?|{_AMOUNT}M(?:{_AMOUNT}S)?|{_AMOUNT}S)"
_DURATION = rf"P(?:(?:{_AMOUNT}Y(?:{_AMOUNT}M(?:{_AMOUNT}D)?)?|{_AMOUNT}M(?:{_AMOUNT}D)?|{_AMOUNT}D)(?:{_CLOCK})?|{_CLOCK}|{_AMOUNT}W)"
_LABEL = "[A-Za-z0-9]{1,20}(?:-[A-Za-z0-9]{1,20}){0,2}"  # without --, by which readers recognize other alphabets
_HOST = rf"{_LABEL}(?:\.{_LABEL}){{0,3}}"
_LOCAL_WORD = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_DOMAIN = rf"(?:{_LABEL}\.){{1,2}}[A-Za-z]{{2,24}}"
_EMAIL = rf"{_LOCAL_WORD}{{1,24}}(?:\.{_LOCAL_WORD}{{1,24}})?@{_DOMAIN}"  # at most 201 characters
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"(?:{_BYTE}\.){{3}}{_BYTE}"
_H16 = "[0-9A-Fa-f]{1,4}"
_IPV6 = "|".join(
    [rf"(?:{_H16}:){{7}}{_H16}", "::"]
    + [rf"(?:{_H16}:){{{n - 1}}}{_H16}::" for n in range(1, 8)]
    + [rf"::(?:{_H16}:){{0,6}}{_H16}"]
    + [rf"(?:{_H16}:){{{n - 1}}}{_H16}::(?:{_H16}:){{0,{6 - n}}}{_H16}" for n in range(1, 7)]
)
_UNRESERVED = r"A-Za-z0-9._~\-"
_PATH_CHARACTER = rf"(?:[{_UNRESERVED}!$&'()*+,;=:@]|%[0-9A-Fa-f]{{2}})"
_SEGMENTS = rf"(?:/{_PATH_CHARACTER}*)*"
_QUERY = rf"(?:\?(?:{_PATH_CHARACTER}|[/?])*)?(?:#(?:{_PATH_CHARACTER}|[/?])*)?"
_AUTHORITY = rf"//(?:{_DOMAIN}|localhost|{_IPV4})(?::[1-9][0-9]{{0,3}})?"
_URI = rf"(?:https?|ftp|wss?):{_AUTHORITY}{_SEGMENTS}{_QUERY}|(?:mailto|urn|tel|data):(?:{_PATH_CHARACTER})+"
# The first segment has no colon, since it would otherwise be read as a scheme.
_RELATIVE = rf"(?:/|(?:[{_UNRESERVED}!$&'()*+,;=@]|%[0-9A-Fa-f]{{2}})+){_SEGMENTS}{_QUERY}"
_POINTER = r"(?:/(?:[^/~]|~[01])*)*"
_HEX = "[0-9A-Fa-f]"
_UUID = rf"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"
_BASE64 = r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"

FORMATS: dict[str, str] = {
    name: f"^(?:{pattern})$"
    for name, pattern in {
        "date": _DATE,
        "time": _TIME,
        "date-time": f"{_DATE}T{_TIME}",
        "duration": _DURATION,
        "email": _EMAIL,
        "idn-email": _EMAIL,
        "hostname": _HOST,
        "idn-hostname": _HOST,
        "ipv4": _IPV4,
        "ipv6": _IPV6,
        "uri": _URI,
        "iri": _URI,
        "uri-reference": f"{_URI}|{_RELATIVE}",
        "iri-reference": f"{_URI}|{_RELATIVE}",
        "uuid": _UUID,
        "json-pointer": _POINTER,
        "relative-json-pointer": rf"(?:0|[1-9][0-9]{{0,3}})(?:#|{_POINTER})",
        "byte": _BASE64,
        "base64": _BASE64,
    }.items()
}
