// Package wire knows those parts of the NATS protocol that several packages need, without the client: header blocks
// (NATS ADR-4) and the matching of subjects. It imports the standard library only.
package wire
