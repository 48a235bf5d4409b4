"""The command line (reference: control 2)."""
