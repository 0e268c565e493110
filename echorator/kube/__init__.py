"""The operator: it turns the Models of a Kubernetes cluster into pods, Services and a place in the mesh. See `operator`."""
