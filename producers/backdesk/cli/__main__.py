"""`python -m backdesk.cli` is the command `backdesk`."""

import sys

from backdesk.cli import main

sys.exit(main())
