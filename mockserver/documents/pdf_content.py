"""The content of a document: its texts in order; `pages` has the layout (reference: behaviour 4.2).

Assumptions about real documents [A]: they are in Swedish in every market. A credit invoice, and an invoice
about a change, has the date on which it was made. VAT is shown for each rate and adds up to the VAT of the
sums.
"""

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct

from mockserver.core import calendar, money
from mockserver.core.documents import CREDIT, INVOICE, REMINDER, Document
from mockserver.core.model import Row, Terms
from mockserver.core.settings import Settings
from mockserver.documents import words

Pair = tuple[str, str]
_CENT = Decimal("0.01")


class Column(Struct, frozen=True):
    """A column of the rows. Without a width it takes the rest of the line. Numbers are aligned right."""

    heading: str
    width: float | None
    number: bool = True


class Line(Struct, frozen=True):
    """One row: its cells in the order of the columns, and the text below its title."""

    cells: tuple[str, ...]
    below: str = ""


class PdfContent(Struct, frozen=True):
    """The texts of a document. A pair is a label and its value."""

    title: str
    creditor: str
    facts: list[Pair]
    recipient: list[str]
    references: list[Pair]
    message: str
    columns: list[Column]
    title_at: int  # index of the column of titles
    lines: list[Line]
    sums: list[Pair]
    due: Pair  # what the document asks for, in large letters
    after: list[Pair]  # below `due`
    payment: list[Pair]  # where to pay; empty when there is nothing to pay
    notes: list[str]
    footer: list[list[str]]
    stamp: str  # across each page; empty for none


def pdf_content(document: Document, claim_no: int) -> PdfContent:
    """Return the content of a document. `claim_no` is the number of the first invoice of its claim."""
    part = DocumentTotals(document)
    columns, title_at, lines = _table(document, part, claim_no)
    currency = document.content.terms.currency
    return PdfContent(
        title=words.title(document),
        creditor=document.settings.name,
        facts=_facts(document, part, claim_no),
        recipient=words.postal_lines(document.recipient),
        references=_references(document),
        message=document.message or document.content.info.message or "",
        columns=columns,
        title_at=title_at,
        lines=lines,
        sums=part.sums(),
        due=(part.asks, f"{words.amount(part.due)} {currency}"),
        after=part.after(),
        payment=_payment(document, part),
        notes=_notes(document, part),
        footer=_footer(document.settings),
        stamp=words.DRAFT if document.draft else "",
    )


class DocumentTotals:
    """The sums that a document shows: of a whole claim, of a change of it, or of a credit."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.changed = document.earlier != 0
        self.partial = not self.changed and document.kind == CREDIT and document.amount > 0
        sums = document.sums
        self.amount = money.negated(document.amount) if self.partial else sums.total
        self.rows: Sequence[Row] = document.rows if self.partial else document.content.items
        self.asks, self.due = self._asks()

    def _asks(self) -> tuple[str, Decimal]:
        document, remaining = self.document, self.document.sums.remaining
        if self.partial:
            return "Summa kreditering", self.amount
        if self.changed:
            difference = money.subtract(document.sums.total, document.earlier)
            return ("Att kreditera" if difference < 0 else "Denna faktura"), difference
        if document.kind == CREDIT:
            return "Er till godo", money.negated(remaining)
        return "Att betala", remaining

    def sums(self) -> list[Pair]:
        """Return the sums below the rows, up to what the document asks for."""
        document = self.document
        sums, fee = document.sums, document.content.terms.invoice_fee
        found: list[Pair] = []
        if self.partial:
            net, total = money.negated(money.subtract(document.amount, document.vat)), self.amount
            vat = money.negated(document.vat)
        else:
            net, vat, total = sums.net, sums.vat, sums.total
            if fee:
                found.append(("Fakturaavgift", words.amount(fee)))
        rates = self._rates(vat)
        if self.partial and self.rows and rates:  # rounding is a line of its own
            net = money.cents(money.add(*(base for _, base, _ in rates)))
        found.append(("Summa exkl. moms", words.amount(net)))
        if self._reversed:
            found.append(("Moms, omvänd betalningsskyldighet", words.amount(money.ZERO)))
        elif rates:
            found += [
                (f"Moms {words.number(rate)} % på {words.amount(base)}", words.amount(tax))
                for rate, base, tax in rates
                if rate or len(rates) == 1
            ]
        else:
            found.append(("Moms", words.amount(vat)))
        rounding = money.subtract(total, money.add(net, vat))
        if rounding:
            label = "Öresavrundning" if abs(rounding) < 1 else "Justering"
            found.append((label, words.amount(rounding)))
        return found + self._adjustments()

    def _adjustments(self) -> list[Pair]:
        """Return the lines between the total and what the document asks for."""
        document, sums = self.document, self.document.sums
        currency = document.content.terms.currency
        if self.partial:
            return []
        found = [("Totalt", f"{words.amount(sums.total)} {currency}")]
        if self.changed:
            return [*found, ("Tidigare fakturerat", words.amount(money.negated(document.earlier)))]
        more = [
            ("Påminnelseavgift", sums.reminder_fee),
            ("Dröjsmålsränta", sums.interest_fee),
            ("Krediterat", sums.credited),
            ("Betalt", money.add(sums.paid, sums.collector_paid)),
        ]
        shown = [(label, words.amount(value)) for label, value in more if value]
        return found + shown if shown or document.kind == REMINDER else []

    def after(self) -> list[Pair]:
        """Return what remains to be paid after a change or a credit; nothing for other documents."""
        if not (self.partial or self.changed) or self.document.sums.total < 0:
            return []
        document = self.document
        left = f"{words.amount(document.sums.remaining)} {document.content.terms.currency}"
        found = [("Kvar att betala, efter detta", left)]
        if self.changed and document.vat:
            vat = money.negated(document.vat) if self.due < 0 else document.vat
            found.insert(0, ("varav moms", words.amount(vat)))
        return found

    @property
    def _reversed(self) -> bool:
        return bool(self.document.content.regional.reversed_vat)

    def _rates(self, vat: Decimal) -> list[tuple[Decimal, Decimal, Decimal]]:
        """Return rate, base and VAT of each rate, highest first; nothing if they do not add up to `vat`."""
        if self._reversed:
            return []
        bases: dict[Decimal, Decimal] = {}
        fee = money.ZERO if self.partial else self.document.content.terms.invoice_fee
        if fee:
            bases[Decimal(25)] = fee
        for row in self.rows:
            rate, net = row.vat.normalize(money.EXACT), money.row_net(row)
            if net:
                bases[rate] = money.add(bases.get(rate, money.ZERO), net)
        found = [(rate, base, money.cents(money.percent(base, rate))) for rate, base in bases.items()]
        found.sort(key=lambda each: -each[0])
        difference = money.subtract(vat, money.add(*(tax for _, _, tax in found)))
        if difference and (not found or abs(difference) > len(found) * _CENT):
            return []
        if difference:  # each rate was rounded here, but only their sum in the document
            rate, base, tax = found[0]
            found[0] = rate, base, money.add(tax, difference)
        return found


def _facts(document: Document, part: DocumentTotals, claim_no: int) -> list[Pair]:
    terms = document.content.terms
    made = calendar.local_date(document.at, document.timezone)
    own = not (part.partial or part.changed)
    found = [] if document.draft else [("Fakturanummer", str(document.invoice_no))]
    if document.kind == REMINDER:
        found.append(("Påminnelsedatum", words.day(made)))
    found.append(("Fakturadatum", words.day(terms.invoice_date if own else made)))
    if document.kind != CREDIT:
        found.append(("Förfallodatum", words.day(terms.due_date)))
    if document.ocr_number:
        found.append(("OCR-nummer", document.ocr_number))
    if not document.draft and document.invoice_no != claim_no:
        found.append(("Avser faktura", str(claim_no)))
    found.append(("Kundnummer", str(document.recipient.customer_no)))
    if document.recipient.org_no:
        found.append(("Ert org.nr", document.recipient.org_no))
    if document.recipient.vat_no:
        found.append(("Ert momsreg.nr", document.recipient.vat_no))
    return found


def _references(document: Document) -> list[Pair]:
    info = document.content.info
    found = [
        ("Er referens", info.your_reference),
        ("Vår referens", info.our_reference),
        ("Ordernummer", info.order_no),
        ("Orderdatum", words.day(info.order_date)),
        ("Referensnummer", info.reference_number),
        ("Utskickat", words.day(info.shipping_date)),
        ("Leveransdatum", words.day(info.delivery_date)),
    ]
    return [(label, value) for label, value in found if value]


def _table(document: Document, part: DocumentTotals, claim_no: int) -> tuple[list[Column], int, list[Line]]:
    """Return the columns that have content, the index of the column of titles, and the rows."""
    if part.partial and not part.rows:
        line = Line((f"Kreditering av faktura {claim_no}", words.amount(part.amount)))
        return [Column("Benämning", None, number=False), Column("Belopp inkl. moms", 32)], 0, [line]
    rows, gross = part.rows, document.content.terms.show_item_gross_prices
    numbered, discounted = any(row.item_no for row in rows), any(row.discount for row in rows)
    with_vat = " inkl. moms" if gross else ""
    columns = [
        *([Column("Art.nr", 21, number=False)] if numbered else []),
        Column("Benämning", None, number=False),
        Column("Antal", 16),
        Column("Enhet", 12, number=False),
        Column(f"À-pris{with_vat}", 25),
        *([Column("Rabatt", 19)] if discounted else []),
        Column("Moms", 13),
        Column(f"Belopp{with_vat}", 28),
    ]
    gross = gross and not document.content.regional.reversed_vat
    lines = [_line(row, numbered, discounted, gross) for row in rows]
    return columns, int(numbered), lines


def _line(row: Row, numbered: bool, discounted: bool, gross: bool) -> Line:
    def priced(value: Decimal) -> Decimal:
        return money.add(value, money.percent(value, row.vat)) if gross else value

    text_only = not (row.count or row.price or row.discount)
    numbers = (
        words.number(row.count),
        words.UNITS.get(row.unit, row.unit.removeprefix("-")),
        words.precise(priced(row.price), like=row.price),
        *([words.amount(priced(row.discount)) if row.discount else ""] if discounted else []),
        f"{words.number(row.vat)} %",
        words.amount(priced(money.row_net(row))),
    )
    cells = ("",) * len(numbers) if text_only else numbers
    return Line((*([row.item_no or ""] if numbered else []), row.title, *cells), row.description)


def _payment(document: Document, part: DocumentTotals) -> list[Pair]:
    """Return where, how and when to pay; nothing if there is nothing to pay."""
    if document.kind == CREDIT or document.sums.remaining <= 0:
        return []
    terms, payment = document.content.terms, document.settings.payment
    account = payment.international_bank_account
    accounts = [("Bankgiro", payment.bankgiro), ("Plusgiro", payment.plusgiro), ("IBAN", account.iban)]
    found = [
        next(((label, value) for label, value in accounts if value), ("Betala till", document.settings.name))
    ]
    if document.ocr_number:
        found.append(("OCR-nummer", document.ocr_number))
    found.append(("Betalas senast", words.day(terms.due_date)))
    found.append(("Att betala", f"{words.amount(document.sums.remaining)} {terms.currency}"))
    return found


def _notes(document: Document, part: DocumentTotals) -> list[str]:
    content, sums = document.content, document.sums
    found = []
    if content.regional.reversed_vat:
        found.append("Omvänd betalningsskyldighet: köparen redovisar momsen.")
    if sums.rotavdrag and not part.partial:
        found.append(f"Preliminärt avdrag för rot- eller rutarbete: {words.amount(sums.rotavdrag)}.")
    if document.kind == INVOICE and sums.remaining > 0:
        found += _late_payment_terms(content.terms)
    if document.attachment:
        found.append(f"Bilaga: {document.attachment}")
    return found


def _late_payment_terms(terms: Terms) -> list[str]:
    parts = []
    if terms.interest_rate:
        parts.append(f"dröjsmålsränta med {words.number(terms.interest_rate)} %")
    if terms.reminder_fee:
        parts.append(f"påminnelseavgift med {words.amount(terms.reminder_fee)} {terms.currency}")
    return [f"Efter förfallodagen debiteras {' och '.join(parts)}."] if parts else []


def _footer(settings: Settings) -> list[list[str]]:
    """Return the columns of the footer: the creditor's address, contact, registration and accounts."""
    place, contact, payment, tax = settings.address, settings.contact, settings.payment, settings.tax
    domestic, abroad = payment.domestic_bank_account, payment.international_bank_account
    country = place.country if place.country.upper() not in ("", "SE", "SVERIGE", "SWEDEN") else ""
    careof = f"c/o {place.careof}" if place.careof else ""
    seat = settings.registered_office_address.city
    accounts = " ".join(filter(None, (domestic.clearing_no, domestic.account_no)))
    columns = [
        (
            "Adress",
            [settings.name, careof, place.street_address, words.town(place.zipcode, place.city), country],
        ),
        ("Kontakt", [contact.name, contact.phone, contact.email, contact.www]),
        (
            "Företag",
            [
                settings.org_no and f"Org.nr {settings.org_no}",
                tax.vat_no and f"Momsreg.nr {tax.vat_no}",
                "Godkänd för F-skatt" if tax.has_fskatt else "",
                f"Säte: {seat}" if seat else "",
            ],
        ),
        (
            "Betalning",
            [
                payment.bankgiro and f"Bankgiro {payment.bankgiro}",
                payment.plusgiro and f"Plusgiro {payment.plusgiro}",
                accounts and f"Konto {accounts}",
                abroad.iban and f"IBAN {abroad.iban}",
                (abroad.bic or abroad.swift) and f"BIC {abroad.bic or abroad.swift}",
            ],
        ),
    ]
    return [[heading, *filter(None, lines)] for heading, lines in columns if any(lines)]
