"""What several tests share: a real server process, clients for it, values for shapes."""
