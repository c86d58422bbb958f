"""Names under which hooks that were written for yodeploy find their base classes."""
