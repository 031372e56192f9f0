"""The organisers' side: their events, what is on offer in them, who is coming. Each of its rooms brings its pages.

Not for who may enter (guards.py), nor for what happens then (events/, registration/).
"""

from eventsite.web.organiser import approvals, categories, events, roster
from eventsite.web.organiser.desk import bp

__all__ = ["approvals", "bp", "categories", "events", "roster"]
