"""What is installed in a cluster: the resource's definition, the operator with its rights, admission; imports of other tools' models."""
