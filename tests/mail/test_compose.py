"""The shipped letters: each in both languages, whole as the model letters, without a gap where a fact is missing."""

import re
from dataclasses import replace

import pytest

from eventsite.mail.wording import compose, words
from eventsite.mail.wording.compose import AttendeeRow, LetterFacts
from eventsite.mail.wording.typeset import columns

LETTERS = sorted(path.name for path in compose.LETTERS.iterdir() if path.is_dir() and path.name != "blocks")
TAKASAKI = AttendeeRow(
    branch=1, name="\u9ad9\ufa11 洋子", number="GDX-7K3M-Q2-1", category="自治体職員", status="参加確定"
)
YOSHIDA = AttendeeRow(
    branch=2, name="\U00020bb7田 健", number="GDX-7K3M-Q2-2", category="自治体職員", status="参加確定"
)
FACTS = LetterFacts(
    association="官民連携協議会",
    contact_phone="00-0000-0000",
    contact_hours="平日10:00～17:00",
    contact_email="seminar@seminar.example",
    name=TAKASAKI.name,
    organisation="例示市",
    department="企画課",
    others=1,
    reference="GDX-7K3M-Q2",
    event_title="なぜ、あの官民連携はうまくいくのか？",
    event_url="https://seminar.example/events/kanmin",
    when="2025年12月24日（水）10:00～11:30",
    when_short="12月24日（水）10:00",
    room_opens="9:45",
    online=True,
    format="オンライン（Zoomウェビナー）",
    fee="無料",
    attendees=(TAKASAKI, YOSHIDA),
    join="a",
    join_url="https://zoom.us/j/00000000000",
    webinar_id="000 0000 0000",
    passcode="123456",
    venue_name="例示市民会館",
    venue_address="例示市1-1",
    manage_url="https://seminar.example/r/token",
    calendar_url="https://seminar.example/r/token/calendar",
    cancel_deadline="12月24日（水）10:00",
    answer_by="12月26日（金）",
    position=3,
    waitlist_ends="12月23日（火）17:00",
    draw_on="12月20日（土）",
    reply_until="12月23日（火）17:00",
    reply_url="https://seminar.example/r/token/offer",
    cancelled_attendees=(replace(YOSHIDA, status=""),),
    changes="参加者2　変更前：\U00020bb7田 健 様　変更後：大塚 福子 様",
    role="担当者",
    valid_until="1月1日（木）10:00",
    setup_url="https://seminar.example/account/setup/abc",
    reset_url="https://seminar.example/account/reset/abc",
    before_when="2025年12月17日（水）10:00～11:30",
    message="会場に駐車場はありません。\n電車でお越しください。",
    until_event="前日のご案内",
    materials_until="1月31日（土）17:00",
    materials_url="https://seminar.example/materials",
    survey_until="1月9日（金）17:00",
    survey_url="https://seminar.example/survey",
    unsubscribe_url="https://seminar.example/r/token/unsubscribe",
    count=3,
    admin_url="https://seminar.example/organiser/events/kanmin",
    report="・承認待ち　3名\n・キャンセル待ち　1名",
)
CONFIRMED = """\
例示市 企画課
\u9ad9\ufa11 洋子 様（ほか1名）

このたびはお申し込みいただき、ありがとうございます。
お申し込みを受け付けました。次のとおり、ご参加が確定しています。

■ 受付番号　GDX-7K3M-Q2
■ セミナー　なぜ、あの官民連携はうまくいくのか？
■ 日　　時　2025年12月24日（水）10:00～11:30（9:45から入室できます）
■ 形　　式　オンライン（Zoomウェビナー）
■ 参 加 費　無料
■ 参 加 者
  1. \u9ad9\ufa11 洋子 様（自治体職員）　GDX-7K3M-Q2-1　参加確定
  2. \U00020bb7田 健 様（自治体職員）　GDX-7K3M-Q2-2　参加確定

■ 参加方法　開始時刻までに、次のURLからご入室ください。
https://zoom.us/j/00000000000
ウェビナーID　000 0000 0000　　パスコード　123456

▼ 内容の確認・変更・取消、参加者の差し替え、当日の参加方法
https://seminar.example/r/token
※ このURLからは、どなたでも変更や取消ができます。
お取扱いにご注意ください。

▼ 予定表に登録する（.ics／CSV／手入力用）
https://seminar.example/r/token/calendar
※ 添付ファイルを受け取れない環境では、上のURLをご利用ください。

ご都合が悪くなった場合は、12月24日（水）10:00までに、
上の確認ページでお取り消しください。お待ちの方に席をお譲りします。

お心当たりのない場合やご不明な点がある場合は、お手数ですが、
下記までご連絡ください。
―――――――――――――――
官民連携協議会　セミナー事務局
電話　00-0000-0000（平日10:00～17:00）
メール　seminar@seminar.example
"""


def text(letter: str, locale: str = "ja", **changes: object) -> str:
    return composed(letter, locale, **changes).text


def composed(letter: str, locale: str = "ja", **changes: object) -> compose.Composed:
    """A message is written with the subject that was typed for it, every other letter without."""
    typed = {"own_subject": "駐車場について"} if letter == "organiser_message" else {}
    return compose.compose(letter, locale, replace(FACTS, **typed, **changes))


def every_letter(*, events_only: bool = False):
    chosen = [name for name in LETTERS if not (events_only and name.startswith("staff_"))]
    return pytest.mark.parametrize(
        ("letter", "locale"), [(letter, locale) for letter in chosen for locale in compose.LOCALES]
    )


def test_every_letter_and_block_is_there_in_both_languages():
    folders = [compose.LETTERS / name for name in LETTERS]
    folders += sorted((compose.LETTERS / "blocks").iterdir())
    assert {folder: sorted(file.name for file in folder.iterdir()) for folder in folders} == {
        folder: ["en.txt", "ja.txt"] for folder in folders
    }
    assert {*compose.BLOCK_FOLDERS.values(), "attendee"} == {
        folder.name for folder in (compose.LETTERS / "blocks").iterdir()
    }


@every_letter()
def test_both_languages_state_the_same_fields(letter, locale):
    def parsed(language: str) -> words.Template:
        source = (compose.LETTERS / letter / f"{language}.txt").read_text(encoding="utf-8")
        return words.parse(source, offered=compose.offered(letter))

    assert parsed(locale).fields == parsed("ja").fields
    assert [line.marks for line in parsed(locale).lines] == [line.marks for line in parsed("ja").lines]
    assert [line.blocks for line in parsed(locale).lines] == [line.blocks for line in parsed("ja").lines]


@every_letter()
def test_a_letter_is_plain_narrow_text_with_links_on_their_own_lines(letter, locale):
    letter_text = text(letter, locale, waiting_count=1, partial=True, when_short="12月24日（水）10:00")
    lines = letter_text.split("\n")
    assert max(map(columns, lines)) <= 70
    assert not re.search(r"[{}［］｜]|None|\r|\n\n\n| $", letter_text, re.MULTILINE)
    assert letter_text.endswith("\n")
    assert all(line.startswith("https://") and " " not in line for line in lines if "://" in line)


@every_letter(events_only=True)
def test_a_letter_suffices_alone(letter, locale):
    """D63: reference, date, what is on, whom to ask; and a subject of at most 40 code points (D64)."""
    found = composed(letter, locale)
    for fact in (FACTS.reference, FACTS.event_title, FACTS.when, FACTS.contact_email, FACTS.name):
        assert fact in found.text
    assert (FACTS.when_short in found.subject) == (letter != "organiser_message")
    assert len(found.subject) <= 40


def test_only_a_confirmed_attendee_gets_the_join_link():
    with_link = {name for name in LETTERS if FACTS.join_url in text(name)}
    news = {"event_changed", "join_info", "reminder", "rescheduled"}
    assert with_link == {"address_changed", "approved", "changed", "confirmed", "promoted", "won"} | news
    assert {name for name in LETTERS if FACTS.calendar_url in text(name)} == with_link - {"reminder"}


def test_the_confirmation_is_the_model_letter():
    found = composed("confirmed")
    assert found.subject == "【申込完了】12月24日（水）10:00 なぜ、あの官民連携はうまくいくのか？"
    assert found.text == CONFIRMED


@pytest.mark.parametrize(
    ("letter", "changes", "subject"),
    [
        ("confirmed", {"waiting_count": 1}, "【申込完了・一部キャンセル待ち】"),
        ("pending", {}, "【承認待ち】"),
        ("waitlisted", {}, "【キャンセル待ち】"),
        ("lottery", {}, "【抽選申込受付】"),
        ("approved", {}, "【承認・参加確定】"),
        ("declined", {}, "【申込結果：参加不可】"),
        ("promoted", {}, "【繰上げ・参加確定】"),
        ("offered", {}, "【繰上げのご案内・要回答】"),
        ("offer_expired", {}, "【繰上げ期限切れ】"),
        ("won", {}, "【当選】"),
        ("won", {"lost_count": 1}, "【一部当選】"),
        ("lost", {}, "【落選】"),
        ("lost", {"waitlisted": True}, "【落選・キャンセル待ち】"),
        ("waitlist_ended", {}, "【キャンセル待ち終了】"),
        ("changed", {}, "【変更完了】"),
        ("cancelled", {}, "【取消完了】"),
        ("cancelled_by_office", {}, "【参加取消】"),
        ("link_resent", {}, "【確認ページのURL】"),
        ("address_changed", {}, "【連絡先変更】"),
        ("cancelled", {"declined_offer": True}, "【辞退受付】"),
        ("rescheduled", {}, "【日時変更】"),
        ("event_changed", {}, "【内容変更】"),
        ("event_cancelled", {}, "【開催中止】"),
        ("join_info", {}, "【参加用URLのお知らせ】"),
        ("join_info", {"replaces_link": True}, "【参加用URL変更】"),
        ("reminder", {}, "【前日のご案内】"),
        ("reminder", {"until_event": "開催10日前のご案内"}, "【開催10日前のご案内】"),
        ("followup_attended", {}, "【ご参加のお礼】"),
        ("followup_absent", {}, "【資料のご案内】"),
        ("followup_absent", {"materials_url": ""}, "【開催終了のお知らせ】"),
    ],
)
def test_tags(letter, changes, subject):
    assert compose.compose(letter, "ja", replace(FACTS, **changes)).subject.startswith(
        f"{subject}{FACTS.when_short} なぜ"
    )


@pytest.mark.parametrize(
    ("letter", "subject"),
    [
        ("staff_invite", "【利用登録のお願い】GDXセミナー受付 管理画面"),
        ("staff_password", "【パスワード再設定】GDXセミナー受付 管理画面"),
    ],
)
def test_staff_letters_have_their_own_subject(letter, subject):
    staff = LetterFacts(
        association="官民連携協議会",
        name="佐藤 愛",
        role="担当者",
        valid_until="1月1日（木）10:00",
        setup_url="https://seminar.example/account/setup/abc",
        reset_url="https://seminar.example/account/reset/abc",
    )
    composed = compose.compose(letter, "ja", staff)
    assert composed.subject == subject
    assert composed.text.startswith("佐藤 愛 様\n\n")
    assert composed.text.endswith("―――――――――――――――\n官民連携協議会　セミナー事務局\n")


@pytest.mark.parametrize(
    ("join", "expected"),
    [
        ("a", "■ 参加方法　開始時刻までに、次のURLからご入室ください。https://zoom.us/j/00000000000"),
        ("b", "■ 参加方法　参加用URLは、開催前のご案内メールと確認ページでお知らせします。▼"),
        ("c", "■ 参加方法　参加用URLは、決まりしだい、メールと確認ページでお知らせします。▼"),
        ("d", "■ 会　　場　例示市民会館　例示市1-1▼"),
        ("bd", "確認ページでお知らせします。■ 会　　場　例示市民会館　例示市1-1▼"),
        ("", "参加確定▼"),
    ],
    ids=["a", "b", "c", "d", "hybrid", "none"],
)
def test_ways_to_join(join, expected):
    on_one_line = text("confirmed", join=join).replace("\n", "")
    assert expected in on_one_line
    assert ("https://zoom.us" in on_one_line) == (join == "a")


def test_the_passcode_stands_without_a_webinar_number():
    assert "入室ください。\nhttps://zoom.us/j/00000000000\nパスコード　123456\n" in text(
        "confirmed", webinar_id=None
    )
    assert "ウェビナーID　000 0000 0000\n\n" in text("confirmed", passcode="")


def test_missing_facts_leave_no_trace():
    bare = text(
        "confirmed",
        organisation=None,
        department=None,
        others=0,
        contact_phone=None,
        contact_hours=None,
        contact_email=None,
        format=None,
        fee=None,
        room_opens=None,
        cancel_deadline=None,
        attendees=(replace(TAKASAKI, category="", status=""),),
    )
    assert bare.startswith("\u9ad9\ufa11 洋子 様\n\nこのたびは")
    assert "■ 日　　時　2025年12月24日（水）10:00～11:30\n■ 参 加 者\n" in bare
    assert "  1. \u9ad9\ufa11 洋子 様　GDX-7K3M-Q2-1\n\n" in bare
    assert bare.endswith("\n官民連携協議会　セミナー事務局\n")
    assert "ご都合が悪くなった" not in bare


def test_the_events_own_contact_and_a_telephone_without_hours():
    assert text("confirmed", contact_name="企画係", contact_hours="").endswith(
        "\n官民連携協議会　企画係\n電話　00-0000-0000\nメール　seminar@seminar.example\n"
    )


def test_a_room_opens_only_online():
    assert "入室できます" not in text("confirmed", online=False)


def test_a_mixed_outcome_counts_those_who_wait():
    mixed = text("confirmed", waiting_count=2, others=4)
    assert "様（ほか4名）\n" in mixed
    assert "参加者のうち2名は、満席のためキャンセル待ちです。" in mixed
    assert "参加者のうち" not in text("confirmed")


def test_a_cancellation_names_who_is_cancelled():
    partly = text("cancelled", partial=True)
    assert "取消しを承りました。\n\n  2. \U00020bb7田 健 様（自治体職員）　GDX-7K3M-Q2-2\n\nほかの" in partly
    assert FACTS.manage_url in partly
    whole = text("cancelled", declined_offer=True)
    assert "辞退を承りました。" in whole
    assert FACTS.manage_url not in whole


@every_letter()
def test_no_name_opens_a_field_or_a_block(letter, locale):
    hostile = ["{確認ページURL}", "<管理>", "［一部：x］", "{{ config }}", "a\r\n\r\n{参加URL}"]
    rows = tuple(replace(TAKASAKI, branch=n, name=name) for n, name in enumerate(hostile, start=1))
    plain = [replace(row, name="大塚 福子") for row in rows]
    before = text(letter, locale, name="大塚 福子", attendees=tuple(plain), manage_url="https://m.example/")
    after = text(letter, locale, name=hostile[0], attendees=rows, manage_url="https://m.example/")
    assert hostile[0] in after
    assert after.count("https://") == before.count("https://")
    assert after.count("\n") == before.count("\n")


def test_own_words_replace_those_of_the_file():
    own = compose.Own(subject="【受付】", body="{氏名} 様の受付番号は{受付番号}です。")
    composed = compose.compose("confirmed", "ja", FACTS, own=own)
    assert composed.subject.startswith("【受付】12月24日")
    assert "\n\n\u9ad9\ufa11 洋子 様の受付番号はGDX-7K3M-Q2です。\n\n" in composed.text


def test_an_own_letter_may_use_what_its_letter_offers():
    assert "取消期限" in compose.offered("confirmed")
    assert "回答URL" not in compose.offered("confirmed")
    assert "受付番号" not in compose.offered("staff_invite")


@pytest.mark.parametrize(
    ("letter", "missing", "field"),
    [("offered", "reply_url", "回答URL"), ("confirmed", "manage_url", "確認ページURL")],
)
def test_a_letter_is_not_written_without_what_it_is_about(letter, missing, field):
    with pytest.raises(KeyError, match=field):
        text(letter, **{missing: ""})


def test_other_languages_get_japanese():
    assert compose.compose("confirmed", "fr", FACTS).text == CONFIRMED
