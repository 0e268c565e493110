"""The life of one Model in a Kubernetes cluster: it becomes pods, Services and a model of the mesh, and gets its status."""
