"""The program `kollama`, also `kubectl echorator`: its main function in `program`, and one module for each command."""
