"""Properties of the container: what holds whatever comes in whatever order."""
