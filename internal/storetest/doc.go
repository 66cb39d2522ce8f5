// Package storetest tests the drivers of package bucket/cloud, and captures through them, against servers with the
// protocols of the stores: versitygw for S3, fake-gcs-server for Google Cloud Storage, Azurite for Azure. It is a
// module of its own, so that users of the library never download these.
//
// The tests start the servers themselves. Azurite needs Node. It is installed once from npm, into the user's cache
// directory. Without Node it is left out with a line that says so; with CI=true that is a failure.
package storetest
