"""The work of the relay, one class per duty; clock, store and upstream are arguments."""
