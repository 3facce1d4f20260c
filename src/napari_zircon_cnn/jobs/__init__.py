"""The jobs: whole steps of the work on a project folder, for the command line, the plugin and Python.

Each is a module-level function with picklable arguments and a progress callback, so that a
worker process or a cluster can run it. The modules are light; a job imports what starts slowly.
"""
