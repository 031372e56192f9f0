"""The seat ledger in words: how each number adds up, what a newcomer would get now, and every line behind it.

No names of attendees stand here, so whoever may see the event may see it. Not for the figures (`registration.explaining`)
nor the lines (`registration.history`).
"""

from typing import NamedTuple

from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from eventsite import clock, wording
from eventsite.models import Event, Status
from eventsite.registration import explaining, history
from eventsite.web import guards, presenting
from eventsite.web.organiser.desk import bp

PAGE_SIZE = 100


class Account(NamedTuple):
    """One number that adds up: whose, and what there is to say of it."""

    label: str
    lines: list[str]


class Answer(NamedTuple):
    """What a newcomer would get in a category: the word on the public page, the answer, and for whom it holds."""

    label: str
    mode: str
    state: str
    words: str
    condition: str


class Entry(NamedTuple):
    """One line of the ledger in words."""

    line: history.Line
    number: str
    category: str
    words: str
    who: str


@bp.get("/events/<slug>/seats")
@guards.for_event("see")
def seats(event: Event) -> ResponseReturnValue:
    now = clock.now()
    code = request.args.get("category") or ""
    figures = explaining.figures(event, now)
    lines = history.lines(event).get(code, [])
    pages = max(1, -(-len(lines) // PAGE_SIZE))
    number = max(1, min(request.args.get("page", 1, type=int), pages))
    return render_template(
        "organiser/seats.html",
        event=event,
        accounts=_accounts(event, figures),
        answers=_answers(event, figures, explaining.newcomers(event, now)),
        entries=_entries(event, lines[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]),
        total=len(lines),
        chosen=code,
        number=number,
        pages=pages,
    )


def _accounts(event: Event, figures: explaining.Figures) -> list[Account]:
    zone = event.timezone
    accounts = [_account(_("セミナー全体"), figures.event, "", zone)]
    for category in event.categories:
        count = figures.categories[category.code]
        accounts.append(_account(category.label, count, explaining.shortage(count, figures.event), zone))
    return accounts + [_account(mode.label, figures.modes[mode.key], "", zone) for mode in event.modes]


def _account(label: str, count: explaining.Count, shortage: str, zone: str) -> Account:
    lines = [explaining.sentence(count, zone), *explaining.remarks(count, zone), shortage]
    return Account(label, [one for one in lines if one])


def _answers(event: Event, figures: explaining.Figures, newcomers: list[explaining.Newcomer]) -> list[Answer]:
    categories = {one.code: one for one in event.categories}
    answers = []
    for one in newcomers:
        category = categories[one.category]
        shown = presenting.offer(category, figures.categories[one.category].state, preview=True)
        condition = _condition(category.verification, one.status) if one.looked_at else ""
        answers.append(
            Answer(
                category.label, wording.mode(event, one.mode), shown.state_words, _newcomer(one), condition
            )
        )
    return answers


def _newcomer(one: explaining.Newcomer) -> str:
    if one.refusal is not None:
        return str(one.refusal.words)
    if one.status is Status.WAITLISTED:
        return _with_reason(wording.status(Status.WAITLISTED), one.reason)
    return wording.status(one.status or Status.LOST)


def _condition(verification: str, status: Status | None) -> str:
    """For whom an answer holds where the access is looked at."""
    if verification == "invite_code":
        return _("正しい招待コードのある方だけです。")
    if status is Status.WAITLISTED:
        return ""
    if verification == "member_roster":
        return _("会員番号を確認できた方です。ほかの方は承認待ちになります。")
    return _("自治体のアドレスの方です。ほかの方は承認待ちになります。")


def _entries(event: Event, lines: list[history.Line]) -> list[Entry]:
    labels = {one.code: one.label for one in event.categories}
    words = _moves()
    entries = []
    for line in lines:
        who = line.account or (_("自動") if line.by_rule else _("申込者"))
        step = line.step
        if step is None:
            entries.append(Entry(line, "", "", _("定員の変更"), who))
        else:
            what = _what(step, labels, words)
            entries.append(Entry(line, step.number, labels.get(step.is_in, step.is_in), what, who))
    return entries


def _what(step: history.Step, labels: dict[str, str], words: dict[tuple[Status | None, Status], str]) -> str:
    if step.reason == "moved":
        before, after = (labels.get(code, code) for code in (step.was_in, step.is_in))
        what = _("区分の変更（%(before)s → %(after)s）", before=before, after=after)
    elif step.before is None and step.over_limit:
        return _("事務局が定員を超えて登録")
    elif step.before is None and step.after is Status.PENDING and not step.holds:
        what = _("抽選前の承認待ち（席はまだ取りません）")
    elif step.reason == "address-corrected":
        what = _("メールアドレスの訂正により、承認が不要に")
    else:
        what = _with_reason(words[step.before, step.after], step.reason)
    return what + (_("（定員を超えて）") if step.over_limit else "")


def _with_reason(words: str, reason: str) -> str:
    reasons = {
        "category-full": _("区分が満席"),
        "event-full": _("セミナー全体が満席"),
        "mode-full": _("参加方法が満席"),
        "behind-others": _("先に待っている方がいる"),
    }
    return _("%(words)s（%(reason)s）", words=words, reason=reasons[reason]) if reason in reasons else words


def _moves() -> dict[tuple[Status | None, Status], str]:
    """Every legal move as what happened."""
    gone, seat_left = Status.CANCELLED, _("取消で解放")
    return {
        (None, Status.CONFIRMED): _("申込で確定"),
        (None, Status.PENDING): _("承認待ちで席を確保"),
        (None, Status.WAITLISTED): _("申込でキャンセル待ち"),
        (None, Status.LOTTERY): _("抽選に申込"),
        (Status.PENDING, Status.CONFIRMED): _("承認"),
        (Status.PENDING, Status.LOTTERY): _("承認して抽選へ"),
        (Status.PENDING, Status.DECLINED): _("不承認で解放"),
        (Status.PENDING, gone): seat_left,
        (Status.LOTTERY, Status.CONFIRMED): _("抽選で当選"),
        (Status.LOTTERY, Status.WAITLISTED): _("抽選でキャンセル待ち"),
        (Status.LOTTERY, Status.LOST): _("抽選で落選"),
        (Status.LOTTERY, gone): _("抽選の申込を取消"),
        (Status.WAITLISTED, Status.CONFIRMED): _("繰上げ"),
        (Status.WAITLISTED, Status.PENDING): _("繰上げ（承認待ち）"),
        (Status.WAITLISTED, Status.OFFERED): _("繰上げ案内"),
        (Status.WAITLISTED, Status.LOST): _("キャンセル待ちの終了"),
        (Status.WAITLISTED, gone): _("キャンセル待ちの取りやめ"),
        (Status.OFFERED, Status.CONFIRMED): _("繰上げ案内に応じて確定"),
        (Status.OFFERED, Status.EXPIRED): _("期限切れで解放"),
        (Status.OFFERED, gone): _("繰上げの辞退で解放"),
        (Status.CONFIRMED, gone): seat_left,
        (gone, Status.CONFIRMED): _("取消を元に戻す"),
    }
