"""The clients and their resources: what a program calls."""
