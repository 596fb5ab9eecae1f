"""Devices under test: a neutral configuration and one adapter a device."""

from __future__ import annotations

from suites.duts.adapter import Adapter
from suites.duts.haproxy import HaproxyAdapter
from suites.duts.nginx import NginxAdapter
from suites.duts.weir import WeirAdapter

ADAPTERS: dict[str, type[Adapter]] = {adapter.name: adapter for adapter in (WeirAdapter, NginxAdapter, HaproxyAdapter)}
"""By the name that --dut takes. A new device is added here and nowhere else."""
