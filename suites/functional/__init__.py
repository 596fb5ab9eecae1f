"""What a reverse proxy must do, case by case; docs/behaviours.md is the table of contents."""
