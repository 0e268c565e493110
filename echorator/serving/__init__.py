"""The common part of every role's gRPC server: call counting, draining, errors as statuses, health, reflection and channelz."""
