pytest_plugins = ["bookkit.checks.plugin"]
