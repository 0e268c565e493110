"""What every role's gRPC server has: calls counted and refused while draining, errors as statuses, health, reflection, channelz."""
