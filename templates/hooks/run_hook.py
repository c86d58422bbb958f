"""Runs one point of an app's `deploy/hooks.py`: `run_hook.py prepare`. What it is about is in the environment."""
import importlib.util
import json
import os
import sys


def main(point):
    env = os.environ
    directory = env['PYPAAS_DIRECTORY']
    # Hooks import what is theirs: modules of the app, and those beside this file.
    sys.path.insert(0, directory)
    path = os.path.join(directory, 'deploy', 'hooks.py')
    spec = importlib.util.spec_from_file_location('deploy_hooks', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not callable(getattr(module, 'hook', None)):
        sys.exit('deploy/hooks.py defines no class by the name `hook`')
    hook = module.hook(
        env['PYPAAS_APP'],
        env['PYPAAS_TARGET'],
        env['PYPAAS_ROOT'],
        env['PYPAAS_VERSION'],
        json.loads(env['PYPAAS_VALUES']),
        None,
    )
    method = getattr(hook, point, None)
    if method is not None:
        method()


main(sys.argv[1])
