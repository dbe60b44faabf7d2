"""The Django project: wires everything, imported by nothing."""
