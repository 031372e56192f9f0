"""Background work: signs of life, work that comes round, the state of the post room."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from eventsite.db import Base, UTCDateTime


class Heartbeat(Base):
    """When a worker last looked for work; `/readyz` reads it."""

    __tablename__ = "heartbeat"

    worker: Mapped[str] = mapped_column(String(80), primary_key=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime)


class Task(Base):
    """Work that comes round by the clock: when next, and who does it now."""

    __tablename__ = "task"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    next_run: Mapped[datetime] = mapped_column(UTCDateTime)
    lease_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    worker: Mapped[str] = mapped_column(String(80), default="")


class PostRoom(Base):
    """The one row about all mail: held by an operator, or pausing because the mail server does not answer."""

    __tablename__ = "post_room"

    name: Mapped[str] = mapped_column(String(10), primary_key=True, default="mail")
    held_at: Mapped[datetime | None] = mapped_column(UTCDateTime, comment="hold all mail; null = do not")
    failing_since: Mapped[datetime | None] = mapped_column(UTCDateTime)
    failures: Mapped[int] = mapped_column(default=0, comment="failed connections in a row")
    paused_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    told_at: Mapped[datetime | None] = mapped_column(
        UTCDateTime, comment="when staff were told of the outage"
    )
