"""How letters leave: whether they are still true, signed, by SMTP. Not for what they say."""
