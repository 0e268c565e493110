"""The gateway: the mesh's services for clients without xDS, on gRPC and as an OpenAI-compatible HTTP server.

`fleet_view` learns from the controller which agents serve which models, and `fleet` has a `pool` for each model. `dispatcher` queues
requests in the pool's `buffer`, and they are assigned to agents as `balancer` (pure, with `hash_ring`, `warm_keys` and `circuit_breaker`)
decides. `forwarding` carries the bytes of a call to the agent and back, and retries the call on another agent where the first one breaks
before its first message. `passthrough` serves gRPC clients, `http` serves OpenAI clients.
"""
