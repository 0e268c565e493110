"""The commands for a Kubernetes cluster that `kollama` does not have."""
