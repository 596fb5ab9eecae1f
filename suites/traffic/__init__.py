"""Scripted clients and origins on raw sockets, and drivers of real programs."""
