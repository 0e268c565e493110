"""The xDS v3 control plane: gRPC clients and Envoys learn from it where a model is served.

`mesh_view` reads fleet and models into plain values, `resources` (pure) builds the xDS messages of them, `snapshot` versions them,
`ads` speaks `AggregatedDiscoveryService`, `csds` shows what each client has, `bootstrap` writes the file a client starts from.
"""
