"""What comes back: delivery reports and calendars' answers. Nothing here acts upon an answer."""
