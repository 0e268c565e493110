"""What pydantic 2 and zod 4 write of ordinary models is taken, and every text of its grammar is valid."""

from __future__ import annotations

import json
import random
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel

from echorator._native.grammar_harness import Grammar
from echorator.prompting.json_schema import grammar_of
from tests.prompting.schema.gbnf import Gbnf
from tests.prompting.schema.pydantic_models import MODELS, SAY_LESS
from tests.prompting.schema.zod_models import ZOD


def drawn(schema: dict[str, Any], count: int = 12) -> list[str]:
    """Texts of the schema's grammar, which the engine's own reader must take too."""
    text = grammar_of(schema)
    engine = Grammar(text)
    assert engine.states < 50_000
    reader, chance = Gbnf(text), random.Random(7)
    texts = [reader.draw(chance) for _ in range(count)]
    assert all(engine.accepts(each) for each in texts)
    return texts


def test_there_are_sixty_models_and_more_than_thirty_of_zod() -> None:
    assert len(MODELS) == 60
    assert len(ZOD) > 60


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_pydantic(model: type[BaseModel]) -> None:
    schema = json.loads(json.dumps(model.model_json_schema()))
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
    for text in drawn(schema):
        validator.validate(json.loads(text))
        if model not in SAY_LESS:
            model.model_validate_json(text)


@pytest.mark.parametrize("name", ZOD)
def test_zod(name: str) -> None:
    schema = ZOD[name]
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    for text in drawn(schema):
        kind(schema, format_checker=kind.FORMAT_CHECKER).validate(json.loads(text))
