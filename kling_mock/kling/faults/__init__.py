"""Things that go wrong on purpose: what there is, who is meant, and what then happens."""
