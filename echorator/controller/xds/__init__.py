"""The xDS v3 control plane, from which gRPC clients and Envoys learn which agents serve a model.

`mesh_view` reads fleet and models into plain values. `resources` (pure) builds xDS messages from them, `unknown_model` builds those of a
name that is no model (`refusals` answers its calls), and `snapshot` versions the messages. `ads` serves `AggregatedDiscoveryService`,
`csds` shows what each client has, `bootstrap` builds the file that a client starts from.
"""
