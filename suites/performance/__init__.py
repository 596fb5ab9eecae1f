"""Measuring: deterministic counts, timed figures, the gate between revisions, and what a sign-off is decided on."""
