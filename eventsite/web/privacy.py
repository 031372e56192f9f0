"""The notice above the consents of a registration: who uses the data, what for, for how long.

Not for the consents themselves (forms/), nor for keeping them (registration/).
"""

from datetime import date

from flask_babel import gettext as _

from eventsite import dates, i18n
from eventsite.config import settings
from eventsite.models import Event
from eventsite.web.presenting import contact


def notice(event: Event) -> list[str]:
    """Return the paragraphs of the notice above the consents (D74, D75, D81)."""
    who = event.organizer or settings.association_name
    erased = dates.day(_erased_on(event), event.timezone, i18n.current())
    desk = [
        settings.association_address,
        settings.association_representative,
        contact(event)["phone"],
        contact(event)["email"],
    ]
    reachable = "　".join(one for one in desk if one) or _("各ページの「お問い合わせ」")
    return [
        _(
            "%(who)s（以下「当協議会」）は、お申し込みで取得した氏名・所属・連絡先などを、次の目的に限って利用します。",
            who=who,
        ),
        _("①本セミナーの受付、参加方法や変更のご連絡"),
        _("②参加状況の集計（個人が特定されない形で行います）"),
        _("③希望された方への今後のセミナーのご案内"),
        _("委託：メール配信・ウェビナー運営のため、必要な範囲で事業者に取扱いを委託することがあります。"),
        _sharing(event),
        _("保存期間：%(day)sに消去します。", day=erased),
        _("開示・訂正・利用停止などの窓口：%(desk)s", desk=reachable),
    ]


def _sharing(event: Event) -> str:
    if event.asked_recipients:
        return _("第三者提供：下の欄で同意された方の情報に限り、提供します。")
    return _("第三者提供：法令に基づく場合を除き、ご本人の同意なく第三者に提供しません。")


def _erased_on(event: Event) -> date:
    """One year after the event's last day; 29 February becomes 28 February (D81)."""
    last = dates.in_zone(event.end_at, event.timezone).date()
    try:
        return last.replace(year=last.year + 1)
    except ValueError:
        return last.replace(year=last.year + 1, day=28)
