"""`python -m requestshook` is `requestshook`."""

import sys

from requestshook.cli import main

if __name__ == "__main__":
    sys.exit(main())
