"""Error pages: what happened, what to do, and a number to quote. No page says more than that."""

import logging
import secrets
from typing import Any

from flask import Flask, Response, make_response, render_template
from flask_babel import lazy_gettext as _l
from sqlalchemy.exc import OperationalError, TimeoutError
from werkzeug.exceptions import HTTPException, SecurityError

from eventsite.errors import Busy

log = logging.getLogger(__name__)

PAGES: dict[int, tuple[Any, Any]] = {
    400: (
        _l("この操作はお受けできませんでした"),
        _l("ページを開いてから時間がたったか、途中で内容が変わった可能性があります。前のページに戻り、もう一度お試しください。"),
    ),
    403: (_l("このページは開けません"), _l("この操作をする権限がないか、ほかのサイトから送られた操作です。")),
    404: (
        _l("ページが見つかりません"),
        _l("アドレスが正しいかご確認ください。公開が終わったか、まだ公開されていない可能性もあります。"),
    ),
    405: (_l("この操作はできません"), _l("セミナー一覧から、もう一度お進みください。")),
    413: (_l("送られた内容が大きすぎます"), _l("入力を短くして、もう一度お試しください。")),
    429: (_l("アクセスが集中しています"), _l("しばらく待ってから、もう一度お試しください。")),
    500: (
        _l("処理の途中で問題が起きました"),
        _l("ご不便をおかけします。しばらく待ってから、もう一度お試しください。続くときは、下の番号を添えて事務局へご連絡ください。"),
    ),
    503: (
        _l("ただいま混み合っています"),
        _l("内容は保存されていません。少し待ってから、ページを再読み込みしてもう一度お試しください。"),
    ),
}  # fmt: skip


def init_app(app: Flask) -> None:
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Busy, _busy)
    app.register_error_handler(Exception, _fault)


def page(code: int) -> Response:
    """Return the error page for an HTTP status."""
    heading, text = PAGES.get(code, PAGES[400 if code < 500 else 500])
    request_id = secrets.token_hex(4) if code >= 500 else ""
    body = render_template("errors/error.html", code=code, heading=heading, text=text, request_id=request_id)
    response = make_response(body, code)
    response.headers["Cache-Control"] = "no-store"
    return response


def _http_error(error: HTTPException) -> Response:
    if isinstance(error, SecurityError):
        return Response("400: this site does not answer under that name\n", 400, content_type="text/plain")
    if error.response is not None or error.code is None or error.code < 400:
        return error.get_response()  # type: ignore[return-value]
    response = page(error.code)
    for name, value in error.get_headers():
        if name.lower() not in {"content-type", "content-length"}:
            response.headers[name] = value
    return response


def _busy(error: Busy) -> Response:
    response = page(503)
    response.headers["Retry-After"] = "5"
    return response


def _fault(error: Exception) -> Response:
    """A database that cannot be reached or is full is a 503: nothing was stored, the same request may come again."""
    log.error("unhandled fault", exc_info=error)
    if isinstance(error, OperationalError | TimeoutError):
        return _busy(Busy())
    return page(500)
