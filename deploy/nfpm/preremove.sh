#!/bin/sh
# Stops the captures when the package is removed, and not when it is upgraded: restarting them is up to the operator.
# Configurations, archives and the user stay: nothing here deletes data.
set -e
case "$1" in
  remove | 0 | '') ;;
  *) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
  systemctl stop 'jetcapture@*.service' || true
fi
