"""See `pypaas_hooks`."""
