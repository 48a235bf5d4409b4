"""A Django project that sells on invoice, with Billogram."""
