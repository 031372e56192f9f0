"""A mail server's words as plain sentences."""

import ast

import pytest
from flask import Flask

from eventsite.config import ROOT
from eventsite.mail.answers import explained, why_kept_back

NOBODY, NO_HOST, FULL = (
    "宛先のメールアドレスがありません。",
    "宛先のドメイン",
    "宛先のメールボックスがいっぱいです。",
)
BUSY, POLICY, OWN = "宛先のメールサーバーが混み合って", "宛先のメールサーバーの決まりにより", "当サイトが"
LARGE, REFUSED, LATER = (
    "メールが大きすぎる",
    "宛先のメールサーバーに、受け取りを断られました。",
    "宛先のメールサーバーが、いまは",
)
NO_WAY = "メールサーバーに接続できませんでした。"


@pytest.mark.parametrize(
    ("words", "begins"),
    [
        ("550 5.1.1 <taro@city.example.lg.jp>: Recipient address rejected: User unknown", NOBODY),
        ("550 no such user", NOBODY),
        ("550 5.7.1 Message rejected as spam by Content Filtering", POLICY),
        ("smtp; 550-5.1.1 The email account that you tried to reach does not exist", NOBODY),
        ("550 5.1.2 Host unknown", NO_HOST),
        ("550-5.7.26 This mail is unauthenticated", POLICY),
        ("552 5.2.2 Over quota", FULL),
        ("552 mailbox full", FULL),
        ("452 4.2.2 The email account is over quota", FULL),
        ("552 5.3.4 Message size exceeds fixed limit", LARGE),
        ("554 5.7.0 blocked", POLICY),
        ("554 Transaction failed", POLICY),
        ("535 5.7.8 Authentication credentials invalid", OWN),
        ("421 Too many connections", BUSY),
        ("451 4.7.1 Greylisted, try again in 300 seconds", BUSY),
        ("450 4.3.99 something new", BUSY),
        ("455 something", LATER),
        ("599 something", REFUSED),
        ("5.9.9 something", REFUSED),
        ("TimeoutError: timed out", NO_WAY),
        ("ConnectionRefusedError: [Errno 111] Connection refused", NO_WAY),
        ("gaierror: [Errno -2] Name or service not known", NO_WAY),
        ("", ""),
    ],
)
def test_explained(app: Flask, words: str, begins: str) -> None:
    sentence = explained(words)
    assert (sentence.startswith(begins), bool(sentence)) == (True, bool(begins))


def test_numbers_that_are_no_codes(app: Flask) -> None:
    """Addresses and times within the words of a server."""
    assert explained("ConnectionRefusedError: 192.0.2.250 port 25").startswith(NO_WAY)


def test_every_reason_for_keeping_a_letter_back_has_its_sentence(app: Flask) -> None:
    tree = ast.parse((ROOT / "eventsite" / "mail" / "sending" / "relevance.py").read_text())
    constants = {one.value for one in ast.walk(tree) if isinstance(one, ast.Constant)}
    reasons = {one for one in constants if isinstance(one, str) and " " in one and one == one.lower()}
    unknown = why_kept_back("something new")
    assert len(reasons) > 5
    assert [one for one in sorted(reasons) if why_kept_back(one) == unknown] == []
    assert why_kept_back("the address was corrected") != unknown
