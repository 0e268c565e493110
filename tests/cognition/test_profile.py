"""What is known of whom: the profile and the goals, as a client asks for them."""

from __future__ import annotations

import time

import grpc
import pytest

from echorator.cognition.memory import Kind, Memory
from echorator.cognition.reading.values import Claim, Fact, FactType
from echorator.cognition.recall.profile import profile_of
from echorator.rpc.v1 import cognition_pb2 as pb
from tests.support.agents import refused
from tests.support.memories import Memory as Client

CITY, PET = ("user", "home city"), ("user", "pet")
DENIES, PAST = pb.CLAIM_DENIES, pb.CLAIM_PAST


def told(number: int, *facts: Fact, **more: object) -> Memory:
    return Memory("text", Kind.SEMANTIC, float(number), 1.0, id=number, facts=facts, **more)  # type: ignore[arg-type]


def shown(memories: list[Memory], at_s: float = 100.0, subject: str = "") -> dict[tuple[str, str], tuple[list[str], bool]]:
    found = {}
    for one in profile_of(memories, at_s, subject):
        for attribute in one.attributes:
            values = [("not " if v.claim is Claim.DENIES else "") + v.value for v in attribute.values]
            found[one.subject, attribute.attribute] = (values, attribute.conflict)
    return found


def test_values_that_say_the_same_are_one_and_the_latest_comes_first() -> None:
    memories = [told(1, Fact(*CITY, "Graz")), told(2, Fact(*CITY, "graz", certainty=0.5)), told(3, Fact(*PET, "dog", FactType.MANY))]
    (user,) = profile_of(memories, 100.0)
    city, pet = user.attributes
    assert (city.values[0].value, city.values[0].memory_ids, city.values[0].certainty, city.conflict) == ("graz", (2, 1), 1.0, False)
    assert (pet.attribute, pet.type, pet.values[0].said_s) == ("pet", FactType.MANY, 3.0)


def test_only_what_holds_is_shown() -> None:
    memories = [
        told(1, Fact(*CITY, "Oslo", to_s=50.0)),
        told(2, Fact(*CITY, "Lima", claim=Claim.PAST)),
        told(3, Fact(*CITY, "Rome"), valid_to_s=60.0),
        told(4, Fact(*CITY, "Bern"), expires_s=70.0),
        told(5, Fact(*CITY, "Graz", from_s=40.0)),
    ]
    assert shown(memories) == {CITY: (["Graz"], False)}
    assert shown(memories, at_s=45.0) == {CITY: (["Graz", "Bern", "Rome", "Oslo"], True)}
    assert shown(memories, at_s=30.0) == {CITY: (["Bern", "Rome", "Oslo"], True)}


def test_what_contradicts_itself_is_marked() -> None:
    many = [told(1, Fact(*PET, "dog", FactType.MANY)), told(2, Fact(*PET, "cat", FactType.MANY))]
    assert shown(many) == {PET: (["cat", "dog"], False)}
    assert shown([*many, told(3, Fact(*PET, "fish", FactType.MANY, Claim.DENIES))]) == {PET: (["not fish", "cat", "dog"], False)}
    assert shown([*many, told(3, Fact(*PET, "Dog", FactType.MANY, Claim.DENIES))])[PET][1]
    assert shown([*many, told(3, Fact(*PET, "", FactType.MANY, Claim.DENIES))])[PET][1]
    assert shown([told(1, Fact(*CITY, "Oslo")), told(2, Fact(*CITY, "Lima"))])[CITY][1]


def test_the_user_comes_first_and_a_subject_can_be_asked_alone() -> None:
    dog = [Fact("user's dog", name, "x") for name in ("name", "age", "food")]
    memories = [told(1, *dog), told(2, Fact("ann", "job", "cook")), told(3, Fact(*CITY, "Graz"))]
    assert [one.subject for one in profile_of(memories, 100.0)] == ["user", "user's dog", "ann"]
    assert [one.subject for one in profile_of(memories, 100.0, "ann")] == ["ann"]


@pytest.mark.asyncio(loop_scope="session")
async def test_the_profile_of_a_namespace(memory: Client) -> None:
    facts = [
        pb.Fact(subject="User", attribute="Home city", value="Graz"),
        pb.Fact(subject="user", attribute="pet", value="dog", type=pb.FACT_TYPE_MANY, claim=DENIES),
    ]
    new = [
        pb.NewMemory(text="Graz, and no dog.", facts=facts, categories=["home"]),
        pb.NewMemory(text="Perhaps Linz.", facts=[pb.Fact(subject="user", attribute="home city", value="Linz", certainty=0.5)]),
        pb.NewMemory(text="Use the metric system.", standing=True),
        pb.NewMemory(text="Gone.", facts=[pb.Fact(subject="user", attribute="mood", value="gone")], expires_at_s=1.0),
    ]
    ids = (await memory.stub.Remember(pb.RememberRequest(scope=memory.scope(), memories=new))).ids
    profile = await memory.stub.GetProfile(pb.GetProfileRequest(scope=memory.scope()))
    (user,) = profile.subjects
    assert user.subject == "user"
    city, pet = user.attributes
    assert (city.attribute, city.type, city.conflict) == ("home city", pb.FACT_TYPE_SINGLE, True)
    assert [(v.value, list(v.memory_ids)) for v in city.values] == [("Linz", [ids[1]]), ("Graz", [ids[0]])]
    assert city.values[0].certainty == pytest.approx(0.5)
    assert (pet.values[0].value, pet.values[0].claim, pet.conflict) == ("dog", DENIES, False)
    assert [m.text for m in profile.standing] == ["Use the metric system."]
    home = await memory.stub.GetProfile(pb.GetProfileRequest(scope=memory.scope(), filter=pb.Filter(categories=["home"])))
    assert [v.value for v in home.subjects[0].attributes[0].values] == ["Graz"]
    before = await memory.stub.GetProfile(pb.GetProfileRequest(scope=memory.scope(), as_of_s=time.time() - 1000))
    assert not before.subjects
    await refused(
        memory.stub.GetProfile(pb.GetProfileRequest(scope=memory.scope(), limit=1001)), grpc.StatusCode.INVALID_ARGUMENT, "1..1000"
    )


@pytest.mark.asyncio(loop_scope="session")
async def test_goals_are_shown_without_being_changed(memory: Client) -> None:
    async def goals() -> list[tuple[str, float]]:
        said = await memory.stub.GetGoals(pb.GetGoalsRequest(scope=memory.scope()))
        return [(g.text, round(g.priority, 3)) for g in said.goals]

    assert await goals() == []
    new = [pb.Goal(text="learn to sail", priority=0.5), pb.Goal(text="rest")]
    await memory.stub.SetGoals(pb.SetGoalsRequest(scope=memory.scope(), goals=new))
    assert await goals() == [("learn to sail", 0.5), ("rest", 1.0)]
    assert await goals() == [("learn to sail", 0.5), ("rest", 1.0)]
