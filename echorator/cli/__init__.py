"""The `echorator` command: reads arguments and the environment, runs a role or calls one, chooses exit codes."""
