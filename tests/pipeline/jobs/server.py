"""A process that runs a queue until it is killed, as the studio does: `server.py FOLDER`."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from pipeline.jobs.runner import Jobs

if __name__ == "__main__":
    jobs = Jobs(Path(sys.argv[1]), command=sys.argv[2:])
    jobs.start()
    threading.Event().wait()
