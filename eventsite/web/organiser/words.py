"""The words of the event's letters: which are its own, one letter's words changed, previewed, put back (D67).

Not for what may be said (`mail/word_checks.py`), nor for the mail that was sent (letters.py).
"""

from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from eventsite import clock, i18n, wording
from eventsite.mail import sampling
from eventsite.mail.wording import compose, editable, own_words
from eventsite.mail.wording.compose import Composed
from eventsite.models import Attendee, Event
from eventsite.web import guards
from eventsite.web.forms.own_words import WordsForm
from eventsite.web.organiser.desk import bp, button_answer, form_answer, me

_PAGE = "organiser/letter_words.html"


@bp.get("/events/<slug>/letters/words")
@guards.for_event("edit")
def words(event: Event) -> ResponseReturnValue:
    changed = own_words.changed(event)
    rows = [
        {
            "letter": letter,
            "name": wording.letter_name(letter),
            "when": one.when,
            "changed": {locale: (letter, locale) in changed for locale in compose.LOCALES},
        }
        for letter, one in editable.LETTERS.items()
    ]
    return render_template("organiser/words.html", event=event, rows=rows, languages=i18n.LANGUAGES)


@bp.route("/events/<slug>/letters/words/<letter>", methods=["GET", "POST"])
@guards.for_event("edit")
def edit_words(event: Event, letter: str) -> ResponseReturnValue:
    """The form; its buttons for the preview and for the standard body come back with all that was typed."""
    locale = _locale(letter)
    stored = own_words.find(event, letter, locale)
    people = sampling.fitting(event, letter, locale)
    form = WordsForm(letter, locale, stored, people)
    shown = {"event": event, "stored": stored, **_about(event, letter, locale)}
    action = request.form.get("action", "")

    def save() -> ResponseReturnValue:
        if action == "preview":
            return _with_preview(event, form, people, shown)
        own = form.own()
        changed = own_words.save(event, letter, locale, own.subject, own.addition, own.body, me())
        _say(changed, form)
        return redirect(_address(event, letter, locale), 303)

    if action == "standard":
        form.body.data = form.body.data or compose.standard_source(letter, locale).body
        return render_template(_PAGE, form=form, faults=[], focus="body", **shown)
    return form_answer(form, save, _PAGE, **shown)


@bp.post("/events/<slug>/letters/words/<letter>/standard")
@guards.for_event("edit")
def reset_words(event: Event, letter: str) -> ResponseReturnValue:
    locale = _locale(letter)
    return button_answer(
        lambda: own_words.reset(event, letter, locale, me()),
        _("標準の文面に戻しました。"),
        _address(event, letter, locale),
    )


def _locale(letter: str) -> str:
    """Return which language's words are meant; 404 for a letter that there is not."""
    if letter not in editable.LETTERS:
        abort(404)
    locale = request.args.get("language", compose.LOCALES[0])
    return locale if locale in compose.LOCALES else abort(404)


def _about(event: Event, letter: str, locale: str) -> dict[str, Any]:
    """What the page says of the letter: its standard words, what may be filled in, and with what."""
    standard = compose.standard(letter, locale)
    return {
        "letter": letter,
        "name": wording.letter_name(letter),
        "when": editable.LETTERS[letter].when,
        "language": locale,
        "languages": i18n.LANGUAGES,
        "standard": compose.standard_source(letter, locale),
        "values": sampling.values(event, letter, locale, clock.now()),
        "blocks": [name for name in compose.BLOCK_FOLDERS if name in standard.blocks],
        "limits": editable,
    }


def _with_preview(
    event: Event, form: WordsForm, people: list[Attendee], shown: dict[str, Any]
) -> ResponseReturnValue:
    found = next((one for one in people if one.number == form.attendee.data), None)
    preview: Composed | None = None
    missing = ""
    try:
        preview = sampling.preview(event, form.letter, form.locale, form.own(), found, clock.now())
    except KeyError as lacking:
        missing = str(lacking.args[0])
    seen_as = found.name if found else ""
    return render_template(
        _PAGE, form=form, faults=[], preview=preview, seen_as=seen_as, missing=missing, **shown
    )


def _say(changed: bool, form: WordsForm) -> None:
    if not changed:
        flash(_("変わったところはありませんでした。"), "info")
        return
    flash(_("文面を保存しました。これから作るメールに使います。"), "success")
    typed = (form.subject.data or "").strip()
    if form.subject.cleaned and form.subject.cleaned != typed:
        words = _(
            "件名には使えない文字があったため、「%(subject)s」に直しました。", subject=form.subject.cleaned
        )
        flash(words, "info")


def _address(event: Event, letter: str, locale: str) -> str:
    language = None if locale == compose.LOCALES[0] else locale
    return url_for("organiser.edit_words", slug=event.slug, letter=letter, language=language)
