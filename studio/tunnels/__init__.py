"""Tunnels: programs that make the studio reachable by a link, and who keeps them open."""
