"""The gateway: the mesh's services for clients without xDS, on gRPC and as an OpenAI-compatible HTTP server.

`fleet_view` learns from the controller who serves what; `dispatcher` has a `pool` for each model, holds requests in its `buffer` and gives
them to agents as `balancer` (pure, with `hash_ring`, `warm_keys` and `circuit_breaker`) says; `forwarding` carries the bytes of a call
there and back, and elsewhere again where an agent breaks before its first answer; `passthrough` speaks gRPC, `http` OpenAI.
"""
