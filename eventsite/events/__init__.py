"""What is on offer: events come into being, change, are published and listed."""
