"""Why a request was refused before a billogram was looked at: access, paths, queries, bodies, registers."""

from mockserver.control.reason import Reason

ACCESS = {
    "auth.missing": Reason(
        "every request to the API needs HTTP Basic credentials: the API user as name, its key as password",
        "send Authorization: Basic with user:key in base64",
        "C",
    ),
    "auth.invalid": Reason(
        "the credentials open no account: the key is not the one that the account was born with, or adopted",
        "send the right key, or give the account another one by PATCH /_mock/accounts/{a}",
        "C",
    ),
    "auth.mock_account": Reason(
        "the header Mock-Account names no account that may be picked, or Mock-Token is not the control token",
        "name an account, send any Authorization header, and where there is a control token Mock-Token",
        "A",
    ),
    "feature.standalone_credits": Reason(
        "a negative total is a stand-alone credit, which Billogram must have switched on for the account",
        "turn the feature standalone_credits on by PATCH /_mock/accounts/{a}",
        "DA",
        must="the feature standalone_credits is on, or total_sum ≥ 0",
    ),
    "feature.collection": Reason(
        "handing a claim to a collection agency needs an agreement, which is a feature of the account",
        "turn the feature collection on by PATCH /_mock/accounts/{a}",
        "DA",
        must="the feature collection is on",
    ),
    "feature.factoring": Reason(
        "selling a claim needs an agreement with a buyer of claims, which is a feature of the account",
        "turn the feature factoring on by PATCH /_mock/accounts/{a}",
        "DA",
        must="the feature factoring is on",
    ),
    "log.unavailable": Reason(
        "the log could not be written (disk full, file gone or locked), so nothing was changed",
        "free the disk or the lock and send it again; /_mock/ready tells when",
        "A",
    ),
    "fault": Reason(
        "a fault that was laid down for this account struck the request: nobody has earned this refusal",
        "take the faults away by DELETE …/faults, or bear it: that is what they are for",
        "A",
        must="no fault strikes: it was the one with number fault, of kind fail",
    ),
}

PATHS = {
    "path.exists": Reason(
        "no resource of the API has this path",
        "look the path up in /openapi.json",
        "RC",
        must="asked is the path of a resource",
    ),
    "path.method": Reason(
        "the resource is there, but it does not know this HTTP method",
        "use one of the allowed methods",
        "C",
        must="the method is among the allowed",
        values={"one_of": "allowed"},
    ),
    "object.exists": Reason(
        "no object of this account has the id in the path: it was never made here, was deleted, or a reset "
        "or restore took it away",
        "list the resource to see what there is; accounts share nothing, so look at the user name too",
        "RC",
        must="there is an object with this id or filename",
    ),
    "command.exists": Reason(
        "a billogram knows no command of this name",
        "use one of the commands that are allowed now",
        "A",
        must="command is the name of a command",
    ),
    "query.required": Reason(
        "a list parameter that must be there is absent; page and page_size are required in most lists, and "
        "the three filter parameters belong together",
        "add the parameter",
        "C",
    ),
    "query.value": Reason(
        "a query parameter has a value that it does not know: a page below 1, a field that can't be filtered "
        "or ordered by, a direction that is neither asc nor desc",
        "send a value of the form that is shown",
        "C",
        must="value is one that the parameter knows",
    ),
    "not_emulated": Reason(
        "Billogram has this operation, and mockserver does not build it yet; it never pretends a success",
        "leave it out of the test, or stub it in the client; the README lists what works",
        "A",
        must="the operation is built",
    ),
}

BODIES = {
    "body.json": Reason(
        "the body is not JSON: NaN, infinities, comments and trailing commas are none either",
        "send what a JSON encoder makes",
        "A",
    ),
    "body.object": Reason(
        "the body is JSON, but no object",
        "send an object with named members",
        "A",
    ),
    "body.size": Reason(
        "the body is larger than the limit of 32 MiB",
        "send less, for example a smaller picture or attachment",
        "A",
        must="the body has at most maximum bytes",
        values={"at_most": "maximum"},
    ),
    "body.unknown": Reason(
        "the body has a key that this object does not know; unknown keys are refused at any level, before "
        "anything else is looked at",
        "leave the key out, or write it as the API does",
        "C",
    ),
    "body.value": Reason(
        "a member has a wrong type, lies beyond its bounds, or is no word of its list",
        "send a value of the form that is shown",
        "CDA",
        must="the value has the form that is shown (due_days: at most maximum)",
    ),
    "body.length": Reason(
        "a text is longer than its member may be",
        "shorten it",
        "DA",
        must="the text has at most maximum characters",
        values={"maximum_length": "maximum"},
    ),
    "body.read_only": Reason(
        "the member is made by Billogram: it can be read, and sent back unchanged in a PUT, but not set",
        "leave it out",
        "CD",
    ),
    "required": Reason(
        "a member that must be there is absent or empty",
        "add it, with a value that is not empty",
        "CA",
    ),
}

REGISTERS = {
    "address.careof_attention": Reason(
        "an address has either a care-of or an attention line, not both",
        "leave one of the two out",
        "CA",
    ),
    "customer.customer_no": Reason(
        "customer numbers are unique in an account, and another customer has this one",
        "leave customer_no out to get the next free one, or choose another",
        "R",
        must="no customer has this customer_no",
    ),
    "item.item_no": Reason(
        "an item number has at most 30 characters, and one that is all digits is not larger than the series "
        "of automatic numbers can go",
        "choose a shorter number",
        "A",
        must="item_no has at most 30 characters",
    ),
    "item.item_no_taken": Reason(
        "item numbers are unique in an account, and another item has this one",
        "leave item_no out to get the next free one, or choose another",
        "A",
        must="no item has this item_no",
    ),
    "picture.content": Reason(
        "logotype and cover photo must be a PNG, JPEG or GIF in base64",
        "send the bytes of the file in base64, without a data: prefix",
        "RA",
        must="the content, of size bytes, begins as a file of a known type does",
    ),
    "einvoice.member": Reason(
        "what a customer is registered for e-invoices by depends on the market, and this one does not use "
        "this member",
        "send only the members of the account's market, or make the account in another one",
        "A",
        must="the market uses this member",
    ),
    "einvoice.required": Reason(
        "in this market a registration for e-invoices needs one of pec and codice_destinatario",
        "send pec or codice_destinatario",
        "A",
        must="one of pec and codice_destinatario is there in this market",
    ),
    "einvoice.market": Reason(
        "in this market customers can't be registered for e-invoices by the creditor",
        "use an account of another market",
        "A",
        must="customers are registered by the creditor in this market",
    ),
    "mandate.customer": Reason(
        "a mandate belongs to a customer, and there is none with this number",
        "make the customer first, by POST /customer",
        "A",
        must="a customer has this customer_no",
    ),
    "mandate.iban": Reason(
        "the IBAN is wrong: its country, its length or its check sum",
        "send an IBAN with a right check sum, such as DE89370400440532013000",
        "A",
        must="the check sum of the iban is right",
    ),
    "mandate.scheme": Reason(
        "only SEPA mandates are cancelled through the API; autogiro is turned off by the recipient",
        "play the recipient: POST …/customers/{no}/simulate/disable-recurring",
        "DA",
        must="the scheme is SEPA_DIRECT_DEBIT",
    ),
    "mandate.usable": Reason(
        "the mandate has ended: what is cancelled or failed can't be cancelled once more",
        "import a new mandate if the customer is to pay by direct debit again",
        "DA",
        must="the status is PENDING or ACTIVE",
        values={"one_of": ("PENDING", "ACTIVE")},
    ),
}

REQUESTS = {
    "Access and account": ACCESS,
    "Paths and queries": PATHS,
    "Bodies": BODIES,
    "Customers, items, mandates": REGISTERS,
}
