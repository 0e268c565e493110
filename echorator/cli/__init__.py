"""The command lines: they read arguments and the environment, run a role or call one, and choose exit codes."""
