"""Numbers and ids, derived from (seed, kind, counter): the same seed and acts give the same values.

The formats are those of real answers (reference: api 8.7, behaviour 3.3).
"""

from functools import lru_cache
from hashlib import blake2b

from stdnum import luhn

# without the look-alikes 0 1 5 8 B D I N O S e i l o [R: so in all known ids]
_ID_ALPHABET = "234679ACEFGHJKLMPQRTUVWXYZabcdfghjkmnpqrstuvwxyz"
_CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FACTORING_LENGTH = 9  # digits of the OCR number of a billogram that is offered for sale


def seed_of(text: str) -> int:
    """Return the seed of an account that has none of its own, derived from its id."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=7).digest())


def draw(seed: int, kind: str, *counters: int) -> int:
    """Return a pseudo-random 256-bit number, which is always the same for the same arguments."""
    return int.from_bytes(_drawn(seed, kind, *counters))


def happens(probability: float, seed: int, kind: str, *counters: int) -> bool:
    """Whether an event of this probability happens. The result is always the same for the same arguments."""
    return draw(seed, kind, *counters) >> 203 < probability * 2**53  # 53 bits: a float holds them


def _drawn(seed: int, kind: str, *counters: int) -> bytes:
    hashed = _keyed(seed).copy()
    hashed.update(f"{kind}:{':'.join(map(str, counters))}".encode())
    return hashed.digest()


@lru_cache(maxsize=256)
def _keyed(seed: int) -> blake2b:
    """Return the keyed hash of a seed. It is cached and copied, because creating it is slow."""
    return blake2b(digest_size=32, key=str(seed).encode())


def factoring_reference(seed: int, number: int) -> str:
    """Return the reference of a billogram at the buyer of claims [A]."""
    return f"F{draw(seed, 'factoring', number) % 10**8:08d}"


def collector_reference(seed: int, number: int) -> str:
    """Return the reference of a billogram at the collection agency [A]."""
    return f"C{draw(seed, 'collector', number) % 10**8:08d}"


def factoring_ocr_number(seed: int, number: int, attempt: int) -> str:
    """Return an OCR number of nine digits [R]: seven drawn, the length digit 9, and a Luhn check digit.

    `attempt` counts up when the number is in use.
    """
    digits = f"{1_000_000 + draw(seed, 'factoring ocr', number, attempt) % 9_000_000}9"
    return digits + luhn.calc_check_digit(digits)


def _letters(number: int, alphabet: str, length: int) -> str:
    """Return the last digits of a number in the base of an alphabet, lowest first.

    It reads pairs from a table, because many ids are created.
    """
    pairs, base, eight = _pairs(alphabet)
    letters = []
    for _ in range(length // 8):  # small integers are divided faster
        number, part = divmod(number, eight)
        part, first = divmod(part, base)
        part, second = divmod(part, base)
        fourth, third = divmod(part, base)
        letters.append(pairs[first] + pairs[second] + pairs[third] + pairs[fourth])
    for _ in range(length % 8):
        number, digit = divmod(number, len(alphabet))
        letters.append(alphabet[digit])
    return "".join(letters)


@lru_cache(maxsize=4)
def _pairs(alphabet: str) -> tuple[list[str], int, int]:
    """Return all pairs of letters, their number, and the number of texts of eight letters."""
    pairs = [first + second for second in alphabet for first in alphabet]
    return pairs, len(pairs), len(pairs) ** 4


def billogram_id(seed: int, number: int, attempt: int) -> str:
    """Return an id of eight characters; `attempt` counts up when the id is in use."""
    return _letters(draw(seed, "billogram", number, attempt), _ID_ALPHABET, 8)


def letter_id(seed: int, number: int, letter: int) -> str:
    """Return the id, 32 characters, of one document of the billogram with this number."""
    return _letters(draw(seed, "letter", number, letter), _ID_ALPHABET, 32)


def link_token(seed: int, number: int) -> str:
    """Return the five capitals at the end of a billogram's public address [R]."""
    return _letters(draw(seed, "link", number), _CAPITALS, 5)


def may_have_made(seed: int, billograms: int, ocr_number: str, link: str) -> bool:
    """Whether an account with this seed may have given an OCR number and a link to one of its billograms.

    For the OCR number of a sale, all links are tried. The others begin with a prefix of the account.
    """
    if len(ocr_number) == _FACTORING_LENGTH:
        return any(link_token(seed, number) == link for number in range(1, billograms + 1))
    return ocr_number.startswith(_ocr_prefix(seed))


def event_uuid(seed: int, generation: int, number: int, index: int) -> str:
    """Return a version 4 uuid. The generation makes it different from the one before a reset."""
    return _uuid(_drawn(seed, "event", generation, number, index))


def callback_id(seed: int, generation: int, position: int, index: int) -> str:
    """Return the uuid of the callback for the `index`th event of the act at this position.

    The generation makes it different from the one before a reset.
    """
    return _uuid(_drawn(seed, "callback", generation, position, index))


def payment_id(seed: int, number: int) -> str:
    """Return the uuid of the `number`th payment of the account [D]."""
    return _uuid(_drawn(seed, "payment", number))


def recall_id(seed: int, payment: int, index: int) -> str:
    """Return the uuid of the `index`th recall of the payment with this number."""
    return _uuid(_drawn(seed, "recall", payment, index))


def source_id(seed: int, number: int) -> str:
    """Return the uuid of the `number`th payment source of the account [A]."""
    return _uuid(_drawn(seed, "source", number))


def efaktura_file(seed: int, day: int) -> str:
    """Return the 14 digits in the name of the nightly file of a day [A]."""
    return f"{draw(seed, 'efaktura file', day) % 10**14:014d}"


def tab_id(seed: int, number: int) -> str:
    """Return the uuid of the `number`th billing tab of the account [D: a uuid]."""
    return _uuid(_drawn(seed, "billing tab", number))


def tab_row_id(seed: int, number: int) -> str:
    """Return the uuid of the `number`th row in the billing tabs of the account [D: a uuid]."""
    return _uuid(_drawn(seed, "billing tab row", number))


def mandate_reference(seed: int, number: int) -> str:
    """Return the reference of a mandate: 26 capitals and digits [A]."""
    return _letters(draw(seed, "mandate", number), _CAPITALS + "0123456789", 26)


def creditor_identifier(seed: int) -> str:
    """Return the SEPA identifier of the creditor: in the documented form, never a real one [A]."""
    return f"DE00ZZZ{draw(seed, 'creditor') % 10**9:09d}"


def _uuid(drawn: bytes) -> str:
    digits = drawn.hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


@lru_cache(maxsize=256)
def _ocr_prefix(seed: int) -> str:
    return f"{10_000_000 + draw(seed, 'ocr') % 90_000_000}"


def ocr_number(seed: int, invoice_no: int) -> str:
    """Return the OCR number of an invoice.

    It consists of the account's prefix (8 digits), the invoice number (at least 5), a digit of the seed, the
    length modulo 10, and a Luhn check digit. It has 16 digits for an invoice number of five digits [R]; a
    longer invoice number makes it longer [A].
    """
    digits = f"{_ocr_prefix(seed)}{invoice_no:05d}{draw(seed, 'ocr', invoice_no) % 10}"
    digits += str((len(digits) + 2) % 10)
    return digits + luhn.calc_check_digit(digits)
