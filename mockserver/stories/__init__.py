"""Fixtures and scenarios: sequences of operations, sent in process through the same edges as any request."""
