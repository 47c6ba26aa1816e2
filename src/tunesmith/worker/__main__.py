"""``python -m tunesmith.worker``."""

import sys

from tunesmith.worker.command import main

sys.exit(main())
