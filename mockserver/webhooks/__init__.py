"""Webhooks: callbacks are sent to their receivers, and what came of each attempt is recorded."""
