"""What travels between server and hosts, packed and checked."""
