"""What the load of a Model asks for over time: `Autoscaling.asked`, with a clock of the test's."""

from __future__ import annotations

import pytest

from echorator.kube.installation import Install
from echorator.kube.models.autoscaling import Autoscaling, Scaling
from echorator.model_resource.kube_spec import KubeModelSpec
from echorator.model_resource.schema import check
from echorator.rpc.v1 import controller_pb2 as pb

MODEL = {"metadata": {"name": "m", "uid": "u"}, "spec": {}}
COOLDOWN_S = 60
NO_SIGNALS = {"cpuPercent": 0, "memoryPercent": 0, "gpuPercent": 0, "queueDepth": 0, "responseTimeSeconds": 0}


class Clock:
    """Seconds that a test sets."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def spec_of(replicas: int = 1, least: int = 0) -> KubeModelSpec:
    scaling = {"minReplicas": least, "cooldownSeconds": COOLDOWN_S, "signals": NO_SIGNALS}
    return check(KubeModelSpec, {"image": "phi", "replicas": replicas, "autoscaling": scaling})


def mesh(busy: int = 0, queued: int = 0) -> pb.MeshModel:
    return pb.MeshModel(status=pb.ModelStatus(ready=1, slots=4, busy=busy, queued=queued))


def test_nobody_asks_for_the_cooldown_and_it_goes_to_zero(clock: Clock) -> None:
    scaling = Autoscaling(Install(), clock)
    assert scaling.asked(MODEL, spec_of(), mesh(), (0, 0.0)) == Scaling(COOLDOWN_S), "it begins with the first look"
    clock.now_s += 50
    assert scaling.asked(MODEL, spec_of(), mesh(), (0, 0.0)) == Scaling(10.0)
    assert scaling.asked(MODEL, spec_of(), mesh(queued=1), (0, 0.0)) == Scaling(COOLDOWN_S)
    clock.now_s += 50
    scaling.saw_busy("m")
    clock.now_s += COOLDOWN_S - 1
    assert scaling.asked(MODEL, spec_of(), mesh(), (0, 0.0)) == Scaling(1.0)
    clock.now_s += 1
    assert scaling.asked(MODEL, spec_of(), mesh(), (0, 0.0)) == Scaling(0.0, 0, "ScaledToZero", "nobody asked for 60 s")


def test_what_is_at_zero_or_may_not_go_there_stays(clock: Clock) -> None:
    scaling = Autoscaling(Install(), clock)
    fixed = check(KubeModelSpec, {"image": "phi"})
    for spec, known in ((spec_of(0), mesh()), (spec_of(least=1), mesh()), (spec_of(), None), (fixed, mesh())):
        for _ in range(2):
            assert scaling.asked(MODEL, spec, known, (0, 0.0)) == Scaling(0.0)
            clock.now_s += 2 * COOLDOWN_S


def test_the_time_without_requests_begins_anew_once_it_was_forgotten(clock: Clock) -> None:
    scaling = Autoscaling(Install(), clock)
    scaling.asked(MODEL, spec_of(), mesh(), (0, 0.0))
    clock.now_s += COOLDOWN_S
    scaling.forget(MODEL)
    assert scaling.asked(MODEL, spec_of(), mesh(), (0, 0.0)) == Scaling(COOLDOWN_S)


def test_the_signals_of_the_mesh_are_followed_where_no_autoscaler_does_it(clock: Clock) -> None:
    scaling = Autoscaling(Install(), clock)
    asked = scaling.asked(MODEL, spec_of(2, least=1), mesh(busy=1), (3, 20.0))
    assert asked == Scaling(20.0, 3, "Scaled", "from 2 to 3 replicas, by the signals of the mesh")
    assert scaling.asked(MODEL, spec_of(3, least=1), mesh(busy=1), (3, 20.0)) == Scaling(20.0)
    followed = check(KubeModelSpec, {"image": "phi", "replicas": 2, "autoscaling": {"minReplicas": 1}})
    assert scaling.by_hpa(followed)
    assert scaling.asked(MODEL, followed, mesh(busy=1), (3, 20.0)) == Scaling(20.0)


def test_a_signal_that_cannot_be_followed_is_news_once(clock: Clock) -> None:
    scaling = Autoscaling(Install(gpu_metrics=False), clock)
    spec = check(KubeModelSpec, {"image": "phi", "gpus": 1, "autoscaling": {}})
    assert "gpuPercent is not followed" in scaling.asked(MODEL, spec, mesh(), (1, 0.0)).news
    assert scaling.asked(MODEL, spec, mesh(), (1, 0.0)).news == ""
