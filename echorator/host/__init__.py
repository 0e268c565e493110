"""What runs on one machine: the processes of `echorator up`, gateways that share a port, Envoy, pulls of model files, memories.

`running_file` tells commands which `up` runs; `model_store` and `opened_memory` open what this user has on this machine.
"""
