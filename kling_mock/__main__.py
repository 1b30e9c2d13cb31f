"""`python -m kling_mock` is the command `kling-mock`."""

import sys

from kling_mock.cli.main import main

sys.exit(main())
