"""The agent: owns the loaded models of one process and serves them as `echorator.v1.ModelService`.

`requests` reads messages into settings, `served_model` runs them on the native engine, `registry` keeps the models
by name, `service` speaks gRPC, `server` binds the port and drains on a signal.
"""
