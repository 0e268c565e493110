"""The Model resource: what its spec may say, its conditions, its phases, and what is to be done next. Pure.

The same for the local cluster and for Kubernetes; each of them observes, and carries out what is decided here.
"""
