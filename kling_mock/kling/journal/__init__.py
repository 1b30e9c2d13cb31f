"""The journal of requests to a server and their replies: entries, matching, and assertions."""
