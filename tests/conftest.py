"""What the unit tests share."""

from __future__ import annotations

pytest_plugins = ["pytester"]
