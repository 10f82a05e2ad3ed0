#!/bin/sh
# Runs dbmate as the migration job. DATABASE_URL is the service's; dbmate knows the plain scheme only, and the URL goes to
# it by the environment, because arguments are seen by every process.
set -eu
: "${DATABASE_URL:?is not set: the job has no connection string}"
export DATABASE_URL="postgresql://${DATABASE_URL#*://}"
# Tables belong to the role that the first import makes. Waiting for a lock must not stop the service.
export PGOPTIONS="-c role=settlement_owner -c lock_timeout=10s"
exec dbmate --no-dump-schema "$@"
