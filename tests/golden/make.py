"""Make golden databases with the code that is here, and record what it answers from them.

`python -m tests.golden.make FOLDER` makes both, in a folder that must not be there yet: what was recorded
once is never made anew. See the README beside this file.
"""

import json
import lzma
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.golden.worlds import WORLDS

# every name that an event has in format 1
EVENTS_OF_FORMAT_1 = set(
    [
        "AccountChanged",
        "AccountLoaded",
        "AccountOpened",
        "AttachmentChanged",
        "AttemptMade",
        "AutogiroFailed",
        "AutogiroMarked",
        "BillogramCreated",
        "BillogramEnded",
        "BillogramSent",
        "BillogramSold",
        "ClockMoved",
        "Collection",
        "CollectionCancelled",
        "CollectionEnded",
        "CollectionStatusUpdate",
        "CollectorPayment",
        "ConfirmedLoss",
        "Credit",
        "CreditAllocated",
        "CreditorMessage",
        "CustomerChanged",
        "CustomerCreated",
        "CustomerMessage",
        "DataChange",
        "DebitOrdered",
        "Deleted",
        "DeliveryAccepted",
        "DeliveryFailed",
        "DeliverySmsFailed",
        "DraftChanged",
        "EfakturaFailed",
        "EfakturaSent",
        "EinvoiceRegistered",
        "EmailNotAccepted",
        "FactoringDenied",
        "FactoringRequest",
        "InterestStarted",
        "InvoiceSent",
        "ItemChanged",
        "ItemCreated",
        "ItemDeleted",
        "LetterSent",
        "LetterUndelivered",
        "OutcomesLaidDown",
        "Overdue",
        "OverpaymentAdjustment",
        "OverpaymentCustomerLiability",
        "Payment",
        "PaymentFailed",
        "PaymentRecalled",
        "PaymentScheduled",
        "PaymentStored",
        "PaymentSystemCancelled",
        "PaymentSystemUpdated",
        "PaymentUserCancelled",
        "PictureChanged",
        "RecallDropped",
        "RecallMade",
        "RecipientUpdated",
        "RecurringPaymentDisabled",
        "RecurringPaymentEnabled",
        "ReminderSent",
        "Resent",
        "Respite",
        "RespiteEnded",
        "RespiteRemoved",
        "RevertWritedown",
        "SmsNotAccepted",
        "SnapshotTaken",
        "SourceStored",
        "UnderpaymentSettled",
        "Writedown",
        "Writeoff",
    ]
)


def make_databases(folder: Path) -> None:
    """One compressed SQLite file for each world. Together they hold every event there is."""
    found: Counter[str] = Counter()
    for name, live in WORLDS.items():
        with tempfile.TemporaryDirectory() as room:
            path = Path(room) / f"{name}.db"
            live(path)
            found.update(_tidied(path))
            (folder / f"{name}.db.xz").write_bytes(lzma.compress(path.read_bytes(), preset=9))
    absent = EVENTS_OF_FORMAT_1 - set(found)
    assert not absent, f"no record holds {', '.join(sorted(absent))}"
    unknown = set(found) - EVENTS_OF_FORMAT_1
    assert not unknown, f"the list of names lacks {', '.join(sorted(unknown))}"


def _tidied(path: Path) -> Iterator[str]:
    """Leave one file and no more; returns the name of each event in it."""
    database = sqlite3.connect(path)
    database.execute("pragma wal_checkpoint(truncate)")
    database.execute("vacuum")
    database.execute("pragma wal_checkpoint(truncate)")
    bodies = [json.loads(row[0]) for row in database.execute("select body from records")]
    database.close()
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    yield from (event["type"] for body in bodies for event in body["events"])


def main(arguments: list[str]) -> None:
    """The databases, then the answers."""
    folder = Path(arguments[0])
    folder.mkdir()
    make_databases(folder)


if __name__ == "__main__":
    main(sys.argv[1:])
