"""Work that outlives the page that asked for it: jobs as rows in SQLite, run one after the other by a worker process."""
