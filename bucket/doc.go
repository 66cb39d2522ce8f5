// Package bucket is the port through which an archive is written and read: immutable objects that are created once, whole or not at
// all, and never change.
//
// [Bucket] is the port. [Dir] keeps it on a local disk, [Mem] in memory; package bucket/cloud opens object stores. Package
// bucket/buckettest is the suite that every implementation passes, and a wrapper that injects faults.
//
// # Create-only
//
// Everything rests on PutNew: among any number of writers, in any number of processes, at most one gives a name its content. It is a
// fence without clocks and leases. A store that overwrites silently is unfit, however well it behaves otherwise.
//
// # Outcomes of a put
//
// A put has three outcomes: nil, ErrExists, and "not known". After ErrExists and after any error that is not permanent the caller
// puts the same bytes again or reads back; status codes prove nothing, for a client's own retry can turn success into "exists".
// Both nil and ErrExists say that the object of that name is durable; so do Open and Stat when they show it.
package bucket
