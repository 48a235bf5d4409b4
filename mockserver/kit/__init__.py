"""For people who test: a server inside their own process."""
