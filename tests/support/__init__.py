"""What tests of several rooms, and benches, stand on: processes, ports, waiting, servers, model files, a Kubernetes cluster.

A helper that one room alone uses is a module of that room's folder. No module imports a test module.
"""
