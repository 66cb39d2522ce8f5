package cloud_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/jetcapture/jetcapture/bucket"
)

// TestListAll: keys that are not object names are listed by ListAll only, but for the "directories" that tools put.
func TestListAll(t *testing.T) {
	const object = `<Contents><Key>%s</Key><Size>%d</Size><LastModified>2024-05-06T07:08:09Z</LastModified></Contents>`
	b := openAt(t, "s3", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		fmt.Fprint(w, "<ListBucketResult><IsTruncated>false</IsTruncated>")
		for _, o := range []struct {
			key  string
			size int
		}{{"a/", 0}, {"a//twice", 1}, {"a/b", 1}, {`a/back\slash`, 1}, {"a/full/", 1}} {
			fmt.Fprintf(w, object, o.key, o.size)
		}
		fmt.Fprint(w, "</ListBucketResult>")
	})
	var all, objects []string
	for e, err := range b.(bucket.AllLister).ListAll(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprint(e.Name, ":", e.Odd == ""))
	}
	for info, err := range b.List(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, info.Name)
	}
	if want := []string{"a//twice:false", "a/b:true", `a/back\slash:false`, "a/full/:false"}; !slices.Equal(all, want) {
		t.Errorf("ListAll yields %q, want %q", all, want)
	}
	if !slices.Equal(objects, []string{"a/b"}) {
		t.Errorf("List yields %q", objects)
	}
}
