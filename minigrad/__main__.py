"""``python -m minigrad`` is the command ``minigrad``."""

import sys

from minigrad.commands import main

sys.exit(main())
