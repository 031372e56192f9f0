"""How a letter reads: its template language, an event's own words, subject and line breaks. Not for who gets it."""
