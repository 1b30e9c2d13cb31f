"""One module per endpoint, with its record, and what the records share."""
