"""See `pypaas_hooks`."""
from pypaas_hooks import DeployHook

__all__ = ['DeployHook']
