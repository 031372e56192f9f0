"""The optional consent boxes of an event: as fields of a form, and as they were answered (domain rules D75, D77).

Not for the boxes that everybody has to tick: those belong to their forms.
"""

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, Form

from eventsite.models import Event
from eventsite.registration import ConsentBox
from eventsite.web.forms.cleaning import Unforced


def optional_fields(event: Event) -> dict[str, Any]:
    """Return the unbound fields by name, in the order of the page."""
    fields: dict[str, Any] = {
        field_name("share", one["code"]): BooleanField(_share_words(one), [Unforced()])
        for one in event.asked_recipients
    }
    if "followup" in event.consents:
        fields[field_name("followup")] = BooleanField(
            _l("今後のセミナー案内をメールで受け取ります"), [Unforced()]
        )
    return fields


def optional_boxes(form: Form, event: Event) -> list[ConsentBox]:
    """Return the boxes of a form as they were shown and answered."""
    kinds = [("share", one["code"]) for one in event.asked_recipients]
    if "followup" in event.consents:
        kinds.append(("followup", ""))
    boxes = [(kind, code, form[field_name(kind, code)]) for kind, code in kinds]
    return [ConsentBox(kind, bool(box.data), str(box.label.text), code) for kind, code, box in boxes]


def field_name(kind: str, recipient: str = "") -> str:
    return f"consent_{kind}-{recipient}" if recipient else f"consent_{kind}"


def _share_words(recipient: dict[str, Any]) -> Any:
    return _l(
        "%(who)sに、%(items)sを、%(purpose)sのために提供することに同意します",
        who=recipient["name"],
        items="・".join(recipient["items"]),
        purpose=recipient["purpose"],
    )
