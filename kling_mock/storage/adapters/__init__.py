"""One adapter per driver: they run units and know nothing of what these decide."""
