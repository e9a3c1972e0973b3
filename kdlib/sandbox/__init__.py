"""The embedded cluster: a Kubernetes-compatible API server in process, its controllers, and pods as local processes.

Layer: shell.
"""
