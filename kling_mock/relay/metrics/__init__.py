"""The counters of one relay process, and their Prometheus format."""
