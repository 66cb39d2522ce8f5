// Package restore brings messages of an archive back into a NATS server, with their own sequences and times, as the
// server's portable archive NATSARC1 (nats-server 2.15, ADR-63 of nats-io/nats-architecture-and-design). It streams:
// nothing is kept on disk.
package restore
