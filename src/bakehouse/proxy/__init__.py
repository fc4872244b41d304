"""A proxy that leads AWS's host names to the server on this machine, and tunnels all others."""
