"""Fixtures and scenarios, through the surfaces that their users have."""
