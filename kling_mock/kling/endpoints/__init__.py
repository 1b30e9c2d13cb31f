"""What each endpoint accepts: fields, limits, rules, prices and examples."""
