// Package urls shows URLs that users gave without their user info, and checks those of servers. It goes by the last @,
// before package url parses anything: behind a password with a # or a / that sees another host, and quotes the rest.
package urls

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
)

var (
	scheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)
	// next is where another server of a list begins for certain. A comma alone may be part of a password.
	next   = regexp.MustCompile(`[,\s]+(?:nats|tls|wss?)://`)
	inText = regexp.MustCompile(`//[^\s"]*@`)
)

// Show returns a URL without user info. It takes whatever a user may have given for a URL.
func Show(address string) string {
	begin, _, rest := split(address)
	return begin + rest
}

// split takes a URL apart. The user info is all between scheme and last @.
func split(address string) (begin, user, rest string) {
	begin = scheme.FindString(address)
	rest = address[len(begin):]
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		return begin, rest[:i], rest[i+1:]
	}
	return begin, "", rest
}

// ShowText returns a text, such as the error of another package, without the user info of the URLs in it.
func ShowText(text string) string { return inText.ReplaceAllString(text, "//") }

// Servers returns the servers of a list that is separated by commas.
func Servers(list string) (servers []string) {
	for s := range strings.SplitSeq(list, ",") {
		if s = strings.TrimSpace(s); s != "" {
			servers = append(servers, s)
		}
	}
	return servers
}

// ShowServers is Show for a list of servers.
func ShowServers(list string) string {
	shown := parts(list)
	for i, part := range shown {
		shown[i] = Show(part)
	}
	return strings.Join(shown, ",")
}

// parts splits a list only where no password can be split. A part has one server, or several of which only the first
// has a scheme.
func parts(list string) (all []string) {
	begin := 0
	for _, at := range next.FindAllStringIndex(list, -1) {
		all = append(all, strings.TrimSpace(list[begin:at[0]]))
		begin = at[0] + strings.IndexFunc(
			list[at[0]:at[1]],
			func(r rune) bool { return !strings.ContainsRune(", \t\r\n", r) },
		)
	}
	return append(all, strings.TrimSpace(list[begin:]))
}

// CheckServers returns what is wrong with a list of servers. Whoever connects asks it first: a part of a password must
// not be taken for the name of a host and looked up. Its errors show nothing of the list.
func CheckServers(list string) error {
	for _, part := range parts(list) {
		_, user, _ := split(part)
		if i := strings.IndexAny(user, "#/?,@ \t"); i >= 0 {
			return errors.New("the user or password in the URL has a character that must be written otherwise: # as %23, " +
				"/ as %2F, ? as %3F, @ as %40, a comma as %2C and a blank as %20")
		}
	}
	for _, server := range Servers(list) {
		if scheme.FindString(server) == "" {
			server = "nats://" + server // as nats.go does
		}
		if u, err := url.Parse(server); err != nil || u.Host == "" {
			return errors.New("it is not the URL of a server: write it as in nats://HOST:PORT, and other characters than " +
				"letters and digits in a user or password as %XX")
		}
	}
	return nil
}
