"""The wire of Billogram's API."""
