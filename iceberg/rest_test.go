package iceberg_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	ice "github.com/apache/iceberg-go"
	"github.com/apache/iceberg-go/catalog"
	_ "github.com/apache/iceberg-go/catalog/rest"
	"github.com/apache/iceberg-go/table"
)

// restCatalog serves a catalog as Iceberg's REST catalogs do, as far as a projector needs it. One commit in two meets a
// fault: an error before the commit, or an answer that is lost behind it.
type restCatalog struct {
	catalog.Catalog
	faults  bool
	commits atomic.Int64
}

func (c *restCatalog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/") // v1/namespaces/NS/tables/NAME
	switch {
	case len(parts) == 2 && parts[1] == "config":
		c.answer(w, map[string]any{"defaults": map[string]string{}, "overrides": map[string]string{}}, nil)
	case len(parts) == 2:
		c.createNamespace(w, r)
	case len(parts) == 4:
		c.createTable(w, r, table.Identifier{parts[2]})
	case r.Method == http.MethodGet:
		t, err := c.LoadTable(r.Context(), table.Identifier{parts[2], parts[4]})
		c.table(w, t, err)
	default:
		c.commit(w, r, table.Identifier{parts[2], parts[4]})
	}
}

func (c *restCatalog) createNamespace(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Namespace table.Identifier `json:"namespace"`
	}
	err := json.NewDecoder(r.Body).Decode(&body)
	if err == nil {
		err = c.CreateNamespace(r.Context(), body.Namespace, nil)
	}
	c.answer(w, map[string]any{"namespace": body.Namespace, "properties": map[string]string{}}, err)
}

func (c *restCatalog) createTable(w http.ResponseWriter, r *http.Request, namespace table.Identifier) {
	var body struct {
		Name       string         `json:"name"`
		Schema     *ice.Schema    `json:"schema"`
		Properties ice.Properties `json:"properties"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		c.answer(w, nil, err)
		return
	}
	t, err := c.CreateTable(r.Context(), append(namespace, body.Name), body.Schema,
		catalog.WithProperties(body.Properties))
	c.table(w, t, err)
}

func (c *restCatalog) commit(w http.ResponseWriter, r *http.Request, name table.Identifier) {
	var body struct {
		Requirements table.Requirements `json:"requirements"`
		Updates      table.Updates      `json:"updates"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		c.answer(w, nil, err)
		return
	}
	n := c.commits.Add(1)
	if c.faults && n%4 == 1 {
		http.Error(w, `{"error":{"message":"not now","type":"ServiceUnavailable","code":503}}`, http.StatusServiceUnavailable)
		return
	}
	_, _, err := c.CommitTable(r.Context(), name, body.Requirements, body.Updates)
	if c.faults && n%4 == 3 {
		panic(http.ErrAbortHandler) // the answer is lost
	}
	if err != nil && !errors.Is(err, catalog.ErrNoSuchTable) {
		http.Error(w, `{"error":{"message":"conflict","type":"CommitFailedException","code":409}}`, http.StatusConflict)
		return
	}
	t, err := c.LoadTable(r.Context(), name)
	c.table(w, t, err)
}

func (c *restCatalog) table(w http.ResponseWriter, t *table.Table, err error) {
	if err != nil {
		c.answer(w, nil, err)
		return
	}
	c.answer(w, map[string]any{"metadata-location": t.MetadataLocation(), "metadata": t.Metadata()}, nil)
}

func (c *restCatalog) answer(w http.ResponseWriter, body any, err error) {
	code := http.StatusOK
	switch {
	case errors.Is(err, catalog.ErrNoSuchTable), errors.Is(err, catalog.ErrNoSuchNamespace):
		code = http.StatusNotFound
	case errors.Is(err, catalog.ErrTableAlreadyExists), errors.Is(err, catalog.ErrNamespaceAlreadyExists):
		code = http.StatusConflict
	case err != nil:
		code = http.StatusInternalServerError
	}
	if err != nil {
		body = map[string]any{"error": map[string]any{"message": err.Error(), "type": "Error", "code": code}}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) // the client is gone
}

// TestRESTCatalogWithFaults: commits that are refused and commits whose answers are lost leave each file in the table
// once, with two projectors side by side.
func TestRESTCatalogWithFaults(t *testing.T) {
	r := newRig(t, catalogs()[0])
	served := &restCatalog{Catalog: r.catalog, faults: true}
	server := httptest.NewServer(served)
	defer server.Close()
	for range 12 {
		r.cut(1, "eu", "us")
	}
	done := make(chan error)
	for range 2 {
		c := r.open(server.URL)
		go func() { done <- r.projector(c).Run(t.Context(), true) }()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	r.wantWhole()
	if n := served.commits.Load(); n < 13 {
		t.Errorf("%d commits met no fault", n)
	}
}
