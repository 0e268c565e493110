"""The Kubernetes API as the operator uses it: client, informers, work queue, leader election, events, comparison of objects."""
