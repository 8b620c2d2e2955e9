"""What names a bill: a serial number that depends on the image and the bill alone."""

import hashlib
import json
import uuid
from typing import Any

from auditor.report.bill.model import Bill

# A name space of its own (RFC 9562, 6.6), made once and never changed: other names give other serial numbers.
_NAME_SPACE = uuid.UUID("c37dbd65-93a1-485b-99aa-117fdc58215e")


def serial_number(bill: Bill, document: dict[str, Any]) -> str:
    """`urn:uuid:…` from the image's digest and all that the document says.

    Two bills share a number only if they say the same; the same image, audited in the same way, has the same.
    """
    content = json.dumps(document, sort_keys=True, ensure_ascii=True)
    name = f"{bill.root.version}\n{hashlib.sha256(content.encode()).hexdigest()}"
    return f"urn:uuid:{uuid.uuid5(_NAME_SPACE, name)}"
