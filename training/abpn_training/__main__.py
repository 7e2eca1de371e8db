"""`python -m abpn_training`."""

import sys

from abpn_training.cli import main

if __name__ == "__main__":
    sys.exit(main())
