"""The changes that rows need for the target schema, and the record of these changes."""
