"""Probes for people, load balancers and Kubernetes."""
