"""The controller: it keeps the models that are to be served, assigns them to agents, and tells clients which agents serve them.

`store` keeps the desired state and `fleet` the observed state. `placer` compares them, with `placement` and `conditions` (pure), and
wakes the sessions of the agents. `service` serves `echorator.v1.ControllerService` to users, and with `sessions` the private
`echorator.mesh.v1.MeshService` to agents and gateways; `xds` turns the fleet into xDS resources for clients.
"""
