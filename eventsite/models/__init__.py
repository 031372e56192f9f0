"""Nouns: what is stored, its constraints, and small questions. No verbs here.

The words are those of the glossary in docs/architecture.md. Verbs stand in `registration`, `events` and `mail`.
"""

from eventsite.models.account import Account, EventRole, Role, account_roles
from eventsite.models.admission import Draw, InviteCode, Member, Upload
from eventsite.models.audit import AuditEntry
from eventsite.models.event import Category, Event, EventStatus, Format, ParticipationMode, Question
from eventsite.models.mailing import Mailing, MailingStatus, MailReport, OwnWords, Suppression
from eventsite.models.message import Message, MessageStatus
from eventsite.models.registration import (
    Answer,
    Attendee,
    CalendarEntry,
    Consent,
    Registration,
    Revision,
    StatusChange,
)
from eventsite.models.status import ACTIVE, HOLDS_A_SEAT, MOVES, Status
from eventsite.models.work import Heartbeat, PostRoom, Task

__all__ = [
    "ACTIVE",
    "HOLDS_A_SEAT",
    "MOVES",
    "Account",
    "Answer",
    "Attendee",
    "AuditEntry",
    "CalendarEntry",
    "Category",
    "Consent",
    "Draw",
    "Event",
    "EventRole",
    "EventStatus",
    "Format",
    "Heartbeat",
    "InviteCode",
    "MailReport",
    "Mailing",
    "MailingStatus",
    "Member",
    "Message",
    "MessageStatus",
    "OwnWords",
    "ParticipationMode",
    "PostRoom",
    "Question",
    "Registration",
    "Revision",
    "Role",
    "Status",
    "StatusChange",
    "Suppression",
    "Task",
    "Upload",
    "account_roles",
]
