"""What leaves the house: PDFs and the outbox, made from frozen documents (reference: behaviour 4.2)."""
