"""The local cluster as its design draws it: the patterns of communication, the reconcile loop, the life of a resource."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from echorator.cluster import Cluster, Refusal
from echorator.cluster.mailbox import ContainerGoneError
from echorator.cluster.manifests import parse_manifests
from echorator.cluster.resources import Key, Kind
from echorator.cluster.runs import WorkerError
from echorator.cluster.services import NoContainerError
from echorator.cluster.store import Change, ConflictError, Outcome, ResourceNotFoundError
from echorator.errors import InvalidRequestError, QueueFullError
from echorator.model_resource.schema import SpecError
from tests.cluster.texts import HERE, apply, container, containers, ready, replica_set, service, workers_for_tests_of_clusters
from tests.support.waiting import until

workers = workers_for_tests_of_clusters()


def ask(cluster: Cluster, name: str, value: Any) -> Any:
    reply = cluster.send_to_container(name, value)
    assert reply is not None
    return reply.result(10)


# Communication patterns


def test_fire_and_forget(cluster: Cluster) -> None:
    apply(cluster, container("log", "note"))
    assert cluster.send_to_container("log", {"a": 1}, expect_response=False) is None
    until(lambda: workers.SEEN == [{"a": 1}], "the message is handled")


def test_request_and_response(cluster: Cluster) -> None:
    apply(cluster, container("calculator", "add"))
    assert ask(cluster, "calculator", {"add": [2, 3]}) == 5


def test_between_containers(cluster: Cluster) -> None:
    apply(cluster, container("front", "relay"), container("back", "add", "{app: back}"), service("sums", "back"))
    assert ask(cluster, "front", {"to": "sums", "say": {"add": [20, 22]}}) == 42


def test_what_was_just_applied_gets_its_messages(cluster: Cluster) -> None:
    """Its containers are made a moment later, and nobody has to wait for that."""
    for i in range(20):
        apply(cluster, replica_set(f"r{i}", "add", 1), service(f"s{i}", f"r{i}"))
        reply = cluster.send_to_service(f"s{i}", {"add": [i, 1]})
        assert reply is not None
        assert reply.result(10) == i + 1
        apply(cluster, replica_set(f"t{i}", "add", 1))
        assert ask(cluster, f"t{i}-0", {"add": [i, 2]}) == i + 2


def test_a_service_balances_over_what_its_selector_matches(cluster: Cluster) -> None:
    workers.GATES["all sent"] = gate = threading.Event()
    apply(cluster, replica_set("named", "gated_name", 4), container("other", "name", "{app: other}"), service("names", "named"))
    ready(cluster, 5)
    replies = [cluster.send_to_service("names", "all sent") for _ in range(400)]
    gate.set()
    asked = Counter(reply.result(10) for reply in replies if reply is not None)
    assert asked.keys() == {f"named-{n}" for n in range(4)}
    assert min(asked.values()) > 80


def test_a_service_prefers_the_shorter_queue(cluster: Cluster) -> None:
    workers.GATES["busy"] = gate = threading.Event()
    apply(cluster, container("slow", "gated", "{app: two}"), container("free", "name", "{app: two}"), service("two", "two"))
    ready(cluster, 2)
    held = [cluster.send_to_container("slow", "busy") for _ in range(50)]
    try:
        replies = [cluster.send_to_service("two", "x") for _ in range(10)]
        assert [reply.result(10) for reply in replies if reply is not None] == ["free"] * 10
    finally:
        gate.set()
    assert all(isinstance(reply, Future) and reply.result(10) == "busy" for reply in held)


# The reconcile loop


def test_replicas_follow(cluster: Cluster) -> None:
    apply(cluster, replica_set("calc", "add", 3))
    ready(cluster, 3)
    assert containers(cluster) == ["calc-0", "calc-1", "calc-2"]
    cluster.scale(Kind.REPLICA_SET, "calc", 5)
    ready(cluster, 5)
    cluster.scale(Kind.REPLICA_SET, "calc", 1)
    until(lambda: containers(cluster) == ["calc-0"], "the others are gone")
    status = cluster.get(Kind.REPLICA_SET, "calc").status
    assert status == {"observedGeneration": 3, "replicas": 1, "readyReplicas": 1}


def test_a_deleted_replica_is_made_again(cluster: Cluster) -> None:
    apply(cluster, replica_set("calc", "add", 2))
    ready(cluster, 2)
    before = cluster.get(Kind.CONTAINER, "calc-0").uid
    cluster.delete(Kind.CONTAINER, "calc-0")
    until(lambda: all(r.uid != before for r in cluster.list()), "it is gone")
    ready(cluster, 2)


def test_another_template_replaces_one_after_the_other(cluster: Cluster) -> None:
    apply(cluster, replica_set("calc", "add", 3), service("calc", "calc"))
    ready(cluster, 3)
    version = cluster.store.version
    apply(cluster, replica_set("calc", "echo", 3))
    until(lambda: all(r.spec.worker.endswith("echo") for r in cluster.list(Kind.CONTAINER)), "the new template")  # type: ignore[union-attr]
    ready(cluster, 3)
    up = {"calc-0", "calc-1", "calc-2"}
    fewest = len(up)
    for event in cluster.store.since(version):
        if event.resource.kind is Kind.CONTAINER:
            (up.add if event.resource.status.get("ready") else up.discard)(event.resource.name)
            fewest = min(fewest, len(up))
    assert fewest == 2


def test_a_crashed_worker_is_started_again_with_a_new_state_and_its_queue(cluster: Cluster) -> None:
    apply(cluster, container("counter", "Counter"))
    assert [ask(cluster, "counter", "x") for _ in range(2)] == [1, 2]
    waiting = [cluster.send_to_container("counter", value) for value in ("die", "x", "x")]
    assert all(reply is not None for reply in waiting)
    with pytest.raises(WorkerError, match="the worker of counter failed: ValueError: told to"):
        waiting[0].result(10)  # type: ignore[union-attr]
    assert [reply.result(10) for reply in waiting[1:]] == [1, 2]  # type: ignore[union-attr]

    def started_again() -> bool:
        status = cluster.get(Kind.CONTAINER, "counter").status
        return (status["restarts"], status["phase"]) == (1, "Running")

    until(started_again, "its status says so")
    assert cluster.get(Kind.CONTAINER, "counter").status["lastError"] == "ValueError: told to"


def test_a_worker_that_fails_again_and_again_waits_longer_each_time(cluster: Cluster) -> None:
    apply(cluster, container("counter", "Counter"))
    for _ in range(3):
        with pytest.raises(WorkerError):
            ask(cluster, "counter", "exit")
    phases = [e.resource.status.get("phase") for e in cluster.store.recent() if e.resource.name == "counter"]
    assert "CrashLoopBackOff" in phases
    assert ask(cluster, "counter", "x") == 1, "and is back"


def test_a_worker_that_cannot_be_made_is_tried_again(cluster: Cluster) -> None:
    apply(cluster, container("stubborn", "Stubborn"))
    until(lambda: cluster.get(Kind.CONTAINER, "stubborn").status.get("restarts", 0) >= 2, "two attempts")
    assert cluster.get(Kind.CONTAINER, "stubborn").status["lastError"] == "RuntimeError: no stubborn"


def test_a_refused_message_ends_nothing(cluster: Cluster) -> None:
    apply(cluster, container("counter", "Counter"))
    assert ask(cluster, "counter", "x") == 1
    with pytest.raises(Refusal, match="not this one"):
        ask(cluster, "counter", "no")
    assert ask(cluster, "counter", "x") == 2


def test_a_full_queue_refuses(cluster: Cluster) -> None:
    workers.GATES["full"] = gate = threading.Event()
    apply(cluster, container("slow", "gated", queueLimit=2))
    ready(cluster, 1)
    held = [cluster.send_to_container("slow", "full")]
    until(lambda: "full" in workers.HELD, "the first is with the worker")
    held += [cluster.send_to_container("slow", "full") for _ in range(2)]
    with pytest.raises(QueueFullError, match=r"raise spec\.queueLimit"):
        cluster.send_to_container("slow", "full")
    gate.set()
    assert [reply.result(10) for reply in held if reply is not None] == ["full"] * 3


# The life of a resource


def test_a_scaled_down_container_drains_its_queue(cluster: Cluster) -> None:
    workers.GATES["drain"] = gate = threading.Event()
    apply(cluster, replica_set("slow", "gated", 1))
    ready(cluster, 1)
    held = [cluster.send_to_container("slow-0", "drain") for _ in range(5)]
    cluster.scale(Kind.REPLICA_SET, "slow", 0)
    until(lambda: cluster.get(Kind.CONTAINER, "slow-0").status["phase"] == "Terminating", "it drains")
    with pytest.raises(ContainerGoneError, match="takes no more messages"):
        cluster.send_to_container("slow-0", "drain")
    gate.set()
    assert [reply.result(10) for reply in held if reply is not None] == ["drain"] * 5
    until(lambda: containers(cluster) == [], "it is gone")


def test_a_draining_worker_that_crashes_is_started_again_for_what_waits(cluster: Cluster) -> None:
    workers.GATES["hold"] = gate = threading.Event()
    apply(cluster, container("slow", "gated"), container("counter", "Counter"))
    ready(cluster, 2)
    values = ["x", "die", "x", "die", "x"]
    held = [cluster.send_to_container("counter", value) for value in values]
    cluster.delete(Kind.CONTAINER, "counter")
    results = [reply.exception(20) or reply.result(20) for reply in held if reply is not None]
    assert [r if isinstance(r, int) else type(r) for r in results] == [1, WorkerError, 1, WorkerError, 1]
    until(lambda: containers(cluster) == ["slow"], "it is gone")
    gate.set()


def test_deletion_reaches_terminated(cluster: Cluster) -> None:
    apply(cluster, container("counter", "Counter"))
    ask(cluster, "counter", "x")
    cluster.delete(Kind.CONTAINER, "counter")
    until(lambda: containers(cluster) == [], "it is gone")
    seen = [(e.change, e.resource.status.get("phase")) for e in cluster.store.recent() if e.resource.kind is Kind.CONTAINER]
    assert seen[0] == (Change.ADDED, None)
    phases = [phase for _, phase in seen if phase]
    assert phases[-2:] == ["Terminated", "Terminated"]
    assert "Terminating" in phases
    assert seen[-1][0] is Change.DELETED
    assert ("closed", 1) in workers.SEEN
    with pytest.raises(ResourceNotFoundError, match="there is no container/counter; known: none"):
        cluster.send_to_container("counter", "x")


def test_what_outlives_the_grace_is_given_up(cluster: Cluster) -> None:
    workers.GATES["never"] = gate = threading.Event()
    apply(cluster, container("slow", "gated", terminationGracePeriodSeconds=0.2))
    ready(cluster, 1)
    held = [cluster.send_to_container("slow", "never") for _ in range(2)]
    cluster.delete(Kind.CONTAINER, "slow")
    assert held[1] is not None
    with pytest.raises(ContainerGoneError, match="ended before it came to this message"):
        held[1].result(10)
    until(lambda: containers(cluster) == [], "it is gone")
    gate.set()
    assert held[0] is not None
    assert held[0].result(10) == "never", "the one that was being handled could not be interrupted"


def test_deleting_a_replica_set_takes_its_containers_along(cluster: Cluster) -> None:
    apply(cluster, replica_set("calc", "add", 3))
    ready(cluster, 3)
    cluster.delete(Kind.REPLICA_SET, "calc")
    until(lambda: cluster.list() == [], "nothing is left")


def test_another_spec_starts_the_container_anew(cluster: Cluster) -> None:
    apply(cluster, container("one", "Counter"))
    assert ask(cluster, "one", "x") == 1
    apply(cluster, container("one", "echo"))
    until(lambda: ("closed", 1) in workers.SEEN, "the old one has ended")
    ready(cluster, 1)
    assert ask(cluster, "one", "same") == "same"


def test_applying_the_same_again_changes_nothing(cluster: Cluster) -> None:
    text = replica_set("calc", "add", 2) + service("calc", "calc")
    apply(cluster, text)
    ready(cluster, 2)
    until(lambda: cluster.get(Kind.SERVICE, "calc").status.get("ready") == 2, "the service is told")
    until(lambda: cluster.get(Kind.REPLICA_SET, "calc").status.get("readyReplicas") == 2, "the set is told")
    version = cluster.store.version
    assert [o for _, o, _ in cluster.apply(parse_manifests(text, "t"))] == [Outcome.UNCHANGED] * 2
    assert cluster.store.version == version


def test_a_thousand_containers(cluster: Cluster) -> None:
    apply(cluster, replica_set("many", "name", 1000), service("many", "many"))
    ready(cluster, 1000)
    replies = [cluster.send_to_container(f"many-{n}", 0) for n in range(1000)]
    assert [reply.result(20) for reply in replies if reply is not None] == [f"many-{n}" for n in range(1000)]
    reply = cluster.send_to_service("many", 0)
    assert reply is not None
    assert reply.result(10).startswith("many-")
    cluster.delete(Kind.REPLICA_SET, "many")
    until(lambda: containers(cluster) == [], "all are gone")


def test_closing_drains_everything() -> None:
    cluster = Cluster([HERE])
    cluster.start()
    apply(cluster, container("counter", "Counter"))
    held = [cluster.send_to_container("counter", "x") for _ in range(500)]
    cluster.close()
    assert [reply.result(0) for reply in held if reply is not None] == list(range(1, 501))


def test_closing_in_a_hurry_waits_for_nothing() -> None:
    workers.GATES["stuck"] = gate = threading.Event()
    cluster = Cluster([HERE])
    cluster.start()
    apply(cluster, container("slow", "gated"))
    held = [cluster.send_to_container("slow", "stuck") for _ in range(3)]
    closing = threading.Thread(target=cluster.close)
    closing.start()
    closing.join(0.2)
    assert closing.is_alive(), "it drains"
    cluster.hurry()
    closing.join(10)
    assert not closing.is_alive()
    assert held[1] is not None
    with pytest.raises(ContainerGoneError):
        held[1].result(10)
    gate.set()


# Bad input


def unchanged(cluster: Cluster, *texts: str) -> str:
    """What is said of what is refused; nothing of it is there afterwards."""
    before = cluster.list()
    with pytest.raises((SpecError, InvalidRequestError, ConflictError)) as failed:
        apply(cluster, container("good", "echo"), *texts)
    assert cluster.list() == before
    return str(failed.value)


@pytest.mark.parametrize(
    ("worker", "said"),
    [
        ("absent_module:f", "there is no module absent_module in"),
        ("workers_for_tests:absent", "workers_for_tests has no absent; it has"),
        ("workers_for_tests:NOT_A_WORKER", "is a int, not a function or a class"),
        ("workers_for_tests:nothing", "takes no argument"),
        ("workers_for_tests:Mute", "its instances cannot be called"),
        ("workers_for_tests:os.system", "is not of workers_for_tests but of posix"),
        ("workers_for_tests:imported", "is not of workers_for_tests but of posixpath"),
        ("os:system", "there is no module os in"),
        ("builtins:eval", "there is no module builtins in"),
        ("broken_worker:f", "importing broken_worker failed: ZeroDivisionError"),
        ("json:loads", "is hidden by another module of that name"),
    ],
)
def test_import_paths_that_do_not_resolve(tmp_path: Path, worker: str, said: str) -> None:
    (tmp_path / "broken_worker.py").write_text("1 / 0\n")
    (tmp_path / "json.py").write_text("def loads(value): return value\n")
    with Cluster([HERE, tmp_path]) as cluster:
        text = container("bad", "echo").replace("workers_for_tests:echo", worker)
        assert said in unchanged(cluster, text)


def test_kinds_that_need_a_mesh(cluster: Cluster) -> None:
    model = "\n---\napiVersion: echorator.dev/v1\nkind: Model\nmetadata: {name: m}\nspec: {image: echo-nano}\n"
    assert "start it with `echorator up`" in unchanged(cluster, model)


def test_a_selector_that_matches_nothing(cluster: Cluster) -> None:
    apply(cluster, container("one", "echo", "{app: one}"))
    warnings = apply(cluster, service("none", "two"))
    assert warnings == ["service/none: no container matches its selector app=two; labels of containers: app=one; it serves once one does"]
    with pytest.raises(NoContainerError, match="no container matches its selector app=two; labels of containers: app=one"):
        cluster.send_to_service("none", 1)
    until(lambda: "message" in cluster.get(Kind.SERVICE, "none").status, "its status says so")
    assert apply(cluster, container("two", "echo", "{app: two}")) == []
    reply = cluster.send_to_service("none", 1)
    assert reply is not None
    assert reply.result(10) == 1


def test_optimistic_concurrency(cluster: Cluster) -> None:
    (wish,) = parse_manifests(replica_set("calc", "add", 1), "t")
    apply(cluster, replica_set("calc", "add", 1))
    with pytest.raises(ConflictError, match="was changed since it was read"):
        cluster.apply([replace(wish, labels={"a": "b"}, resource_version=1 << 40)])
    with pytest.raises(ConflictError, match="is not there any more"):
        cluster.apply([replace(wish, key=Key(Kind.REPLICA_SET, "gone"), resource_version=5)])


def test_what_others_make_cannot_be_changed(cluster: Cluster) -> None:
    apply(cluster, replica_set("calc", "add", 1))
    ready(cluster, 1)
    with pytest.raises(InvalidRequestError, match="is made by replicaset/calc; change that"):
        apply(cluster, container("calc-0", "echo"))
    with pytest.raises(InvalidRequestError, match="has no replicas; scale a replicaset or a model"):
        cluster.scale(Kind.CONTAINER, "calc-0", 2)
    with pytest.raises(InvalidRequestError, match=r"replicas must be 0..1000, not -1"):
        cluster.scale(Kind.REPLICA_SET, "calc", -1)
