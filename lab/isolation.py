"""The lab's own namespaces: network, mount, PID, and user when not root.

`enter()` replaces the calling process; everything the given command starts lives and dies with it, and nothing of it
can send a packet outside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from lab.tools import ToolsTree

TOOLS_ROOT_VARIABLE = "WEIR_TOOLS_ROOT"


def enter(argv: Sequence[str], env: Mapping[str, str], tools: ToolsTree, run_dir: Path) -> NoReturn:
    """Replace this process by `argv`, run in fresh namespaces with the lab's network up and the tools tree mounted.

    `env` is the whole environment of the command, to which WEIR_TOOLS_ROOT is added. Ends with the command's exit
    status. Raises HostError when the host refuses the namespaces or /dev/net/tun.
    """
    raise NotImplementedError
