"""One adapter per driver: they run transactions and know nothing of their content."""
