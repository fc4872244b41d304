"""What a client's process is given so that code written for AWS speaks to a server as it is."""
