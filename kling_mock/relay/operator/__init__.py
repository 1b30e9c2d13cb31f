"""The operator's calls, by HTTP and from a shell: users, tokens, channels, reports."""
