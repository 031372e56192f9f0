"""What a mail server's words mean, in plain sentences: its enhanced status code, its reply code, or no answer at all.

And why the site itself kept a letter back. Sources: RFC 3463 (enhanced codes), RFC 5321 4.2 (reply codes). Not for
deciding about another try (delivery.py).
"""

import re

from flask_babel import gettext as _

_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_REPLY = re.compile(r"(?<![\d.])([245]\d\d)(?![\d.])")


def explained(words: str) -> str:
    """Return a plain sentence for the words of a server, or of a connection that failed; "" for none."""
    if not words:
        return ""
    enhanced, reply = _ENHANCED.search(words), _REPLY.search(words)
    codes = []
    if enhanced:
        kind, subject, detail = enhanced.groups()
        codes = [f"{kind}.{subject}.{detail}", f"*.{subject}.{detail}", f"{kind}.{subject}"]
    if reply:
        codes.append(reply[1])
    sentences = _sentences()
    known = (sentences[code] for code in codes if code in sentences)
    return next(known, None) or _by_class("".join(codes)[:1])


def why_kept_back(words: str) -> str:
    """Return a plain sentence for why a letter stays here: `relevance` and `outbox` note it in words of their own."""
    sentences = {
        "the address was corrected": _("宛先が訂正されたため、送りませんでした。"),
        "there is no such recipient any more": _("宛先の方が変わったため、送りませんでした。"),
        "nobody of this recipient's takes part any more": _("参加が取りやめになったため、送りませんでした。"),
        "nobody of this recipient's is registered any more": _("申込がなくなったため、送りませんでした。"),
        "everybody of this recipient's has cancelled": _("申込が取り消されたため、送りませんでした。"),
        "the event was cancelled": _("開催が中止になったため、送りませんでした。"),
        "the event has begun": _("セミナーが始まったため、送りませんでした。"),
        "the event is over": _("セミナーが終了したため、送りませんでした。"),
        "the event has changed since this was written": _("開催内容が変わったため、送りませんでした。"),
        "the event has another date now": _("開催日時が変わったため、送りませんでした。"),
        "this address wants no more mail of this kind": _("ご案内を希望されていないため、送りませんでした。"),
    }
    return sentences.get(words) or _("いまの状況に合わなくなったため、送りませんでした。")


def _by_class(first: str) -> str:
    if first == "5":
        return _("宛先のメールサーバーに、受け取りを断られました。")
    if first == "4":
        return _("宛先のメールサーバーが、いまは受け取れないと答えました。")
    return _("メールサーバーに接続できませんでした。")


def _sentences() -> dict[str, str]:
    nobody = _("宛先のメールアドレスがありません。つづりを確かめて、訂正してください。")
    no_host = _("宛先のドメイン（@のあと）が見つかりません。つづりを確かめて、訂正してください。")
    closed = _("宛先のメールアドレスは、いま使われていません。")
    full = _("宛先のメールボックスがいっぱいです。ご本人に、ほかの方法でお伝えください。")
    large = _("メールが大きすぎると断られました。")
    policy = _("宛先のメールサーバーの決まりにより、断られました。迷惑メールとみなされた場合もあります。")
    busy = _("宛先のメールサーバーが混み合っているか、初めての送信元を一度断っています。")
    own = _("当サイトがメールサーバーを使うための設定に誤りがあります。運用担当者にご連絡ください。")
    return {
        "*.1.1": nobody,
        "*.1.10": nobody,
        "*.1.2": no_host,
        "*.1.3": nobody,
        "*.2.1": closed,
        "*.2.2": full,
        "*.2.3": large,
        "*.3.4": large,
        "4.7": busy,
        "5.7.8": own,
        "5.7.9": own,
        "5.7": policy,
        "421": busy,
        "450": busy,
        "451": busy,
        "452": full,
        "530": own,
        "535": own,
        "550": nobody,
        "551": nobody,
        "552": full,
        "553": nobody,
        "554": policy,
    }
