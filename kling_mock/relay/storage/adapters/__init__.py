"""One adapter per driver. Adapters run transactions without knowing their content."""
