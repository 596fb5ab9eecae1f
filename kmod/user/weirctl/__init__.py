"""weirctl: check a TOML configuration of Weir and apply it to this network namespace in one transaction.

docs/weirctl.md has the commands, the file and the batch protocol. Standard library only, and of that as little
as possible: a fresh weirctl must be quick on an emulated CPU, hence no dataclasses, typing, argparse or
ipaddress, and imports where they are used.
"""

from __future__ import annotations

VERSION = "0.1.0"
