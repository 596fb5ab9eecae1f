"""Two content management systems of the tools tree `clients`, each behind a server that keeps what it passes on.

WordPress has MariaDB, MediaWiki SQLite; PHP's own server runs both, on addresses of the loopback device.
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from lab import sandbox
from lab.deadline import Deadline
from lab.errors import InfrastructureError
from lab.tools import ToolsTree
from suites.clients import Recorded
from suites.clients.server import Relay

WORDPRESS: Final = "wordpress.example"
MEDIAWIKI: Final = "wiki.example"
ADDRESSES: Final = {WORDPRESS: "127.0.0.2", MEDIAWIKI: "127.0.0.3"}
PASSWORD: Final = "p&ss <w> 100% ü"
_FILES: Final = (".css", ".gif", ".ico", ".jpg", ".js", ".png", ".svg", ".webp", ".woff2")
_START_S: Final = 120
_INSTALL_S: Final = 300
_PHP_PORT: Final = 8080
_WP_CONFIG: Final = """<?php
define('DB_NAME', 'wordpress'); define('DB_USER', 'root'); define('DB_PASSWORD', ''); define('DB_CHARSET', 'utf8mb4');
define('DB_HOST', 'localhost:%(socket)s'); define('FS_METHOD', 'direct'); define('AUTOMATIC_UPDATER_DISABLED', true);
define('WP_HTTP_BLOCK_EXTERNAL', true); define('WP_ACCESSIBLE_HOSTS', '%(host)s');
define('WP_HOME', 'http://%(host)s'); define('WP_SITEURL', 'http://%(host)s');
$table_prefix = 'wp_';
if (!defined('ABSPATH')) { define('ABSPATH', __DIR__ . '/'); }
require_once ABSPATH . 'wp-settings.php';
"""
_WIKI_SETTINGS: Final = """
$wgEnableUploads = true; $wgMainCacheType = CACHE_DB; $wgDefaultUserOptions['visualeditor-enable'] = 1;
wfLoadExtension('WikiEditor'); wfLoadExtension('VisualEditor');
"""


class _Place:
    """Where programs of the tree run, and what ends them."""

    def __init__(self, tree: ToolsTree, scratch: Path, stack: ExitStack) -> None:
        self.tree = tree
        self.scratch = scratch
        self._stack = stack

    def run(self, *argv: str | Path, text: str = "") -> None:
        """To its end. Raises InfrastructureError when it fails."""
        command = sandbox.command(self.tree, argv, cwd=self.scratch, env={"HOME": str(self.scratch)})
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=_INSTALL_S, check=False)
        if done.returncode:
            raise InfrastructureError(f"{argv[0]} failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")

    def start(self, name: str, argv: Sequence[str | Path], **variables: str) -> None:
        """Until the place is left."""
        command = sandbox.command(self.tree, argv, cwd=self.scratch, env={"HOME": str(self.scratch), **variables})
        log = self._stack.enter_context((self.scratch / f"{name}.log").open("wb"))
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)

    def copy(self, package: str) -> Path:
        """What a package has in /usr/share, as files: parts of it are links to the tree's /var and /etc."""
        pack: list[str | Path] = ["chroot", self.tree.root, "tar", "-chf", "-", "-C", "/usr/share", package]
        with subprocess.Popen(pack, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as packing:
            subprocess.run(["tar", "-xf", "-", "-C", self.scratch], stdin=packing.stdout, check=True)
        return self.scratch / package

    def serve(self, host: str, root: Path) -> Relay:
        """PHP's server over `root`, and the relay that the browser sees."""
        at = (ADDRESSES[host], _PHP_PORT)
        settings = {"session.save_path": self.scratch, "upload_max_filesize": "8M", "display_errors": 0}
        flags = [part for name, value in settings.items() for part in ("-d", f"{name}={value}")]
        argv: list[str | Path] = ["php", *flags, "-S", f"{at[0]}:{at[1]}", "-t", root]
        self.start(f"php-{host}", argv, PHP_CLI_SERVER_WORKERS="4")
        Deadline(_START_S).wait_for(lambda: _listens(socket.AF_INET, at), what=f"PHP listens for {host}")
        return Relay((ADDRESSES[host], 80), self.scratch, at)


def without_much_alike(recorded: Iterable[Recorded]) -> list[Recorded]:
    """Pages load files by the hundred. Of a client's GETs that differ in files of a type, or in values, one stays.

    It is the longest. All else stays.
    """
    kept: dict[tuple[str, ...], Recorded] = {}
    for number, one in enumerate(recorded):
        key: tuple[str, ...] = (str(number),)
        if one.method == "GET":
            path, _, query = one.request.split(" ", 2)[1].partition("?")
            kind = Path(path).suffix
            names = [part.partition("=")[0] for part in query.split("&")]
            key = (one.client, kind) if kind in _FILES else (one.client, path, *names)
        if key not in kept or len(one.request) > len(kept[key].request):
            kept[key] = one
    return list(kept.values())


def _listens(family: int, address: Any) -> bool:
    with socket.socket(family) as probe:
        return probe.connect_ex(address) == 0


@contextmanager
def wordpress(tree: ToolsTree, scratch: Path) -> Iterator[Relay]:
    """WordPress as it is before its installation page was visited."""
    with ExitStack() as stack:
        place = _Place(tree, scratch, stack)
        data, at = scratch / "mariadb", scratch / "mariadb.socket"
        options = ["--no-defaults", f"--datadir={data}", "--user=root"]
        place.run("mariadb-install-db", *options, "--auth-root-authentication-method=normal", "--skip-test-db")
        place.start("mariadb", ["mariadbd", *options, f"--socket={at}", "--skip-networking",
                                f"--pid-file={scratch / 'mariadb.pid'}"])  # fmt: skip
        Deadline(_START_S).wait_for(lambda: _listens(socket.AF_UNIX, str(at)), what="MariaDB listens")
        place.run("mariadb", "--no-defaults", f"--socket={at}", "-u", "root", text="CREATE DATABASE wordpress;")
        root = place.copy("wordpress")
        (root / "wp-config.php").write_text(_WP_CONFIG % {"socket": at, "host": WORDPRESS}, encoding="ascii")
        yield place.serve(WORDPRESS, root)


@contextmanager
def mediawiki(tree: ToolsTree, scratch: Path) -> Iterator[Relay]:
    """MediaWiki, installed, with a user "Admin"."""
    with ExitStack() as stack:
        place = _Place(tree, scratch, stack)
        root, data = place.copy("mediawiki"), scratch / "wiki"
        data.mkdir()
        place.run("php", root / "maintenance/run.php", "install", "--dbtype", "sqlite", "--dbname", "wiki",
                  "--dbpath", data, "--server", f"http://{MEDIAWIKI}", "--scriptpath", "", "--pass", PASSWORD,
                  "--skins", "Vector", "Wiki", "Admin")  # fmt: skip
        with (root / "LocalSettings.php").open("a", encoding="ascii") as settings:
            settings.write(_WIKI_SETTINGS)
        yield place.serve(MEDIAWIKI, root)
