package urls

import (
	"strings"
	"testing"
)

const canary = "CANARY"

// spellings are user infos with the secret in each odd place.
func spellings() (users []string) {
	for _, s := range []string{
		"me:*", "*", "me:a*", "me:a#*", "me:*#a", "#*", "me:a/*", "me:*/a", "/*", "me:a?*", "me:*?a", "me:a,*", "me:*,a",
		",*",
		"me:a@*", "me:*@a", "@*", "*@", "me:a:*", "me:1,*", "me:%zz*", "me:[*", "me:a*]", "me:\\*", "*:x-oauth", "me:a=*&b",
		"me:1/*", "me:1?x=*", "me:a://*", "me:;*", "me:$*", "me:a,b@*", "me:%40*", "me:1#*@x",
	} {
		users = append(users, strings.ReplaceAll(s, "*", canary))
	}
	return users
}

func TestNothingShown(t *testing.T) {
	for _, user := range spellings() {
		for _, host := range []string{"h:4222", "[::1", "[::1]:4222", "", "h/x?y#z"} {
			for _, begin := range []string{"nats://", "s3://", "", "file://", "NATS://", "http://"} {
				address := begin + user + "@" + host
				if got := Show(address); got != begin+host {
					t.Errorf("Show(%q) = %q, want %q", address, got, begin+host)
				}
				if got := ShowServers(address); strings.Contains(got, canary) {
					t.Errorf("ShowServers(%q) = %q", address, got)
				}
				got := ShowText("open " + address + ": no such host")
				if begin != "" && (strings.Contains(got, canary) || !strings.HasSuffix(got, ": no such host")) {
					t.Errorf("ShowText(%q) = %q", address, got)
				}
				if err := CheckServers(address); err != nil && strings.Contains(err.Error(), canary) {
					t.Errorf("CheckServers(%q) = %v", address, err)
				}
			}
		}
	}
}

func TestShowServers(t *testing.T) {
	for list, want := range map[string]string{
		"":                                    "",
		"h:4222":                              "h:4222",
		"nats://me:x@h1, nats://me:x@h2":      "nats://h1,nats://h2",
		"nats://h1,h2:4222":                   "nats://h1,h2:4222",
		"tls://h1,,wss://x@h2":                "tls://h1,wss://h2",
		"nats://me:a,b@h1,nats://me:a,b@h2:1": "nats://h1,nats://h2:1",
	} {
		if got := ShowServers(list); got != want {
			t.Errorf("ShowServers(%q) = %q, want %q", list, got, want)
		}
	}
}

func TestCheckServers(t *testing.T) {
	for _, list := range []string{
		"h", "h:4222", "nats://h", "nats://h1, h2:4222", "nats://me:a%23%2F@h", "token@h", "nats://me:x@h1,tls://me:x@h2:1",
		"nats://[::1]:4222", "",
	} {
		if err := CheckServers(list); err != nil {
			t.Errorf("%q is refused: %v", list, err)
		}
	}
	for _, list := range []string{
		"nats://me:a#b@h", "nats://a/b@h", "nats://me:a?b@h", "nats://me:a,b@h", "nats://me:a@b@h", "nats://me:secret",
		"nats://",
		"nats://h1,me:1,x@h2", "nats://me:%zz@h", "nats://a b@h", "nats://[::1",
	} {
		if err := CheckServers(list); err == nil {
			t.Errorf("%q is accepted", list)
		}
	}
}
