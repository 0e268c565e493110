"""Converts JSON Schema to GBNF; `echorator.prompting.json_schema` is the public interface of these modules.

`document` reads the schema and follows references, `alternatives` spreads its anyOf, oneOf, not and if into plain conjunctions,
`converter` turns each conjunction into grammar rules with `objects`, `arrays`, `strings` and `numbers`, and `grammar` writes them.
Patterns and bounds of numbers are `expressions` (regular languages with intersection and complement); `patterns` reads them.
"""
