"""PDFs and the outbox of sent messages, made from frozen documents (reference: behaviour 4.2)."""
