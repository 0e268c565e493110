"""The controller: which models are to be served, which agents serve them, and what clients are told about it.

`store` keeps the desired state, `fleet` the observed one; `reconciler` compares both with `placement` and `conditions` (pure) and
wakes the sessions; `service` speaks `echorator.v1.ControllerService`; `xds` turns the fleet into xDS resources for clients.
"""
