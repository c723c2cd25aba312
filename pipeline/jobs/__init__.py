"""Work that outlives the page that asked for it: jobs as rows in SQLite, run one by one in a worker process."""
