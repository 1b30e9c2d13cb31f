"""The calls of the admin API by subject: thin functions over the handles, and their rows."""
