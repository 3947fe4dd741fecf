#!/bin/sh
# Everything that can be known about infra/ without Azure. `infra/check.sh --bless` renews the files that are made from the templates.
exec python3 -B "$(dirname -- "$0")/checks/check.py" "$@"
