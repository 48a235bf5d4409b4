"""The endpoint that Billogram sends its webhooks to."""

import hashlib
import hmac
import json
import time
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from billing.models import Invoice, Seen

FRESH = 300  # seconds for which a signature is accepted


@csrf_exempt  # the signature protects it
@require_POST
def webhook(request: HttpRequest) -> HttpResponse:
    """Check the signature, and book a payment once."""
    if not _signed(request):
        return HttpResponse("bad signature", status=401)
    callback = json.loads(request.body, parse_float=Decimal)
    event = callback.get("event") or {}
    if event.get("type") == "Payment":
        with transaction.atomic():
            invoice = Invoice.objects.select_for_update().get(billogram=callback["billogram"]["id"])
            _, new = Seen.objects.get_or_create(event=event["event_uuid"])
            if new:
                invoice.received += event["data"]["amount"]
                invoice.save()
    return HttpResponse("OK")


def _signed(request: HttpRequest) -> bool:
    timestamp = request.headers.get("Billogram-Request-Timestamp", "")
    given = request.headers.get("Billogram-Signature", "")
    signed = timestamp.encode() + b":" + request.body
    right = hmac.new(settings.BILLOGRAM_SIGN_KEY.encode(), signed, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(given.encode(), right.encode()):
        return False
    return abs(time.time() - float(timestamp)) < FRESH
