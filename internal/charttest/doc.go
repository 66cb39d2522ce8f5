// Package charttest tests the chart of Helm and the base of kustomize in deploy. It renders them with the libraries of
// both, and decodes what comes out strictly into the types of Kubernetes and of Prometheus' operator. It is a module of
// its own, so that users of the library never download these.
package charttest
