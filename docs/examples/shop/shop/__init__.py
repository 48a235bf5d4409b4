"""A small shop that sends its invoices through Billogram."""
