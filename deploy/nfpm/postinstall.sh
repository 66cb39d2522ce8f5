#!/bin/sh
# Makes the user of the service. systemd makes the folder of its state.
set -e
if ! getent group jetcapture >/dev/null 2>&1; then
  groupadd --system jetcapture 2>/dev/null || addgroup -S jetcapture
fi
if ! getent passwd jetcapture >/dev/null 2>&1; then
  useradd --system --gid jetcapture --home-dir /var/lib/jetcapture --shell /usr/sbin/nologin jetcapture 2>/dev/null ||
    adduser -S -D -H -h /var/lib/jetcapture -s /sbin/nologin -G jetcapture jetcapture
fi
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || true
fi
