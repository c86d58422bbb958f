"""What `deploy/hooks.py` of an app can build on.

An app's `hook` is a class. pypaas makes one object of it for each point and calls the method of that name:

    from pypaas_hooks import DeployHook

    class Hook(DeployHook):
        def prepare(self):
            self.run('python', 'manage.py', 'collectstatic', '--noinput')

    hook = Hook

It runs with the app's virtualenv if it has one, in the directory of the version. What it raises makes the point fail.
"""
import os
import subprocess


class DeployHook(object):
    """Does nothing at either point.

    app         name of the app
    target      `master`, `staging`, ...
    root        the app's directory on this host; it has `live`, `versions` and `virtualenvs` for an app without runners
    version     the version that is deployed
    settings    the app's values on this host: `apps: {<app>: {values: ...}}` in pypaas.yml
    directory   where the files of the version are
    """

    def __init__(self, app, target, root, version, settings=None, repository=None):
        self.app = app
        self.target = target
        self.root = root
        self.version = version
        self.settings = settings or {}
        self.repository = repository
        self.directory = os.environ.get('PYPAAS_DIRECTORY') or os.getcwd()

    def prepare(self):
        """The files are unpacked, the version is not live yet. A failure leaves what is live as it is."""

    def deployed(self):
        """The version is live. A failure is reported and changes nothing any more."""

    def deploy_path(self, *parts):
        """A path in the directory of the version."""
        return os.path.join(self.directory, *parts)

    def run(self, *argv):
        """Runs a program there, without a shell. Raises CalledProcessError if it fails."""
        subprocess.check_call(argv, cwd=self.directory)
