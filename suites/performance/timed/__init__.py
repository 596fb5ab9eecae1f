"""Timed figures: requests a second, latency, CPU time, memory; of several devices in one guest, taken in turn."""
