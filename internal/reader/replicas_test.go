package reader

import (
	"encoding/json"
	"testing"
)

func TestReplicasThatAreBehind(t *testing.T) {
	for answer, want := range map[string]string{
		`{}`:                          "",
		`{"cluster":{"leader":"n1"}}`: "",
		`{"cluster":{"replicas":[{"name":"n2","current":true},{"name":"n3","current":true}]}}`:                "",
		`{"cluster":{"replicas":[{"name":"n2","current":true},{"name":"n3","current":false,"lag":7}]}}`:       "n3",
		`{"cluster":{"replicas":[{"name":"n2","current":true,"offline":true},{"name":"n3","current":true}]}}`: "n2",
	} {
		var info consumerInfo
		if err := json.Unmarshal([]byte(answer), &info); err != nil {
			t.Fatal(err)
		}
		if got := info.behind(); got != want {
			t.Errorf("%s: %q is behind, want %q", answer, got, want)
		}
	}
}
