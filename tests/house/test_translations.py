"""The English catalogue says everything that code and templates say in Japanese; Flask-Security speaks Japanese too."""

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po
from flask import Flask
from flask_security.core import _default_messages as security_messages

from eventsite.config import ROOT

TRANSLATIONS = ROOT / "eventsite" / "translations"
CATALOGUE = TRANSLATIONS / "en" / "LC_MESSAGES" / "messages.po"
SECURITY_CATALOGUE = TRANSLATIONS / "security" / "ja" / "LC_MESSAGES" / "flask_security.po"
KEYWORDS = {**DEFAULT_KEYWORDS, "_l": None, "lazy_gettext": None, "lazy_ngettext": (1, 2)}
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+\}")
JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
EXAMPLE = re.compile(r"“[^” ]{1,6}”")  # characters that a sentence is about: e.g. “タカサキ”
ENGLISH_ONLY = {"%(within)s"}  # Babel has no Japanese for durations, so Flask-Security would say "3 days"
FORMS = ("login_form", "forgot_password_form", "reset_password_form", "change_password_form", "verify_form")

# What Flask-Security says only with a feature that is off here, by the setting that turns it on.
SILENT = {
    "CHANGE_EMAIL": r"CHANGE_EMAIL_\w+",
    "CONFIRMABLE": r"CONFIRM_REGISTRATION|EMAIL_CONFIRMED|ALREADY_CONFIRMED|INVALID_CONFIRMATION_TOKEN"
    r"|CONFIRMATION_REQUEST|CONFIRMATION_EXPIRED",
    "MULTI_FACTOR_RECOVERY_CODES": r"INVALID_RECOVERY_CODE|NO_RECOVERY_CODES_SETUP",
    "OAUTH_ENABLE": r"OAUTH_HANDSHAKE_ERROR|IDENTITY_NOT_REGISTERED",
    "PASSWORDLESS": r"LOGIN_EXPIRED|LOGIN_EMAIL_SENT|INVALID_LOGIN_TOKEN|PASSWORDLESS_LOGIN_SUCCESSFUL",
    "REFRESH_TOKEN": r"REFRESH_TOKEN_INVALID",
    "REGISTERABLE": r"(EMAIL|IDENTITY)_ALREADY_ASSOCIATED",
    "TWO_FACTOR": r"TWO_FACTOR_\w+",
    "UNIFIED_SIGNIN": r"US_\w+|GENERIC_US_SIGNIN|USE_CODE|CODE_HAS_BEEN_SENT|FAILED_TO_SEND_CODE|INVALID_CODE"
    r"|INVALID_PASSWORD_CODE|PHONE_INVALID",
    "USERNAME_ENABLE": r"USERNAME_\w+",
    "WEBAUTHN": r"WEBAUTHN_\w+|INVALID_INPUT_LENGTH",
}


@pytest.fixture(scope="module")
def catalogue() -> Catalog:
    with CATALOGUE.open("rb") as file:
        return read_po(file)


@pytest.fixture(scope="module")
def security_catalogue() -> Catalog:
    with SECURITY_CATALOGUE.open("rb") as file:
        return read_po(file)


def words(text: str | tuple[str, ...] | list[str] | None) -> list[str]:
    return [text] if isinstance(text, str) else list(text or ())


def fault(message: Message | None, *, japanese: bool = False) -> str | None:
    given = words(message.string) if message else []
    if message is None or not given or not all(given):
        return "is not translated"
    if message.fuzzy:
        return "is a guess (fuzzy)"
    wanted = sorted(PLACEHOLDER.findall(words(message.id)[-1]))
    if japanese:
        wanted = [one for one in wanted if one not in ENGLISH_ONLY]
    if any(sorted(PLACEHOLDER.findall(one)) != wanted for one in given):
        return "has other placeholders"
    if japanese:
        return None if all(JAPANESE.search(one) for one in given) else "is not in Japanese"
    return "still holds Japanese" if any(JAPANESE.search(EXAMPLE.sub("", one)) for one in given) else None


def said(root: Path) -> set[str]:
    """Return every text that code and templates mark for translation."""
    with (root / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    found = extract_from_dir(root, methods, options, keywords=KEYWORDS)
    return {words(text)[0] for _, _, text, _, _ in found}


def test_everything_is_translated(catalogue: Catalog) -> None:
    assert len(catalogue) > 50
    assert {str(one.id): fault(one) for one in catalogue if one.id and fault(one)} == {}


def test_the_catalogue_is_up_to_date(catalogue: Catalog) -> None:
    known = {words(one.id)[0] for one in catalogue if one.id}
    found = said(ROOT)
    assert {"not in the catalogue": found - known, "no longer said": known - found} == {
        "not in the catalogue": set(),
        "no longer said": set(),
    }


def test_what_flask_security_says_is_in_japanese(security_catalogue: Catalog) -> None:
    said_here = {
        key: text
        for key, (text, _) in security_messages.items()
        if not any(re.fullmatch(keys, key) for keys in SILENT.values())
    }
    assert {"LOGIN", "INVALID_PASSWORD", "PASSWORD_INVALID_LENGTH"} <= set(said_here)
    faults = {key: fault(security_catalogue.get(text), japanese=True) for key, text in said_here.items()}
    assert {key: words for key, words in faults.items() if words} == {}
    assert {str(one.id) for one in security_catalogue if one.id and fault(one, japanese=True)} == set()


def test_features_that_are_silent_are_off(app: Flask) -> None:
    assert {name for name in SILENT if app.config.get(f"SECURITY_{name}")} == set()


def test_sign_in_pages_find_the_japanese_words(app: Flask) -> None:
    """Needs the compiled catalogues that `make setup` makes."""
    security = app.extensions["security"]
    with app.app_context(), app.test_request_context("/account/signin?lang=ja"):
        labels = {
            str(field.label.text)
            for name in FORMS
            for field in security.forms[name].cls(formdata=None, user=None)
            if field.type not in {"CSRFTokenField", "HiddenField"}
        }
        assert "メールアドレス" in labels
        assert {one for one in labels if not JAPANESE.search(one)} == set()
        length = security.i18n_domain.gettext(security_messages["PASSWORD_INVALID_LENGTH"][0], length=12)
        assert length.startswith("パスワードは12文字以上")
    with app.app_context(), app.test_request_context("/account/signin?lang=en"):
        text = security_messages["INVALID_PASSWORD"][0]
        assert security.i18n_domain.gettext(text) == text


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (Message("開催日", ""), "is not translated"),
        (Message("開催日", "Date", flags=["fuzzy"]), "is a guess (fuzzy)"),
        (Message("残り%(count)s席", "%(number)s seats left"), "has other placeholders"),
        (Message("開催日", "開催日"), "still holds Japanese"),
        (Message("例：タカサキ", "Example: タカサキ"), "still holds Japanese"),
        (Message("例：タカサキ", "Example: “タカサキ”"), None),
        (Message(("%(num)s名", "%(num)s名"), ("%(num)s person", "")), "is not translated"),
        (Message("残り%(count)s席", "%(count)s seats left"), None),
    ],
)
def test_planted_faults_are_found(message: Message, expected: str | None) -> None:
    assert fault(message) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (None, "is not translated"),
        (Message("Invalid password", ""), "is not translated"),
        (Message("Invalid password", "Wrong password"), "is not in Japanese"),
        (Message("Sent to %(email)s", "お送りしました"), "has other placeholders"),
        (Message("Not within %(within)s", "%(within)sを過ぎています"), "has other placeholders"),
        (Message("Not within %(within)s", "有効期間を過ぎています"), None),
        (Message("Invalid password", "パスワードが違います。"), None),
    ],
)
def test_planted_faults_in_japanese_are_found(message: Message | None, expected: str | None) -> None:
    assert fault(message, japanese=True) == expected


def test_words_of_code_and_templates_are_seen(tmp_path: Path) -> None:
    (tmp_path / "babel.cfg").write_text((ROOT / "babel.cfg").read_text())
    (tmp_path / "eventsite").mkdir()
    (tmp_path / "eventsite" / "a.py").write_text("_l('一')\n_('二')\nngettext('三', '三つ', 3)\n")
    (tmp_path / "templates" / "parts").mkdir(parents=True)
    (tmp_path / "templates" / "parts" / "a.html").write_text("{{ _('四') }}{% trans %}五{% endtrans %}")
    assert said(tmp_path) == {"一", "二", "三", "四", "五"}
