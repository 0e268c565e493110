"""Converts a JSON schema to a grammar of valid texts (draft 2020-12, with the spellings of drafts 4 to 2019-09).

Every complete text of the grammar is valid under the schema, apart from what is listed here as not enforced. A keyword that cannot be
honoured is refused, with its JSON pointer and what to do; unknown keywords and formats are annotations, as JSON Schema says.

Of the valid values, the grammar admits these spellings only, so that small models find their way:

- Properties come in the schema's order: those of `properties`, then those that only `required` names, then further ones.
- An object with `properties` or `patternProperties` has only what they name, unless additionalProperties or unevaluatedProperties says
  more.
- A tuple (`prefixItems`) without `minItems` has all its items; without `items` it has no more.
- Keywords of one type without `type` mean that type: {"minimum": 3} is a number.
- An integer is written without a point, in at most 40 digits unless its bounds have more; a fraction in at most 30 digits behind the point.
  Multiples of a step have at most 18 digits where it divides a power of ten. A bounded number may be written as 1.5e-07.
- maxLength, maxItems and maxProperties above 10,000 are written as 10,000.
- A pattern with a maxLength that are large together has its repetitions cut so that its longest text fits.
- White space is none, one space, or a line break with at most 24 spaces, and none in constants; or as json.dumps writes it.
- Formats are written as all usual readers take them: see `schema/formats.py`.

Not enforced:

- uniqueItems, unless the items' values are listed by enum, const or boolean, 8 of them at most.
- minProperties above 1 counts what is written; where names are not listed in the schema, a model may write one twice.
- oneOf is read as anyOf where its alternatives are not seen to exclude each other and their opposites cannot be written.
- multipleOf of fractions holds in decimals; a validator that divides doubles may find 0.07 to be no multiple of 0.01.
- A format beside a pattern, where both together would need too large a grammar: then the pattern rules.
- contentEncoding, contentMediaType, contentSchema and discriminator are annotations; nullable (OpenAPI) admits null beside `type`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from echorator.errors import InvalidRequestError
from echorator.prompting.schema.converter import converted


def grammar_of(schema: Mapping[str, Any], as_dumps: bool = False) -> str:
    """Return GBNF text whose root rule admits only texts valid under `schema`; keys keep the order of the schema's JSON text.

    Args:
        schema: the schema.
        as_dumps: white space stands where json.dumps puts it, and nowhere else.

    Raises:
        InvalidRequestError: the schema is malformed, too large, or asks for what no grammar here expresses.
    """
    try:
        return converted(schema, as_dumps)
    except RecursionError as e:
        raise InvalidRequestError("json_schema: nested too deep; move inner parts to $defs") from e


JSON_GRAMMAR = grammar_of({"type": "object"})
