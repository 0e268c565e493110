"""The admission webhooks on a real API server: what kubectl prints, certificates that change under way, replicas that share them.

Over 400 lines: one way to register webhooks, to look at a handshake and to turn the clock serves all of it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import signal
import socket
import ssl
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509

from echorator.kube.api.client import Client, InvalidObjectError
from echorator.kube.api.resources import MUTATING, SECRET, VALIDATING, Object
from echorator.kube.install.manifests import files_of
from echorator.kube.installation import OPERATOR, WEBHOOK_SECRET, Install
from echorator.kube.webhooks.admission import read
from echorator.kube.webhooks.certificates import Credentials, hosts_of, issued
from echorator.kube.webhooks.certificates import read as read_secret
from echorator.kube.webhooks.secret import SharedCertificates
from echorator.kube.webhooks.server import MOST_BYTES, Webhooks, WebhookSettings
from tests.kube.operating import get
from tests.kube.webhooks.damaged_certificates import DAMAGED, HOSTS, days
from tests.support.kube_cluster.control_plane import ControlPlane
from tests.support.kube_cluster.fault_proxy import FaultProxy
from tests.support.kube_cluster.installed import install_crd
from tests.support.ports import free_port
from tests.support.processes import Process
from tests.support.waiting import eventually, in_thread

on_the_loop = pytest.mark.asyncio(loop_scope="session")
BAD, WORDS = {"image": "hf://nobody"}, "is not hf://ORG/REPOSITORY/FILE.gguf"
CONFIGURATIONS = f"{VALIDATING.plural},{MUTATING.plural}"


@pytest.fixture(scope="module")
def plane(control_plane: ControlPlane) -> ControlPlane:
    install_crd(control_plane)
    return control_plane


@pytest.fixture
def name(plane: ControlPlane) -> Iterator[str]:
    """Of the test's own configurations, which are deleted after it."""
    made = f"webhooks-{uuid.uuid4().hex[:8]}"
    yield made
    plane.kubectl("delete", CONFIGURATIONS, made, "--ignore-not-found")


@pytest.fixture
def elsewhere(plane: ControlPlane) -> Iterator[str]:
    """A namespace whose Models nobody reviews."""
    made = f"test-{uuid.uuid4().hex[:10]}"
    plane.kubectl("create", "namespace", made)
    yield made
    plane.kubectl("delete", "namespace", made, "--wait=false")


def register(plane: ControlPlane, namespace: str, name: str, port: int) -> None:
    """What is installed, but called by URL, and of one namespace's Models."""
    for document in files_of(Install("echorator-system"))["webhooks.yaml"]:
        if document["kind"] == "Service":
            continue
        document["metadata"]["name"] = name
        (webhook,) = document["webhooks"]
        webhook["clientConfig"] = {"url": f"https://127.0.0.1:{port}{webhook['clientConfig']['service']['path']}"}
        mine = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": [namespace]}
        webhook["namespaceSelector"]["matchExpressions"].append(mine)
        plane.kubectl("apply", "--server-side", "--validate=strict", "-f", "-", input=json.dumps(document))


def bundles(plane: ControlPlane, name: str) -> list[str]:
    """The caBundle of each configuration; "" where there is none."""
    done = plane.kubectl("get", CONFIGURATIONS, "-o", "json")
    found = [item for item in json.loads(done.stdout)["items"] if item["metadata"]["name"] == name]
    return [item["webhooks"][0]["clientConfig"].get("caBundle", "") for item in found]


def apply(plane: ControlPlane, namespace: str, spec: Any, model: str, *options: str) -> str:
    """All that kubectl prints."""
    document = {"apiVersion": "echorator.dev/v1", "kind": "Model", "metadata": {"name": model}, "spec": spec}
    done = plane.kubectl("apply", "-n", namespace, "-f", "-", *options, input=json.dumps(document), check=False)
    return done.stdout + done.stderr


async def refused(plane: ControlPlane, namespace: str) -> str:
    """What a bad Model is answered with."""
    return await asyncio.to_thread(apply, plane, namespace, BAD, "bad", "--dry-run=server")


async def refuses(plane: ControlPlane, namespace: str) -> None:
    """Returns once the API server asks, and is answered: it learns of configurations a moment later."""
    await eventually(in_thread(lambda: apply(plane, namespace, BAD, "bad", "--dry-run=server")), wanted=lambda said: WORDS in said)


def own(name: str) -> str:
    """A name for a Model that no other test has: none may have another's, of whatever namespace."""
    return f"m-{name.rpartition('-')[2]}"


def secret_of(plane: ControlPlane, namespace: str) -> Any:
    return get(plane, namespace, "secret", WEBHOOK_SECRET)


@asynccontextmanager
async def serving(
    kubeconfig: Path, namespace: str, name: str, port: int = 0, clock: Callable[[], datetime] | None = None
) -> AsyncIterator[Webhooks]:
    """A replica's webhooks; they listen when this is entered."""
    settings = WebhookSettings(port, "127.0.0.1", namespace, name, HOSTS)
    async with await Client.connect(str(kubeconfig)) as client:
        webhooks = Webhooks(client, settings, clock) if clock else Webhooks(client, settings)
        task = asyncio.create_task(webhooks.run())
        try:
            async with asyncio.timeout(30):
                await webhooks.listening.wait()
            yield webhooks
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def asked(plane: ControlPlane, namespace: str, name: str) -> AsyncIterator[Webhooks]:
    """One replica that the API server asks."""
    async with serving(plane.kubeconfig, namespace, name) as webhooks:
        await asyncio.to_thread(register, plane, namespace, name, webhooks.port)
        await webhooks.certificates.look()
        await refuses(plane, namespace)
        yield webhooks


async def presented(port: int, trusted: bytes, host: str = "127.0.0.1") -> int:
    """The serial number of the certificate in a new handshake, which is verified. Raises ssl.SSLError."""
    context = ssl.create_default_context(cadata=trusted.decode())
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=host)
    try:
        certificate = writer.get_extra_info("ssl_object").getpeercert(True)
        return x509.load_der_x509_certificate(certificate).serial_number
    finally:
        writer.close()
        await writer.wait_closed()


# What kubectl prints


@on_the_loop
async def test_kubectl_says_what_is_wrong(plane: ControlPlane, namespace: str, elsewhere: str, name: str) -> None:
    async with asked(plane, namespace, name) as webhooks:
        mine, other = own(name), f"{own(name)}-x"

        async def said(spec: Any, model: str = mine, where: str = namespace) -> str:
            return await asyncio.to_thread(apply, plane, where, spec, model)

        answer = await said({"image": "hf://nobody", "imagePullSecrets": [{}]})
        assert "spec.image: " in answer
        assert WORDS in answer
        assert "spec.imagePullSecrets[0]" in answer
        assert "Warning: spec.image: the tag latest may be moved" in await said({"image": "phi", "replicas": 2})
        assert "created" in await said({"image": "phi"}, other, elsewhere)
        await eventually(in_thread(lambda: webhooks.knows(elsewhere, other)))
        taken = f"the Model {elsewhere}/{other} serves '{other}' already; give this one another"
        assert taken in await said({"image": "phi"}, other)
        assert taken in await said({"image": "phi", "servedName": other}, f"{mine}-y")
        assert "created" in await said(BAD, mine, elsewhere), "nobody reviews it there"


@on_the_loop
async def test_defaults_are_filled_in_once(plane: ControlPlane, namespace: str, name: str) -> None:
    spec = {"image": "phi:v1", "resourceClass": "Large"}
    async with asked(plane, namespace, name):
        assert "created" in await asyncio.to_thread(apply, plane, namespace, spec, own(name))
        made = (await asyncio.to_thread(get, plane, namespace, "model", own(name)))["spec"]
        assert (made["gpus"], made["storage"]["size"]) == (1, "80Gi")
        assert "unchanged" in await asyncio.to_thread(apply, plane, namespace, spec, own(name))
        answer = await asyncio.to_thread(apply, plane, namespace, {**spec, "resourceClass": "Small"}, own(name))
        assert "Warning: spec.gpus: is still 1, and the class Small has 0" in answer
        assert "configured" in answer


@on_the_loop
async def test_what_was_bad_before_can_be_changed_and_deleted(plane: ControlPlane, namespace: str, name: str) -> None:
    apply(plane, namespace, BAD, "old")
    async with asked(plane, namespace, name):

        async def kubectl(*arguments: str) -> str:
            done = await asyncio.to_thread(plane.kubectl, *arguments, "-n", namespace)
            return done.stdout + done.stderr

        finalizers = json.dumps({"metadata": {"finalizers": ["echorator.dev/mesh"]}})
        assert "Warning" not in await kubectl("patch", "model", "old", "--type=merge", "-p", finalizers)
        scaled = await kubectl("patch", "model", "old", "--type=merge", "-p", '{"spec": {"replicas": 3}}')
        assert "Warning: as before: spec.image: " in scaled
        await kubectl("delete", "model", "old", "--wait=false")
        assert "patched" in await kubectl("patch", "model", "old", "--type=merge", "-p", '{"metadata": {"finalizers": null}}')
        assert await asyncio.to_thread(get, plane, namespace, "model", "old") is None


@on_the_loop
async def test_nobody_answers_and_models_are_made_all_the_same(plane: ControlPlane, namespace: str, name: str) -> None:
    async with asked(plane, namespace, name):
        pass
    assert "created" in await asyncio.to_thread(apply, plane, namespace, {**BAD, "resourceClass": "Small"}, own(name))
    assert "gpus" not in get(plane, namespace, "model", own(name))["spec"]


# Requests that are none


@on_the_loop
async def test_requests_that_are_none(plane: ControlPlane, namespace: str, name: str, tmp_path: Path) -> None:
    async with serving(plane.kubeconfig, namespace, name) as webhooks:
        (tmp_path / "ca").write_bytes(base64.b64decode((await asyncio.to_thread(secret_of, plane, namespace))["data"]["ca.crt"]))

        def post(path: str, body: bytes, method: str = "POST") -> tuple[int, str]:
            url = f"https://127.0.0.1:{webhooks.port}{path}"
            response = requests.request(method, url, data=body, verify=str(tmp_path / "ca"), timeout=10)
            return response.status_code, response.text

        for path in ("/validate", "/default"):
            status, text = await asyncio.to_thread(post, path, b"{")
            assert status == 400
            assert text.startswith("the body is to be an AdmissionReview as JSON")
            assert (await asyncio.to_thread(post, path, b"{}"))[0] == 400
            assert (await asyncio.to_thread(post, path, b" " * (MOST_BYTES + 1)))[0] == 413
            assert (await asyncio.to_thread(post, path, b"", "GET"))[0] == 405
        review = {
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": {"uid": "u", "kind": {"group": "echorator.dev", "version": "v1", "kind": "Model"}, "operation": "DELETE"},
        }
        status, text = await asyncio.to_thread(post, "/validate", json.dumps(review).encode())
        assert (status, read(text.encode())["response"]) == (200, {"uid": "u", "allowed": True})


# Certificates


@on_the_loop
async def test_a_handshake_never_fails_while_certificates_change(plane: ControlPlane, namespace: str, name: str) -> None:
    now = datetime.now(UTC)
    clock = [now - days(280)]
    used: list[Credentials] = []
    async with await Client.connect(str(plane.kubeconfig)) as client:
        before = SharedCertificates(client, namespace, name, HOSTS, used.append, lambda: clock[0])
        await before.look()
        clock[0] = now - days(61)
        await before.look()
        await before.look()
    assert len(used) == 2
    old = used[-1]
    async with serving(plane.kubeconfig, namespace, name, clock=lambda: clock[0]) as webhooks:
        await asyncio.to_thread(register, plane, namespace, name, webhooks.port)
        await webhooks.certificates.look()
        await refuses(plane, namespace)
        assert await presented(webhooks.port, old.bundle) == old.certificate.serial_number

        clock[0] = now - days(3)
        await webhooks.certificates.look()
        both = read_secret(await asyncio.to_thread(secret_of, plane, namespace))
        assert both.authorities[1:] == old.authorities
        trusted = base64.b64encode(both.bundle).decode()
        assert await asyncio.to_thread(bundles, plane, name) == [trusted, trusted]
        assert await presented(webhooks.port, old.bundle) == old.certificate.serial_number
        assert WORDS in await refused(plane, namespace)

        clock[0] = now
        await webhooks.certificates.look()
        new = read_secret(await asyncio.to_thread(secret_of, plane, namespace))
        assert new.authorities == both.authorities
        assert await presented(webhooks.port, new.bundle) == new.certificate.serial_number != old.certificate.serial_number
        assert WORDS in await refused(plane, namespace)
        with pytest.raises(ssl.SSLCertVerificationError):
            await presented(webhooks.port, old.bundle)
        port = webhooks.port
    async with serving(plane.kubeconfig, namespace, name, port):  # the API server has to shake hands again
        assert WORDS in await refused(plane, namespace)


@on_the_loop
async def test_replicas_agree_on_one_secret(plane: ControlPlane, namespace: str, name: str) -> None:
    await asyncio.to_thread(register, plane, namespace, name, free_port())
    replicas = [serving(plane.kubeconfig, namespace, name) for _ in range(4)]
    all_of_them = await asyncio.gather(*(replica.__aenter__() for replica in replicas))
    try:
        held = read_secret(await asyncio.to_thread(secret_of, plane, namespace))
        for webhooks in all_of_them:
            assert await presented(webhooks.port, held.bundle) == held.certificate.serial_number
        trusted = base64.b64encode(held.bundle).decode()
        await eventually(in_thread(lambda: bundles(plane, name)), wanted=lambda found: found == [trusted, trusted])
    finally:
        await asyncio.gather(*(replica.__aexit__(None, None, None) for replica in replicas))


@on_the_loop
async def test_replicas_renew_once(plane: ControlPlane, namespace: str, name: str) -> None:
    now = datetime.now(UTC)
    clock = [now - days(70)]
    async with await Client.connect(str(plane.kubeconfig)) as client:
        used: list[list[Credentials]] = [[] for _ in range(4)]
        replicas = [SharedCertificates(client, namespace, name, HOSTS, one.append, lambda: clock[0]) for one in used]
        await asyncio.gather(*(replica.look() for replica in replicas))
        assert len({one[-1].certificate for one in used}) == 1
        clock[0] = now
        await asyncio.gather(*(replica.look() for replica in replicas))
        assert {len(one) for one in used} == {2}
        assert len({one[-1].certificate for one in used}) == 1
        version = (await client.get(SECRET, namespace, WEBHOOK_SECRET))["metadata"]["resourceVersion"]
        await asyncio.gather(*(replica.look() for replica in replicas))
        assert (await client.get(SECRET, namespace, WEBHOOK_SECRET))["metadata"]["resourceVersion"] == version


@on_the_loop
@pytest.mark.parametrize("damage", DAMAGED)
async def test_a_damaged_secret_is_replaced(
    plane: ControlPlane, namespace: str, name: str, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    data = DAMAGED[damage](issued(HOSTS, datetime.now(UTC)).data)
    metadata = {"namespace": namespace, "name": WEBHOOK_SECRET}
    document = {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": metadata}
    async with await Client.connect(str(plane.kubeconfig)) as client:
        if damage == "not base64":
            data["ca.crt"] = base64.b64encode(b"%").decode()  # an API server takes no other
        await client.create(SECRET, {**document, "data": data})
        used: list[Credentials] = []
        await SharedCertificates(client, namespace, name, HOSTS, used.append).look()
        assert read_secret(await client.get(SECRET, namespace, WEBHOOK_SECRET)).certificate == used[-1].certificate
    (record,) = [record for record in caplog.records if "damaged" in record.message]
    assert vars(record)["secret"] == f"{namespace}/{WEBHOOK_SECRET}"


@on_the_loop
async def test_a_secret_that_cannot_be_replaced_is_named(plane: ControlPlane, namespace: str, name: str) -> None:
    document: Object = {"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": namespace, "name": WEBHOOK_SECRET}}
    async with await Client.connect(str(plane.kubeconfig)) as client:
        await client.create(SECRET, {**document, "immutable": True, "data": {"a": "Yg=="}})
        used: list[Credentials] = []
        certificates = SharedCertificates(client, namespace, name, HOSTS, used.append)
        with pytest.raises(InvalidObjectError, match=f"the Secret {namespace}/{WEBHOOK_SECRET} is somebody else's; delete it"):
            await certificates.look()
        await client.delete(SECRET, namespace, WEBHOOK_SECRET)
        await certificates.look()
        assert len(used) == 1


# As it is installed


@on_the_loop
async def test_the_rights_are_exactly_those_needed(plane: ControlPlane, namespace: str, tmp_path: Path) -> None:
    rights = files_of(Install(namespace))["rbac.yaml"]
    documents = json.dumps({"apiVersion": "v1", "kind": "List", "items": rights})
    verbs = {"POST": "create", "GET": "get", "PUT": "update", "PATCH": "patch"}
    watched = ("secrets", VALIDATING.plural, MUTATING.plural)
    try:
        plane.kubectl("apply", "--server-side", "-f", "-", input=documents)
        register(plane, namespace, OPERATOR, free_port())
        with FaultProxy(plane, tmp_path, plane.kubeconfig_for(namespace, OPERATOR)) as proxy:
            async with await Client.connect(str(proxy.kubeconfig)) as client:
                used: list[Credentials] = []
                certificates = SharedCertificates(client, namespace, OPERATOR, hosts_of(OPERATOR, namespace), used.append)
                await certificates.look()
                empty = json.dumps({"data": {"ca.key": None}})
                await asyncio.to_thread(plane.kubectl, "patch", "secret", WEBHOOK_SECRET, "-n", namespace, "-p", empty)
                await certificates.look()
                assert len(used) == 2
            passed = [one for one in proxy.faults.passed if one.status]
            assert {one.status for one in passed} <= {200, 201, 404}
            done = {(verbs[one.method], part) for one in passed for part in watched if f"/{part}" in one.path}
        granted = {
            (verb, resource)
            for document in rights
            for rule in document.get("rules", ())
            for resource in rule["resources"]
            for verb in rule["verbs"]
            if resource in watched
        }
        assert done == granted
        trusted = base64.b64encode(used[-1].bundle).decode()
        assert bundles(plane, OPERATOR) == [trusted, trusted]
    finally:
        plane.kubectl("delete", CONFIGURATIONS, OPERATOR, "--ignore-not-found")
        plane.kubectl("delete", "--ignore-not-found", "-f", "-", input=documents)


@on_the_loop
async def test_the_command_serves_them(plane: ControlPlane, namespace: str, tmp_path: Path) -> None:
    port = free_port()
    options = ("--kubeconfig", str(plane.kubeconfig), "--system-namespace", namespace, "--namespace", namespace)
    webhooks = ("--webhook-port", str(port), "--webhook-service", "hooks", "--port", str(free_port()))
    process = Process(tmp_path / "log", "operator", *options, *webhooks, "--controller", "127.0.0.1:1")
    process.begin()
    try:
        process.wait_for(re.compile("webhooks listen"))
        held = read_secret(secret_of(plane, namespace))
        assert await presented(port, held.bundle, f"hooks.{namespace}.svc") == held.certificate.serial_number
        assert process.terminate() == 0
    finally:
        process.end()


@on_the_loop
async def test_a_port_that_is_taken_does_not_end_the_operator(plane: ControlPlane, namespace: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        options = ("--kubeconfig", str(plane.kubeconfig), "--system-namespace", namespace, "--namespace", namespace)
        webhooks = ("--webhook-port", str(taken.getsockname()[1]), "--port", str(free_port()))
        process = Process(tmp_path / "log", "operator", *options, *webhooks, "--controller", "127.0.0.1:1")
        process.begin()
        try:
            process.wait_for(re.compile("webhooks do not work.*part=server error=.*in use"))
            process.wait_for(re.compile("leading"))
            process.signal(signal.SIGTERM)
            assert process.wait() == 0
        finally:
            process.end()
