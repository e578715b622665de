"""Running Tidegate: the local stack, the command line, dashboards."""
