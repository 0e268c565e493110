"""Sixty models such as people write with pydantic 2: what a server with structured output must take."""

from __future__ import annotations

import enum
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import (
    AnyUrl,
    AwareDatetime,
    Base64Str,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    Json,
    NegativeFloat,
    NegativeInt,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    RootModel,
    StrictBool,
    StringConstraints,
    create_model,
)

T = TypeVar("T")
Short = Annotated[str, StringConstraints(max_length=12)]


class Color(enum.StrEnum):
    RED = "red"
    GREEN = "green"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Answer(BaseModel):
    reasoning: Short
    answer: bool


class Person(BaseModel):
    """A person with bounds on everything."""

    name: str = Field(min_length=1, max_length=20)
    age: int = Field(ge=0, le=150)
    height: float = Field(gt=0, lt=3)
    email: str | None = None


class Address(BaseModel):
    street: Short
    zip: str = Field(pattern=r"^\d{5}$")


class Customer(BaseModel):
    name: Short
    home: Address
    work: Address | None = None
    others: list[Address] = Field(default_factory=list, max_length=2)


class Point(BaseModel):
    at: tuple[int, int]


class Path(BaseModel):
    points: list[tuple[float, float]] = Field(min_length=1, max_length=2)
    rest: tuple[Short, ...] = ()


class Paint(BaseModel):
    color: Color
    level: Level
    kind: Literal["oil", "water", 3]


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = Field(ge=1, le=9)


class Dog(BaseModel):
    kind: Literal["dog"]
    good: bool = True


class Pet(BaseModel):
    pet: Cat | Dog = Field(discriminator="kind")


class Pets(BaseModel):
    pets: list[Annotated[Cat | Dog, Field(discriminator="kind")]] = Field(max_length=2)


class Tree(BaseModel):
    value: int
    children: list[Tree] = Field(default_factory=list, max_length=2)


class Linked(BaseModel):
    text: Short
    next: Linked | None = None


class Husband(BaseModel):
    name: Short
    wife: Wife | None = None


class Wife(BaseModel):
    name: Short
    husband: Husband | None = None


class Scores(BaseModel):
    scores: dict[str, int]


class NamedScores(BaseModel):
    scores: dict[Literal["a", "b"], float]
    by_pattern: dict[Annotated[str, StringConstraints(pattern="^[a-z]{1,4}$")], bool]


class Tags(BaseModel):
    tags: set[Color]
    more: frozenset[Literal[1, 2, 3]] = frozenset()
    least: list[Short] = Field(min_length=1, max_length=3)


class Times(BaseModel):
    day: date
    at: AwareDatetime
    length: timedelta


class Clock(BaseModel):
    time: time
    moment: datetime | None = None


class Identified(BaseModel):
    id: UUID
    parent: UUID | None


class Hosts(BaseModel):
    v4: IPv4Address
    v6: IPv6Address


class Links(BaseModel):
    home: HttpUrl
    other: AnyUrl | None = None


class Amounts(BaseModel):
    price: Decimal = Field(max_digits=6, decimal_places=2)
    share: Decimal | None = None


class Signs(BaseModel):
    a: PositiveInt
    b: NegativeInt
    c: NonNegativeInt
    d: PositiveFloat
    e: NegativeFloat
    f: NonNegativeFloat


class Steps(BaseModel):
    five: int = Field(multiple_of=5)
    seven: int = Field(multiple_of=7, ge=0, le=700)
    half: float = Field(multiple_of=0.5)


class Huge(BaseModel):
    large: int = Field(ge=10**20, le=10**21)
    signed: int = Field(ge=-(2**63), lt=2**63)


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    flag: StrictBool
    count: int


class Loose(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: Short


class Typed(BaseModel):
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, int]
    name: Short


class Aliased(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    first: Short = Field(alias="first-name")
    quoted: int = Field(alias='the "quoted" one')
    other: bool = Field(alias="ünï/çode\\path")


class Anything(BaseModel):
    value: Any
    untyped: dict[str, Any]
    items: list[Any] = Field(max_length=2)


class Empty(BaseModel):
    pass


class Unions(BaseModel):
    value: int | Short | bool | None
    many: list[int | Short] = Field(max_length=2)


class Defaults(BaseModel):
    a: int = 3
    b: Short = "x"
    c: list[int] = [1]
    d: Color = Color.RED


class Described(BaseModel):
    """An object whose fields carry titles, examples and descriptions."""

    city: Short = Field(title="City", description="The city's name", examples=["Rome"])
    old: int = Field(default=1, deprecated=True)


class Patterns(BaseModel):
    sku: str = Field(pattern=r"^[A-Z]{3}-\d{4}$")
    slug: str = Field(pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$", max_length=40)
    phone: str = Field(pattern=r"^\+?[1-9]\d{1,14}$")
    word: str = Field(pattern=r"\w+")


class Version(BaseModel):
    version: str = Field(pattern=r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?$")
    hexadecimal: str = Field(pattern=r"^#(?:[0-9a-fA-F]{3}){1,2}$")


class Encoded(BaseModel):
    data: Base64Str
    raw: bytes


class Page(BaseModel, Generic[T]):
    items: list[T] = Field(max_length=2)
    total: int = Field(ge=0)


class Box(BaseModel, Generic[T]):
    content: T


class Base(BaseModel):
    id: int


class Derived(Base):
    name: Short


class Deep(BaseModel):
    a: Box[Box[Box[Answer]]]


class Constant(BaseModel):
    type: Literal["constant"] = "constant"
    version: Literal[1] = 1
    none: None = None


class Step(BaseModel):
    explanation: Short
    output: Short


class MathReasoning(BaseModel):
    steps: list[Step] = Field(min_length=1, max_length=2)
    final_answer: Short


class Invoice(BaseModel):
    class Line(BaseModel):
        text: Short
        quantity: int = Field(gt=0, le=1000)
        price: float = Field(ge=0, le=1e6)

    number: str = Field(pattern=r"^INV-\d{6}$")
    issued: date
    lines: list[Line] = Field(min_length=1, max_length=2)
    currency: Literal["EUR", "USD", "GBP"]


class Event(BaseModel):
    name: Short
    date: date
    participants: list[Short] = Field(max_length=3)


class Sentiment(BaseModel):
    label: Literal["positive", "negative", "neutral"]
    confidence: float = Field(ge=0.0, le=1.0)


class Entity(BaseModel):
    text: Short
    kind: Literal["person", "place", "thing"]
    start: NonNegativeInt
    end: NonNegativeInt


class Extraction(BaseModel):
    entities: list[Entity] = Field(max_length=2)
    relations: list[tuple[int, Short, int]] = Field(default_factory=list, max_length=1)


class Matrix(BaseModel):
    rows: Annotated[list[Annotated[list[float], Field(min_length=2, max_length=2)]], Field(min_length=2, max_length=2)]


class Expression(BaseModel):
    op: Literal["+", "-"]
    left: Expression | int
    right: Expression | int


class ToolCall(BaseModel):
    name: Literal["search", "open"]
    arguments: dict[str, Short | int]


class Wrapped(BaseModel):
    payload: Json[list[int]] | None = None
    plain: Short


class Numbers(RootModel[list[int]]):
    pass


class Choice(RootModel[Literal["yes", "no"]]):
    pass


class Mapping(RootModel[dict[str, Answer]]):
    pass


class Either(RootModel[Answer | Person]):
    pass


CITIES = enum.Enum("CITIES", {f"CITY_{i}": f"city {i}" for i in range(300)})  # type: ignore[misc]  # mypy reads only literals


class ManyChoices(BaseModel):
    city: CITIES


def wide(name: str, count: int, kind: Any, default: Any) -> type[BaseModel]:
    """A model of many fields that are alike."""
    fields: dict[str, Any] = {f"field_{i}": (kind, default) for i in range(count)}
    return create_model(name, **fields, last=(int, ...))


MODELS: list[type[BaseModel]] = [
    *(Answer, Person, Customer, Point, Path, Paint, Pet, Pets, Tree, Linked, Husband, Scores, NamedScores, Tags, Times, Clock),
    *(Identified, Hosts, Links, Amounts, Signs, Steps, Huge, Strict, Loose, Typed, Aliased, Anything, Empty, Unions, Defaults),
    *(Described, Patterns, Version, Encoded, Page[int], Page[Person], Box[Color], Box[Answer | None], Derived, Deep, Constant),
    *(MathReasoning, Invoice, Event, Sentiment, Entity, Extraction, Matrix, Expression, ToolCall, Wrapped, Numbers, Choice, Mapping),
    *(Either, Address, ManyChoices, wide("Flags", 30, bool, False), wide("Wide", 20, Short | None, None)),
]

# Their validators ask more than their schema says: digits of a decimal, UTF-8 within base64, the scheme of a URL, JSON in a text.
SAY_LESS = (Amounts, Encoded, Wrapped, Links)
