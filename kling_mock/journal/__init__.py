"""What was asked and answered: entries, matching them, and assertions about them."""
