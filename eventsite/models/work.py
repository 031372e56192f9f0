"""Signs of life of the background work."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from eventsite.db import Base, UTCDateTime


class Heartbeat(Base):
    """When a worker last looked for work; `/readyz` reads it."""

    __tablename__ = "heartbeat"

    worker: Mapped[str] = mapped_column(String(80), primary_key=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
