"""An event's own words for its letters: what is refused when saving, and how they come out of the verbs."""

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from eventsite import clock, registration
from eventsite.db import db, transaction
from eventsite.errors import Refusal
from eventsite.mail import sampling
from eventsite.mail.letters import announcements
from eventsite.mail.letters.announcements import Announcement, Audience
from eventsite.mail.recipients import Recipient
from eventsite.mail.wording import compose, own_words
from eventsite.mail.wording.compose import LETTERS as FOLDER
from eventsite.mail.wording.compose import LOCALES, Own
from eventsite.mail.wording.editable import LETTERS
from eventsite.mail.wording.word_checks import check_addition, check_body, check_subject
from eventsite.models import Attendee, AuditEntry, Event, Message, OwnWords
from eventsite.wording import letter_name
from tests.cast import TAKASAKI, YOSHIDA, an_application, an_event, people, sato
from tests.fixtures.database import on_both

NOW = datetime(2025, 12, 1, 1, 0, tzinfo=UTC)
BLOCKS = "<概要><参加方法><管理>"


@pytest.fixture(autouse=True)
def moment(at):
    return at(NOW)


@pytest.fixture
def event(app: Flask) -> Event:
    start = datetime(2025, 12, 24, 1, 0, tzinfo=UTC)
    ends = start + timedelta(minutes=90)
    return an_event(start_at=start, end_at=ends, join_url="https://zoom.us/j/000?pwd=example", passcode="987")


def every_letter():
    return pytest.mark.parametrize(
        ("letter", "locale"), [(letter, locale) for letter in LETTERS for locale in LOCALES]
    )


def refused(check, *arguments: str) -> str:
    with pytest.raises(Refusal) as caught:
        check(*arguments)
    assert caught.value.code == "invalid"
    return str(caught.value.words)


def audited() -> list[tuple[str, dict[str, str]]]:
    db.session.rollback()
    wanted = select(AuditEntry).where(AuditEntry.action.like("words.%")).order_by(AuditEntry.id)
    return [(one.action, one.details) for one in db.session.scalars(wanted)]


def mails() -> list[Message]:
    db.session.rollback()
    return list(db.session.scalars(select(Message).order_by(Message.id)))


# Which letters ----------------------------------------------------------------------------------------------


def test_every_letter_to_attendees_can_be_changed_and_no_other():
    folders = {one.name for one in FOLDER.iterdir() if any(one.glob("*.txt"))}
    assert LETTERS.keys() == {name for name in folders if not name.startswith("staff_")}


def test_every_letter_has_a_name_of_its_own(app: Flask):
    assert len({str(letter_name(letter)) for letter in LETTERS}) == len(LETTERS)


# Checks -----------------------------------------------------------------------------------------------------


@every_letter()
def test_standard_words_pass_and_count_as_none(app: Flask, letter: str, locale: str):
    standard = compose.standard_source(letter, locale)
    assert check_subject(letter, locale, standard.subject) == ""
    typed = standard.body.replace("\n", "\r\n\r\n")
    assert check_body(letter, locale, typed) == ""
    assert check_body(letter, locale, f"{standard.body}\n以上").endswith("\n以上")


@every_letter()
def test_words_that_passed_can_be_rendered(event: Event, letter: str, locale: str):
    own = Own(
        check_subject(letter, locale, "【x】{件名}" if letter == "organiser_message" else "【x】"),
        check_addition(letter, locale, "\n".join(f"{{{name}}}" for name in sorted(compose.offered(letter)))),
        check_body(letter, locale, compose.standard_source(letter, locale).body + "\n以上"),
    )
    found = sampling.preview(event, letter, locale, own, None, clock.now())
    assert "\n\n以上\n\n" in found.text
    assert found.subject.startswith("【x】")


@pytest.mark.parametrize(
    ("letter", "typed", "sentence"),
    [
        ("confirmed", "{{ config }}", "{ config という差し込み項目はありません。"),
        ("confirmed", "{0.__class__}", "0.__class__という差し込み項目はありません。"),
        ("confirmed", "{氏名.__class__}", "氏名.__class__という差し込み項目はありません。"),
        ("confirmed", "{" + "長" * 60 + "}", "長" * 40 + "…という差し込み項目はありません。"),
        ("confirmed", "{回答URL}", "回答URLという差し込み項目はありません。"),
        ("waitlisted", "{参加URL}", "参加URLという差し込み項目はありません。"),
        ("waitlisted", "{パスコード}", "パスコードという差し込み項目はありません。"),
        ("confirmed", "［晴れ］傘は要りません。", "晴れという差し込み項目はありません。"),
        ("confirmed", "{氏名", "「{」の使い方を確認してください。"),
        ("confirmed", "氏名］", "「］」の使い方を確認してください。"),
        ("confirmed", "<地図>", "地図という差し込み項目はありません。"),
        ("confirmed", "上は<概要>", "<概要>は、単独の行に書いてください。"),
        ("confirmed", "<概要>", "追記には、<概要>を入れられません。本文全体を書き換えると入れられます。"),
        ("confirmed", "地図は https://a.example です", "URLは https:// で始め、単独の行に書いてください。"),
        ("confirmed", "http://a.example/", "URLは https:// で始め、単独の行に書いてください。"),
        ("confirmed", "確認は{確認ページURL}", "URLは https:// で始め、単独の行に書いてください。"),
        ("confirmed", "あ" * 2001, "追記は2000文字以内で入力してください。"),
        ("confirmed", "あ" * 100_000, "追記は2000文字以内で入力してください。"),
        ("confirmed", "あ\ufffe", "追記に使えない文字が含まれています。"),
        ("confirmed", "あ\ud800", "追記に使えない文字が含まれています。"),
    ],
)
def test_an_addition_is_refused(app: Flask, letter: str, typed: str, sentence: str):
    assert refused(check_addition, letter, "ja", typed) == sentence


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("", ""),
        (" \r\n\u3000\r\n", "\u3000"),
        (
            "持ち物\u3000筆記用具\r\n\r\n※ 駐車場はありません。",
            "持ち物\u3000筆記用具\n\n※ 駐車場はありません。",
        ),
        ("https://a.example/map?x=1", "https://a.example/map?x=1"),
        ("［オンライン］{確認ページURL}", "［オンライン］{確認ページURL}"),
        ("%s \\1 $x *", "%s \\1 $x *"),
        ("\u9ad9\ufa11\x00", "\u9ad9\ufa11"),
    ],
)
def test_an_addition_is_kept(app: Flask, typed: str, kept: str):
    assert check_addition("confirmed", "ja", typed) == kept


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("【{氏名}様】", "氏名という差し込み項目はありません。"),
        ("【{受付番号}】", "受付番号という差し込み項目はありません。"),
        ("あ" * 25, "件名は24文字以内で入力してください。日時と題名が、そのあとに続きます。"),
        ("あ" * 500, "件名は200文字以内で入力してください。"),
        ("\U0001f363", "件名に使える文字がありません。絵文字のほかの文字を入力してください。"),
        ("【受付", None),
        (
            "［一部：あ｜" + "い" * 25 + "］",
            "件名は24文字以内で入力してください。日時と題名が、そのあとに続きます。",
        ),
    ],
)
def test_subjects(app: Flask, typed: str, sentence: str | None):
    if sentence is None:
        assert check_subject("confirmed", "ja", typed) == typed
    else:
        assert refused(check_subject, "confirmed", "ja", typed) == sentence


def test_a_subject_is_one_line_of_office_signs(app: Flask):
    assert check_subject("confirmed", "ja", "【受付\r\n①\U0001f363】㈱") == "【受付(1)】株式会社"


def test_the_subject_of_a_message_keeps_what_is_typed_each_time(app: Flask):
    assert refused(check_subject, "organiser_message", "ja", "【連絡】") == "件名に{件名}を入れてください。"
    assert check_subject("organiser_message", "ja", "【連絡】{件名}") == "【連絡】{件名}"


@pytest.mark.parametrize(
    ("letter", "typed", "sentence"),
    [
        ("confirmed", "こんにちは",
         "本文に「受付番号」「セミナー名」「日時」「確認ページURL」「参加方法」がありません。<概要><管理><参加方法>を入れてください。"),
        ("confirmed", "{受付番号}\n{セミナー名}\n<参加方法><管理>",
         "本文に「日時」がありません。<概要>か{日時}を入れてください。"),
        ("confirmed", "<概要><参加方法>", "本文に「確認ページURL」がありません。<管理>か{確認ページURL}を入れてください。"),
        ("confirmed", "<概要><管理>", "本文に「参加方法」がありません。<参加方法>を入れてください。"),
        ("confirmed", f"［一部］{BLOCKS}",
         "本文の「受付番号」に条件が付いています。載らないことがないように、条件を外してください。"),
        ("confirmed", "{受付番号}{セミナー名}［オンライン：{日時}］\n<参加方法><管理>",
         "本文の「日時」に条件が付いています。載らないことがないように、条件を外してください。"),
        ("offered", "<概要>", "本文に「回答期限」「回答URL」がありません。{回答期限}{回答URL}を入れてください。"),
        ("offered", "<概要>\n{回答期限}まで", "本文に「回答URL」がありません。{回答URL}を入れてください。"),
        ("cancelled", "{取消参加者}\n<概要>", "本文に「確認ページURL」がありません。<管理>か{確認ページURL}を入れてください。"),
        ("declined", "［一部］<管理>\n<概要>\n{取消参加者}", "本文に「理由」がありません。{理由}を入れてください。"),
        ("waitlisted", "<概要><管理><参加方法>", "このメールでは、<参加方法>は使えません。"),
        ("confirmed", f"<宛名>\n{BLOCKS}", "<宛名>は自動で付きますので、本文から除いてください。"),
        ("confirmed", f"{BLOCKS}\n{{取消URL}}", "取消URLという差し込み項目はありません。"),
        ("confirmed", f"{BLOCKS}\n{{氏名", "「{」の使い方を確認してください。"),
        ("confirmed", f"{BLOCKS}\n" + "あ" * 5000, "本文は5000文字以内で入力してください。"),
    ],
)  # fmt: skip
def test_a_body_is_refused(app: Flask, letter: str, typed: str, sentence: str):
    assert refused(check_body, letter, "ja", typed) == sentence


@pytest.mark.parametrize(
    ("letter", "typed"),
    [
        ("confirmed", BLOCKS),
        (
            "confirmed",
            "{受付番号}{セミナー名}［オンライン：{日時}｜会場で{日時}］\n<参加方法>\n{確認ページURL}",
        ),
        ("confirmed", "［日時あり］{日時}\n{受付番号} {セミナー名}\n<参加方法><管理>"),
        ("cancelled", "{取消参加者}\n<概要>\n［一部］<管理>"),
        ("cancelled", "{取消参加者}\n<概要><管理>"),
        ("event_cancelled", "［理由あり］{理由}\n［代替あり］{代替案内}\n<概要>"),
    ],
)
def test_a_body_that_keeps_the_facts_is_good(app: Flask, letter: str, typed: str):
    assert check_body(letter, "ja", typed) == typed


# Kept and used ----------------------------------------------------------------------------------------------


@on_both
def test_words_come_out_in_the_letter(event: Event):
    by = sato(event)
    assert own_words.save(event, "confirmed", "ja", "【受付】", "受付番号は{受付番号}です。", "", by) is True
    found = registration.register(event, an_application())
    (mail,) = mails()
    assert mail.subject == "【受付】12月24日（水）10:00 はじめての自治体DX"
    assert "このたびはお申し込みいただき" in mail.text
    assert f"\n\n受付番号は{found.reference}です。\n\nお心当たりのない場合" in mail.text
    assert audited() == [("words.changed", {"letter": "confirmed", "locale": "ja"})]
    kept = own_words.find(event, "confirmed", "ja")
    assert kept is not None
    assert (kept.updated_at, kept.account_id) == (NOW, by.id)


def test_a_body_takes_the_place_of_the_standard_one(event: Event):
    body = f"ようこそ、{{氏名}}様。\n{BLOCKS}\n［取消期限あり］{{取消期限}}まで"
    own_words.save(event, "confirmed", "ja", "", "追って", body, None)
    registration.register(event, an_application())
    (mail,) = mails()
    assert mail.subject.startswith("【申込完了】12月24日")
    assert "\n\nようこそ、\u9ad9\ufa11 洋子様。\n\n■ 受付番号" in mail.text
    assert "このたびは" not in mail.text
    assert [
        words in mail.text for words in ("https://zoom.us/j/000?pwd=example", "10:00まで\n\n追って\n\n")
    ] == [True] * 2


def test_a_name_that_looks_like_a_field_stays_a_name(event: Event):
    own_words.save(event, "confirmed", "ja", "", "{氏名}様の追記", "", None)
    hostile = replace(TAKASAKI, family_name="{確認ページURL}", given_name="{{ config }}")
    registration.register(event, an_application(hostile))
    (mail,) = mails()
    assert "\n{確認ページURL} {{ config }}様の追記\n" in mail.text


def test_japanese_words_stay_out_of_an_english_letter(event: Event):
    own_words.save(event, "confirmed", "ja", "【受付】", "追記です。", "", None)
    registration.register(event, an_application(locale="en"))
    (mail,) = mails()
    assert mail.subject.startswith("[Confirmed]")
    assert "追記です。" not in mail.text
    own_words.save(event, "confirmed", "en", "[Welcome]", "See you, {氏名}.", "", None)
    registration.register(event, an_application(*people(1), locale="en"))
    assert mails()[-1].subject.startswith("[Welcome] 24 Dec 2025")
    assert "\n\nSee you, 参加 者1.\n\n" in mails()[-1].text


def test_other_events_and_letters_keep_theirs(event: Event):
    own_words.save(event, "waitlisted", "ja", "【順番待ち】", "", "", None)
    own_words.save(an_event(), "confirmed", "ja", "【別】", "", "", None)
    registration.register(event, an_application())
    assert mails()[0].subject.startswith("【申込完了】")


def test_a_line_without_its_fact_is_left_out(event: Event):
    typed = "{人数}名がお待ちです。\n電話は{電話}です。\n［一部：{人数}］以上"
    own_words.save(event, "confirmed", "ja", "", typed, "", None)
    registration.register(event, an_application())
    (mail,) = mails()
    assert "お譲りします。\n\n電話はです。\n\n以上\n\nお心当たり" in mail.text


def test_a_former_address_gets_the_standard_words(event: Event):
    own_words.save(event, "cancelled", "ja", "【取消】", "またのお越しを", "", None)
    found = registration.register(event, an_application(TAKASAKI, YOSHIDA))
    registration.replace(found.attendees[1], people(1)[0], an_application().consents)
    (farewell,) = [one for one in mails() if one.letter == "cancelled"]
    assert (farewell.recipient, farewell.subject[:6]) == ("yoshida@city.example.lg.jp", "【取消完了】")
    assert "またのお越しを" not in farewell.text


@on_both
def test_nothing_changed_leaves_no_trace(event: Event):
    assert own_words.save(event, "confirmed", "ja", "", "", "", None) is False
    standard = compose.standard_source("confirmed", "ja")
    assert own_words.save(event, "confirmed", "ja", standard.subject, "", standard.body, None) is False
    assert audited() == []
    own_words.save(event, "confirmed", "ja", "【受付】", "", "", None)
    assert own_words.save(event, "confirmed", "ja", "【受付】 ", "", "", None) is False
    assert len(audited()) == 1


@on_both
def test_back_to_the_standard_words(event: Event):
    own_words.save(event, "confirmed", "ja", "【受付】", "", "", None)
    own_words.save(event, "confirmed", "en", "[Hello]", "", "", None)
    assert own_words.changed(event) == {("confirmed", "ja"), ("confirmed", "en")}
    assert own_words.reset(event, "confirmed", "ja", None) is True
    assert own_words.reset(event, "confirmed", "ja", None) is False
    assert own_words.save(event, "confirmed", "en", "", "", "", None) is True
    assert own_words.changed(event) == set()
    assert audited()[2:] == [
        ("words.reset", {"letter": "confirmed", "locale": "ja"}),
        ("words.reset", {"letter": "confirmed", "locale": "en"}),
    ]
    registration.register(event, an_application())
    assert mails()[0].subject.startswith("【申込完了】")


@pytest.mark.parametrize(("letter", "locale"), [("staff_invite", "ja"), ("x", "ja"), ("confirmed", "fr")])
def test_only_letters_to_attendees(event: Event, letter: str, locale: str):
    assert (
        refused(own_words.save, event, letter, locale, "", "あ", "", None)
        == "このメールの文面は変えられません。"
    )
    assert refused(own_words.reset, event, letter, locale, None) == "このメールの文面は変えられません。"


def test_a_refusal_says_where(event: Event):
    for field, typed in (("subject", "{x}"), ("addition", "{x}"), ("body", "{x}")):
        given = {"subject": "", "addition": "", "body": "", field: typed}
        with pytest.raises(Refusal) as caught:
            own_words.save(event, "confirmed", "ja", **given, by=None)
        assert caught.value.field == field
    assert own_words.changed(event) == set()


@pytest.mark.parametrize("stored", ["{かつての項目}", "［一部：a", "［一部：{かつての項目}］"])
def test_words_that_an_upgrade_broke_do_not_stop_the_letter(event: Event, stored: str, caplog):
    own_words.save(event, "confirmed", "ja", "【受付】", "追記", "", None)
    with transaction():
        db.session.execute(update(OwnWords).values(addition=stored))
    with caplog.at_level(logging.WARNING, "eventsite.mail.writing"):
        registration.register(event, an_application())
    (mail,) = mails()
    assert mail.subject.startswith("【申込完了】12月24日")
    assert [one.message for one in caplog.records] == [
        f"own words for confirmed (ja) of event {event.id} cannot be used"
    ]


# Previews ---------------------------------------------------------------------------------------------------


def test_a_preview_is_what_is_written_but_for_the_link(event: Event):
    own = Own("【受付】", "{氏名}様へ", f"{BLOCKS}\n以上")
    own_words.save(event, "confirmed", "ja", own.subject, own.addition, own.body, None)
    registration.register(event, an_application())
    one = db.session.scalars(select(Attendee)).one()
    (mail,) = mails()
    seen = sampling.preview(event, "confirmed", "ja", own, one, clock.now())
    assert (seen.subject, seen.text) == (mail.subject, mail.text)
    assert "/r/…\n" in seen.text


def test_a_message_to_many_is_previewed_in_the_words_of_its_event(event: Event):
    own_words.save(event, "organiser_message", "ja", "【連絡】{件名}", "以上、ご連絡でした。", "", None)
    found = registration.register(event, an_application())
    typed = Announcement("駐車場について", "ありません。", Audience())
    seen = announcements.preview(typed, Recipient(found), clock.now())
    assert seen.subject == "【連絡】駐車場について"
    assert "\n\n以上、ご連絡でした。\n\nお心当たり" in seen.text


def test_who_may_be_chosen(event: Event):
    local = registration.register(event, an_application(TAKASAKI, YOSHIDA))
    registration.register(event, an_application(*people(1), locale="en"))
    registration.cancel([local.attendees[1]])
    chosen = [one.id for one in sampling.fitting(event, "confirmed", "ja")]
    gone = [one.number for one in sampling.fitting(event, "cancelled", "ja")]
    assert (chosen, gone) == ([local.attendees[0].id], [local.attendees[1].number])


def test_an_event_without_categories_has_its_sample_too(app: Flask):
    event = an_event()
    with transaction():
        event.categories.clear()
    assert (
        "■ 受付番号　GDX-XXXX-XX\n"
        in sampling.preview(event, "confirmed", "ja", None, None, clock.now()).text
    )
