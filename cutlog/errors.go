package cutlog

import "fmt"

// CorruptError says that the log is not as its writers left it: an object was damaged, removed, or put by something
// else. Nothing should write to the archive before an operator has looked at it. The error is permanent.
type CorruptError struct {
	Object   string // name of the object; empty where only its bytes are known
	Expected string
	Found    string // FoundNothing if the object is missing
	Advice   string // what to do
}

// FoundNothing is what a CorruptError has found of an object that is not there.
const FoundNothing = "nothing"

func (e *CorruptError) Error() string {
	return describe("corrupt cut log", e.Object, e.Expected, e.Found, e.Advice)
}

// MismatchError says that an archive belongs to another stream, subject filter or capture than expected. The error is
// permanent.
type MismatchError struct {
	Object   string // name of the object that says so
	Expected string // what the caller has
	Found    string // what the archive has
	Advice   string // what to do
}

func (e *MismatchError) Error() string {
	return describe("capture does not fit the archive", e.Object, e.Expected, e.Found, e.Advice)
}

// VersionError says that an object was written in a layout that this package does not know. The error is permanent.
type VersionError struct {
	Object string // name of the object; empty where only its bytes are known
	Found  int    // version of the object; this package reads Version
}

func (e *VersionError) Error() string {
	return describe("unknown layout version", e.Object, fmt.Sprint(Version), fmt.Sprint(e.Found),
		"use the version of jetcapture that wrote it, or a newer one")
}

// NoCreateOnlyError says that a store replaced an existing object, or claims so. Exactly once is impossible on such a
// store. The error is permanent.
type NoCreateOnlyError struct {
	Object string // name of the object that was put twice
}

func (e *NoCreateOnlyError) Error() string {
	return describe("store has no create-only writes", e.Object,
		"the second put of the same name to be refused", "it was accepted",
		"use a store that honours If-None-Match: * (S3, Azure) or ifGenerationMatch=0 (Google Cloud Storage), "+
			"or a local disk")
}

func describe(what, object, expected, found, advice string) string {
	if object != "" {
		what += ": " + object
	}
	what += ": expected " + expected + ", found " + found
	if advice != "" {
		what += ": " + advice
	}
	return what
}
