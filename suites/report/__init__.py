"""The report in a real browser: what a reader sees, from generated records whose every trait is known."""
