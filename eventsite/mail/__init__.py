"""What people are told: letters are rows first, written in the transaction of their cause, and leave by one door."""
