"""`python -m producers.cli` is the command `backdesk`."""

import sys

from producers.cli import main

sys.exit(main())
