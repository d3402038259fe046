"""Dataset jobs: the shell around `streaming.datasets`.

slices.py     what a worker is asked, and what it answers
worker.py     a process that computes slices of jobs
pool.py       the workers of a server process, fair between jobs
spool.py      inputs and checkpoints on disk
intake.py     bodies of requests on their way into the spool
running.py    a job's events for one client
endpoint.py   the ASGI application at /deep_tree_echo/stream_...
services.py   jobs in the database and on the record
openapi.py    the description that clients read
views.py      the page, and jobs as resources
"""
