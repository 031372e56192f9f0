"""How a category admits, in plain words for those who want to come, and which categories they are shown.

Not for the rule (registration/eligibility.py, seats.py), nor for the state of the seats (wording.py).
"""

from datetime import datetime

from flask_babel import gettext as _

from eventsite import dates, i18n
from eventsite.models import Category, Event
from eventsite.registration import codes, eligibility


def listed(event: Event) -> list[Category]:
    """Return the categories that are shown to everybody (D27)."""
    return [one for one in event.categories if one.is_listed]


def invited(event: Event, code: str, now: datetime) -> list[Category]:
    """Return the categories that a code opens, shown or not; none without a code (D27)."""
    asking = [one for one in event.categories if one.verification == "invite_code"] if code else []
    return [one for one in asking if codes.opens(one, code, now)]


def in_words(category: Category) -> str:
    """Return in one line how a category admits: selection, check, numbers, and its own times."""
    words = [
        _("抽選") if category.selection == "lottery" else _("先着順"),
        _check(category),
        _group(category.max_attendees),
        _organisations(category),
        *_window(category),
    ]
    return _("／").join(one for one in words if one)


def _check(category: Category) -> str:
    """Manual approval comes before every match, so with it nothing else need be said but the code (D28)."""
    if category.verification == "invite_code":
        return _("招待コードが必要です") + (
            _("（事務局の承認あり）") if category.approval == "manual" else ""
        )
    if category.approval == "manual":
        return _("事務局の承認あり")
    if category.verification == "member_roster":
        return _("会員番号を確認できない方は、事務局が確認します")
    if category.verification != "domain_hint":
        return ""
    if category.domains or not set(category.domain_classes) <= set(eligibility.LOCAL_GOVERNMENT):
        return _("対象外のメールアドレスの方は、事務局が確認します")
    return _("自治体のメールアドレスでない方は、事務局が確認します")


def _group(most: int) -> str:
    return _("お一人ずつ") if most == 1 else _("1回に%(count)s名まで", count=most)


def _organisations(category: Category) -> str:
    limit = category.per_organization_limit
    return "" if limit is None else _("1団体%(count)s名まで", count=limit)


def _window(category: Category) -> list[str]:
    """Only where they differ from the event's, which stand among its facts (D29)."""
    zone, language = category.event.timezone, i18n.current()
    words = []
    if category.opens_at is not None and category.opens_at != category.event.opens_at:
        words.append(_("受付は%(when)sから", when=dates.when_short(category.opens_at, zone, language)))
    if category.closes_at is not None and category.closes_at != category.event.closes_at:
        words.append(_("受付は%(when)sまで", when=dates.deadline(category.closes_at, zone, language)))
    return words
