"""The virtualenv is made before any hook runs, for every app with a requirements.txt."""
from pypaas_hooks import DeployHook


class PythonApp(DeployHook):
    pass
