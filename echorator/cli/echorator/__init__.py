"""The commands of `echorator`, one module each; `echorator.cli.main` imports a module when its command is called."""
