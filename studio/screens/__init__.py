"""One file per screen: which components it has and which events they send."""
