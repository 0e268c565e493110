"""The compose file: what it runs is a command that `echorator` takes, and nothing of it is open to other machines."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import yaml

from echorator import __version__
from echorator.cli.main import parser

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "manifests" / "images" / "compose.yaml"


def test_the_file_fits_the_program_and_its_image() -> None:
    service = yaml.safe_load(COMPOSE.read_text())["services"]["echorator"]
    arguments = parser().parse_args(service["command"])
    assert (arguments.command, arguments.host) == ("up", "0.0.0.0")
    inside = {int(port.rpartition(":")[2]) for port in service["ports"]}
    assert inside == {arguments.port, arguments.http_port, arguments.controller_port}
    assert all(ipaddress.ip_address(port.split(":")[0]).is_loopback for port in service["ports"])
    checked = parser().parse_args(service["healthcheck"]["test"][2:])
    assert checked.command == "status"
    assert service["image"].endswith(f":{__version__}")
    assert (COMPOSE.parent / service["build"]["context"]).resolve() == ROOT
    dockerfile = (ROOT / service["build"]["dockerfile"]).read_text()
    for folder in {Path(place).parts[1] for place in service["environment"].values()}:
        assert f"install -d -o 10001 -g 10001 -m 700 /{folder}" in dockerfile
    assert float(service["stop_grace_period"].removesuffix("s")) > arguments.grace
