"""Measures abpn, and trains, on a machine that has a GPU for minutes only: see `scripts/first-gpu --help`."""
