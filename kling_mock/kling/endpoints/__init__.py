"""One module per endpoint with its record, and modules that the records share."""
