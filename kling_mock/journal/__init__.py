"""The requests to a server and its replies: entries, matching, and assertions."""
