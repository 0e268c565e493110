"""The peer of `scale`: a plain watch-and-patch loop on kubernetes-asyncio, with its own watch and its typed calls.

python -m bench.kube.plain KUBECONFIG NAMESPACE PORT
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from kubernetes_asyncio import client, config, watch
from kubernetes_asyncio.client.exceptions import ApiException
from prometheus_client import Counter, start_http_server

from echorator.kube.api.resources import DEPLOYMENT, NETWORK_POLICY, SERVICE
from echorator.kube.installation import Install
from echorator.kube.models.children import wanted_of
from echorator.kube.models.source import source_of
from echorator.model_resource.kube_spec import KubeModelSpec
from echorator.model_resource.schema import check

GROUP = ("echorator.dev", "v1")
requests = Counter("rest_client_requests", "Calls of the API server", ("code", "method"))


def counted(api: client.ApiClient) -> None:
    send = api.rest_client.request

    async def request(method: str, url: str, **kwargs: Any) -> Any:
        requests.labels("", "GET" if method == "GET" else "WRITE").inc()
        return await send(method, url, **kwargs)

    api.rest_client.request = request


async def main(kubeconfig: str, namespace: str, port: int) -> None:
    await config.load_kube_config(kubeconfig)
    async with client.ApiClient() as api:
        counted(api)
        apps, core, net, custom = client.AppsV1Api(api), client.CoreV1Api(api), client.NetworkingV1Api(api), client.CustomObjectsApi(api)
        calls: dict[Any, tuple[Any, Any, Any]] = {
            DEPLOYMENT: (apps.read_namespaced_deployment, apps.create_namespaced_deployment, apps.patch_namespaced_deployment),
            SERVICE: (core.read_namespaced_service, core.create_namespaced_service, core.patch_namespaced_service),
            NETWORK_POLICY: (
                net.read_namespaced_network_policy,
                net.create_namespaced_network_policy,
                net.patch_namespaced_network_policy,
            ),
        }
        start_http_server(port, "127.0.0.1")
        print(f"/metrics on {port}", flush=True)
        install = Install(memory="", image="image:1")
        while True:
            try:
                async for event in watch.Watch().stream(custom.list_namespaced_custom_object, *GROUP, namespace, "models"):
                    if event["type"] != "DELETED":
                        await reconcile(event["object"], namespace, custom, calls, install)
            except ApiException as error:  # a watch ends with one now and then: begin again
                print(error.reason, flush=True)
                await asyncio.sleep(1)


async def reconcile(model: Any, namespace: str, custom: Any, calls: dict[Any, tuple[Any, Any, Any]], install: Install) -> None:
    spec = check(KubeModelSpec, model["spec"])
    wanted = wanted_of(model, spec, source_of(spec, install), install, [])
    for kind, thing in (*wanted.serving, *wanted.workload):
        read, create, patch = calls[kind]
        name = thing["metadata"]["name"]
        try:
            await read(name, namespace)
            await patch(name, namespace, thing)
        except ApiException as error:
            if error.status != 404:
                raise
            await create(namespace, thing)
    if (model.get("status") or {}).get("phase") != "ModelDeploying":
        status = {"status": {"phase": "ModelDeploying"}}
        name = model["metadata"]["name"]
        await custom.patch_namespaced_custom_object_status(
            *GROUP, namespace, "models", name, status, _content_type="application/merge-patch+json"
        )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
