"""The operator: Models of a Kubernetes cluster become pods, services and a place in the mesh. See `operator`."""
