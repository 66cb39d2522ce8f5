package natsconn

import (
	"net/url"
	"strings"
)

// SplitServers returns the servers of a list that is separated by commas.
func SplitServers(servers string) (list []string) {
	for s := range strings.SplitSeq(servers, ",") {
		if s = strings.TrimSpace(s); s != "" {
			list = append(list, s)
		}
	}
	return list
}

// WithoutUsers returns a list of servers without users, passwords and tokens.
func WithoutUsers(servers string) string {
	return strings.Join(withoutUsers(SplitServers(servers)), ",")
}

// withoutUser takes user, password and token out of a server's URL.
func withoutUser(server string) string {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" {
		if _, host, found := strings.Cut(server, "@"); found {
			return host
		}
		return server
	}
	u.User = nil
	return u.String()
}

func withoutUsers(servers []string) []string {
	list := make([]string, len(servers))
	for i, s := range servers {
		list[i] = withoutUser(s)
	}
	return list
}
