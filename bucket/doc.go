// Package bucket is the port through which an archive is written and read: immutable objects that are created once,
// whole or not at all, and never change.
//
// [Bucket] is the port. [Dir] implements it on a local disk, [Mem] in memory; package bucket/cloud opens object stores.
// Package bucket/buckettest has the suite that every implementation passes, and a wrapper that injects faults.
//
// # Create-only
//
// Everything rests on PutNew. Among any number of writers, in any number of processes, at most one gives a name its
// content. That is a fence without clocks and leases. A store that overwrites silently is unfit, no matter how well it
// behaves otherwise.
//
// # Outcomes of a put
//
// A put has three outcomes: nil, ErrExists, and "not known". After ErrExists and after any error that is not permanent,
// the caller puts the same bytes again or reads back. Status codes prove nothing, because a client's own retry can turn
// success into "exists". After nil and after ErrExists the object of that name is durable. An object that Open or Stat
// finds is durable, too.
package bucket
