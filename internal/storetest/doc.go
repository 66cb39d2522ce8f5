// Package storetest tests the drivers of package bucket/cloud, and captures through them, against servers that speak the protocols of
// the stores: versitygw for S3, fake-gcs-server for Google Cloud Storage, Azurite for Azure. It is a module of its own, so that users of
// the library never download these.
//
// The tests start the servers themselves. Azurite needs Node; it is installed from npm, once, into the user's cache directory. Without
// Node it is left out, and that is said in one line; with CI=true it is a failure.
package storetest
