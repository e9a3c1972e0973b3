"""The library: models apps, roles and members, and keeps their Kubernetes objects true."""
