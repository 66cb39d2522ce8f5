package cloud_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/jetcapture/jetcapture/bucket"
)

// partsStore is a store with the API of S3, as far as objects in parts need it. It may be wrong in several ways.
type partsStore struct {
	overwrites bool // the condition of CompleteMultipartUpload is ignored
	decodes    bool // %41 in names is decoded twice
	denies     bool // parts are denied
	changes    bool // other bytes are stored

	mu        sync.Mutex
	objects   map[string][]byte
	part      []byte
	completed int
}

func (s *partsStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, query := r.URL.Path, r.URL.Query()
	if s.decodes {
		key, _ = url.PathUnescape(key)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/xml")
	switch object, taken := s.objects[key]; {
	case s.denies && r.Method == http.MethodPost:
		reply{http.StatusForbidden, "AccessDenied", ""}.write("s3", w, r)
	case query.Has("uploads"):
		fmt.Fprint(w, "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
	case r.Method == http.MethodPut && query.Has("uploadId"):
		s.part = body
		w.Header().Set("ETag", `"e"`)
	case r.Method == http.MethodPost:
		s.complete(w, r, key, taken)
	case r.Method == http.MethodDelete:
		w.WriteHeader(http.StatusNoContent)
	case !taken:
		reply{http.StatusNotFound, "NoSuchKey", ""}.write("s3", w, r)
	default:
		w.Header().Set("ETag", `"e"`)
		w.Header().Set("Content-Length", fmt.Sprint(len(object)))
		if r.Method == http.MethodGet {
			_, _ = w.Write(object)
		}
	}
}

func (s *partsStore) complete(w http.ResponseWriter, r *http.Request, key string, taken bool) {
	if taken && !s.overwrites {
		reply{http.StatusPreconditionFailed, "PreconditionFailed", ""}.write("s3", w, r)
		return
	}
	s.completed++
	s.objects[key] = s.part
	if s.changes {
		s.objects[key] = bytes.ToUpper(s.part)
	}
	fmt.Fprint(w, `<CompleteMultipartUploadResult><ETag>"e"</ETag></CompleteMultipartUploadResult>`)
}

// TestProbe: objects in parts have a condition of their own, which a store may ignore.
func TestProbe(t *testing.T) {
	for _, tt := range []struct {
		name  string
		store *partsStore
		want  string // part of the error; empty: none
		puts  int    // objects that the store has accepted after two probes
	}{
		{"a good store", &partsStore{}, "", 1},
		{"a store that overwrites", &partsStore{overwrites: true}, bucket.ErrOverwrites.Error(), 4},
		{"a store that decodes names", &partsStore{decodes: true}, "confuses names", 1},
		{"no right to put parts", &partsStore{denies: true}, "", 0},
		{"a store that keeps other bytes", &partsStore{changes: true}, "do not trust this store", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.store.objects = map[string][]byte{}
			b := openAt(t, "s3", tt.store.ServeHTTP)
			for range 2 { // two starts
				err := b.(bucket.Prober).Probe(t.Context(), "_jetcapture/S/probe%41")
				if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
					t.Errorf("Probe = %v, want %q", err, tt.want)
				}
				if err != nil && (!bucket.IsPermanent(err) || errors.Is(err, bucket.ErrExists)) {
					t.Errorf("the error is not permanent: %v", err)
				}
			}
			if tt.store.completed != tt.puts {
				t.Errorf("the store has accepted %d objects, want %d", tt.store.completed, tt.puts)
			}
		})
	}
}

// TestSignatureWithItsQuestionMark: the Azure portal shows a signature as it stands in a URL.
func TestSignatureWithItsQuestionMark(t *testing.T) {
	for _, sign := range []string{"", "?"} {
		var query url.Values
		b := openAzureSigned(t, sign+"sv=2024-05-04&sig=abc%2Bd", func(w http.ResponseWriter, r *http.Request) {
			query = r.URL.Query()
			reply{http.StatusNotFound, "BlobNotFound", ""}.write("azblob", w, r)
		})
		if _, err := b.Stat(t.Context(), "x"); !errors.Is(err, bucket.ErrNotExist) {
			t.Errorf("Stat = %v", err)
		}
		if query.Get("sv") != "2024-05-04" || query.Get("sig") != "abc+d" {
			t.Errorf("the request has %v", query)
		}
	}
}
