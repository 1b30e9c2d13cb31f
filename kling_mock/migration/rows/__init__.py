"""What has to change in the rows, and the record of what was changed."""
