"""The pages of the dashboard, one row each; the paths are relative to `/_mock/ui`."""

from mockserver.ui import (
    accounts,
    bank,
    billograms,
    clock,
    customers,
    outbox,
    requests,
    states,
    timeline,
    webhooks,
)
from mockserver.ui.page import PageRow

_A = "/accounts/{a}"

ROUTES = (
    PageRow("", accounts.listing, frame=False),
    PageRow(f"{_A}/billograms", billograms.listing, "billograms"),
    PageRow(f"{_A}/billograms/new", billograms.new, "billograms"),
    PageRow(f"{_A}/billograms/{{id}}", billograms.one, "billograms"),
    PageRow(f"{_A}/billograms/{{id}}/documents/{{letter}}.pdf", billograms.document, "billograms"),
    PageRow(f"{_A}/webhooks", webhooks.listing, "webhooks"),
    PageRow(f"{_A}/webhooks/receiver", webhooks.receiver, "webhooks"),
    PageRow(f"{_A}/webhooks/laboratory", webhooks.laboratory, "webhooks"),
    PageRow(f"{_A}/webhooks/inbox", webhooks.inbox, "webhooks"),
    PageRow(f"{_A}/webhooks/{{id}}", webhooks.one, "webhooks"),
    PageRow(f"{_A}/bank", bank.listing, "bank"),
    PageRow(f"{_A}/bank/pay", bank.pay, "bank"),
    PageRow(f"{_A}/bank/debits", bank.debits, "bank"),
    PageRow(f"{_A}/bank/mandates/{{id}}", bank.mandate, "bank"),
    PageRow(f"{_A}/bank/{{id}}", bank.one, "bank"),
    PageRow(f"{_A}/outbox", outbox.listing, "outbox"),
    PageRow(f"{_A}/outbox/{{letter_id}}", outbox.one, "outbox"),
    PageRow(f"{_A}/customers", customers.listing, "customers"),
    PageRow(f"{_A}/customers/new", customers.new, "customers"),
    PageRow(f"{_A}/customers/{{no}}", customers.one, "customers"),
    PageRow(f"{_A}/clock", clock.page, "clock"),
    PageRow(f"{_A}/timeline", timeline.listing, "timeline"),
    PageRow(f"{_A}/requests", requests.listing, "requests"),
    PageRow(f"{_A}/requests/{{id}}", requests.one, "requests"),
    PageRow(f"{_A}/states", states.overview, "states"),
    PageRow(f"{_A}/states/reset", states.reset, "states"),
    PageRow(f"{_A}/states/delete", states.delete, "states"),
    PageRow(f"{_A}/states/diff", states.diff, "states"),
    PageRow(f"{_A}/states/snapshots/{{name}}/restore", states.restore, "states"),
    PageRow(f"{_A}/states/snapshots/{{name}}/delete", states.forget, "states"),
)
