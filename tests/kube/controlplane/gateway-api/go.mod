// The Gateway API, whose definitions the tests install. A module of its own: it would change what Kubernetes is built of.
module echorator.dev/tests/kube/gateway-api

go 1.26.0

require (
	sigs.k8s.io/gateway-api v1.6.3
)
