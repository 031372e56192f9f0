"""`make run`: web and background work of one small installation, started and ended together.

Larger installations start gunicorn and `flask worker` themselves, as services of their own.
"""

import os
import signal
import subprocess
import sys
import time
from types import FrameType
from typing import Any

from eventsite.config import ROOT, settings

PROCESSES, THREADS = 2, 8
GRACE_SECONDS, END_SECONDS = 15, 20


def run(hint: str = "") -> int:
    """Serve until Ctrl-C, TERM or the end of the terminal, or until one of the two ends by itself; return the exit code."""
    stopping = _on_signals()
    children = [_start(command) for command in (web_command(settings.bind), worker_command())]
    _announce(hint)
    code = 0
    while not stopping:
        ended = [one for one in children if one.poll() is not None]
        if ended:
            code = ended[0].returncode or 1
            break
        time.sleep(0.2)
    _end(children)
    return code


def web_command(bind: str) -> list[str]:
    """Return the command of the web server: gunicorn with threads."""
    return [
        sys.executable, "-m", "gunicorn", "--bind", bind, "--workers", str(PROCESSES), "--threads", str(THREADS),
        "--worker-class", "gthread", "--graceful-timeout", str(GRACE_SECONDS), "--no-control-socket",
        "--log-level", "warning", "wsgi:app",
    ]  # fmt: skip


def worker_command() -> list[str]:
    return [sys.executable, "-m", "flask", "--app", "wsgi", "worker"]


def _start(command: list[str]) -> subprocess.Popen[Any]:
    # A group of its own: Ctrl-C reaches this process alone. A gunicorn worker that gets the terminal's INT and its
    # master's QUIT at the same moment can wait forever for the lock of its own thread pool.
    return subprocess.Popen(command, cwd=ROOT, process_group=0)  # noqa: S603 - our own commands


def _on_signals() -> list[int]:
    """Return a list that fills when the process is told to stop."""
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, note)
    return received


def _announce(hint: str) -> None:
    mails = (
        f"mail server {settings.mail_server}"
        if settings.mail_server
        else f"files in {settings.instance_path / 'mail'}"
    )
    print(
        f"eventsite: http://{settings.bind}", f"mails: {mails}", hint, "Ctrl-C ends it", sep="\n", flush=True
    )


def _end(children: list[subprocess.Popen[Any]]) -> None:
    for one in children:
        if one.poll() is None:
            one.terminate()
    for one in children:
        try:
            one.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(one.pid, signal.SIGKILL)
            one.wait()
