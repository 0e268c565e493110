"""`kollama undeploy | expose | scale`: deletes or changes existing Models."""

from __future__ import annotations

import argparse
import asyncio
import sys

from echorator.cli.kollama.cluster import MANAGER, cluster, model_of
from echorator.cli.kollama.deploy import exposure_of
from echorator.cli.output.kube_objects import changes
from echorator.host.exits import Exit
from echorator.kube.api.client import ApiError, Client
from echorator.kube.api.resources import MODEL, SERVICE, Object, name_of_workload
from echorator.ports import AGENT_PORT

MADE_S = 3.0  # time for the operator to make a Service
LOOK_S = 0.2


def run(arguments: argparse.Namespace) -> int:
    """Delete or change the Models and return the exit code. Raises CommandError."""
    return asyncio.run({"undeploy": _undeploy, "expose": _expose, "scale": _scale}[arguments.command](arguments))


async def _undeploy(arguments: argparse.Namespace) -> int:
    async with cluster(arguments) as (client, namespace):
        models = [await model_of(client, namespace, name) for name in dict.fromkeys(arguments.names)]
        for model in models:
            name = model["metadata"]["name"]
            await client.delete(MODEL, namespace, name, uid=model["metadata"]["uid"], wait=arguments.wait)
            if not arguments.wait:
                leaves = " soon: it leaves the mesh first, --wait waits for that" if model["metadata"].get("finalizers") else ""
                print(f"model/{name} deleted{leaves}", flush=True)
        if arguments.wait:
            from echorator.cli.kollama.wait import wait_until_gone

            for model in models:
                await wait_until_gone(client, model, arguments.timeout)
                print(f"model/{model['metadata']['name']} deleted", flush=True)
    return Exit.OK


async def _expose(arguments: argparse.Namespace) -> int:
    expose = exposure_of(arguments)
    async with cluster(arguments) as (client, namespace):
        before = await model_of(client, namespace, arguments.name)
        others = {field: None for field in ("nodePort", "host", "className", "gateway") if field not in expose}
        after = await client.merge(MODEL, namespace, arguments.name, {"spec": {"expose": {**others, **expose}}}, manager=MANAGER)
        differing = changes(before["spec"], after["spec"])
        print(f"model/{arguments.name} {'exposed: ' if differing else 'unchanged'}{', '.join(differing)}", flush=True)
        print(await _reached(client, after), file=sys.stderr)
    return Exit.OK


async def _reached(client: Client, model: Object) -> str:
    """Return where the exposed Model can be reached, after waiting up to MADE_S for its Service."""
    metadata = model["metadata"]
    expose = model["spec"]["expose"]
    name = expose.get("serviceName") or name_of_workload(metadata["name"])
    for _ in range(int(MADE_S / LOOK_S) if model.get("status") else 1):
        try:
            service = await client.get(SERVICE, metadata["namespace"], name)
        except ApiError:
            service = {}
        port = (service.get("spec", {}).get("ports") or [{}])[0]
        if service.get("spec", {}).get("type") == expose["type"]:
            if expose["type"] == "NodePort" and port.get("nodePort"):
                return f"gRPC on port {port['nodePort']} of any node"
            balancers = service.get("status", {}).get("loadBalancer", {}).get("ingress") or []
            if expose["type"] == "LoadBalancer" and balancers:
                return f"gRPC on {balancers[0].get('ip') or balancers[0].get('hostname')}:{port.get('port')}"
            if expose["type"] == "ClusterIP":
                return f"gRPC on {name}.{metadata['namespace']}.svc:{port.get('port', AGENT_PORT)} inside of the cluster"
        await asyncio.sleep(LOOK_S)
    return f"kubectl get service {name} -n {metadata['namespace']} shows its port as soon as it has one"


async def _scale(arguments: argparse.Namespace) -> int:
    replicas = arguments.replicas
    async with cluster(arguments) as (client, namespace):
        before = await model_of(client, namespace, arguments.name)
        await client.merge(MODEL, namespace, arguments.name, {"spec": {"replicas": replicas}}, "scale", MANAGER)
        print(f"model/{arguments.name} scaled from {before['spec'].get('replicas', 1)} to {replicas}", flush=True)
        if scaling := before["spec"].get("autoscaling"):
            bounds = f"{scaling.get('minReplicas', 1)} to {scaling.get('maxReplicas', 10)}"
            print(f"its spec.autoscaling goes on: {bounds} replicas by load", file=sys.stderr)
        if arguments.wait:
            from echorator.cli.kollama.wait import is_ready, wait_for

            model = await model_of(client, namespace, arguments.name)
            await wait_for(client, model, is_ready, "scaled", arguments.timeout)
    return Exit.OK
