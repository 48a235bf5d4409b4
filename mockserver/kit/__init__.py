"""The test kit: a server in the process of the tests, and a pytest plugin."""
