"""What the relay does, one class per duty; each is given its clock, storage and upstream."""
