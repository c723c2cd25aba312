"""The browser studio: tab sessions, screens and the server in front of them. It never touches pixels."""
