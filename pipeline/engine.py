"""The one thing that screens, API and command line talk to."""
