"""What one relay process has counted, and its Prometheus form."""
