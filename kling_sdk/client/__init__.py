"""The clients and their resources: the interface that programs call."""
