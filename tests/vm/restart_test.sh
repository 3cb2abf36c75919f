#!/bin/bash
# A Linux client works on while rubusd is killed and started again every few seconds: its handles
# stay good, what was answered stays done, and what is asked again is not done twice, so that every
# answer is still that of a local file system.
RUBUS_KILL_EVERY=4 exec "$(dirname "$0")/mount_test.sh"
