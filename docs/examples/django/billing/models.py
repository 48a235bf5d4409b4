"""What the project stores."""

from django.db import models


class Invoice(models.Model):
    """An invoice that Billogram sends and collects."""

    billogram = models.CharField(max_length=40, unique=True)
    received = models.DecimalField(max_digits=12, decimal_places=2, default=0)


class Seen(models.Model):
    """An event that was handled: a webhook may come twice."""

    event = models.CharField(max_length=64, unique=True)
