"""`python -m echorator` is `echorator`."""

import sys

from echorator.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
